//! `ListIdentities`

use api_ses::{IdentityType, ListIdentitiesInput, ListIdentitiesOutput};
use aws_wire::Result;

use crate::identity::{self, is_domain};
use crate::page::{LENGTH_MAX, Page};
use crate::refusal::Refusal;
use crate::{Ctx, account};

pub(crate) async fn list_identities(cx: Ctx, input: ListIdentitiesInput) -> Result<ListIdentitiesOutput> {
    let page = Page::new(input.next_token.as_ref(), input.max_items, LENGTH_MAX);
    let wanted = |name: &str| match input.identity_type {
        Some(IdentityType::EmailAddress) => !is_domain(name),
        Some(IdentityType::Domain) => is_domain(name),
        None => true,
    };
    let snapshot = cx.kv.snapshot().await?;
    let (rows, next_token) =
        identity::list(&snapshot, &account::key(&cx.caller), &page, wanted).map_err(Refusal::v1)?;
    Ok(ListIdentitiesOutput { identities: rows.into_iter().map(|(name, _)| name).collect(), next_token })
}
