//! `ListEmailIdentities`

use api_sesv2::{
    IdentityInfo, ListEmailIdentitiesInput, ListEmailIdentitiesOutput, VerificationStatus, errors,
};
use aws_wire::Result;

use super::get_email_identity::kind;
use crate::page::{LENGTH_MAX, Page};
use crate::refusal::Refusal;
use crate::{Ctx, account, identity};

pub(crate) async fn list_email_identities(
    cx: Ctx,
    input: ListEmailIdentitiesInput,
) -> Result<ListEmailIdentitiesOutput> {
    let page = Page::new(input.next_token.as_ref(), input.page_size, LENGTH_MAX);
    let filter = input.filter.unwrap_or_default();
    if filter.len() > 1 {
        return Err(errors::bad_request_exception("Only one filter is allowed."));
    }
    let wanted = |name: &str| {
        filter.iter().all(|(key, value)| match key.as_str() {
            "IDENTITY_NAME_CONTAINS" => name.contains(value.as_str()),
            "IDENTITY_TYPE" => kind(name).as_str() == value,
            // `VERIFICATION_STATUS`: all are.
            _ => value == VerificationStatus::Success.as_str(),
        })
    };
    let snapshot = cx.kv.snapshot().await?;
    let (rows, next_token) =
        identity::list(&snapshot, &account::key(&cx.caller), &page, wanted).map_err(Refusal::v2)?;
    let identities = rows.into_iter().map(|(name, _)| IdentityInfo {
        identity_type: Some(kind(&name)),
        identity_name: Some(name),
        sending_enabled: Some(true),
        verification_status: Some(VerificationStatus::Success),
    });
    Ok(ListEmailIdentitiesOutput { email_identities: Some(identities.collect()), next_token })
}
