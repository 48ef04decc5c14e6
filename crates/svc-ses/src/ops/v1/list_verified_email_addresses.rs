//! `ListVerifiedEmailAddresses`: the older name of `ListIdentities`, for addresses.

use api_ses::{ListVerifiedEmailAddressesInput, ListVerifiedEmailAddressesOutput};
use aws_wire::Result;
use kv::Span;

use crate::keys::IDENTITIES;
use crate::{Ctx, account, identity};

pub(crate) async fn list_verified_email_addresses(
    cx: Ctx,
    _input: ListVerifiedEmailAddressesInput,
) -> Result<ListVerifiedEmailAddressesOutput> {
    let (account, region) = account::key(&cx.caller);
    let rows = IDENTITIES.all(&cx.kv.snapshot().await?, &Span::prefix(&(&account, &region)))?;
    let addresses = rows.into_iter().map(|((.., name), _)| name).filter(|name| !identity::is_domain(name));
    Ok(ListVerifiedEmailAddressesOutput { verified_email_addresses: Some(addresses.collect()) })
}
