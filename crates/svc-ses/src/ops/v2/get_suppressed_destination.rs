//! `GetSuppressedDestination`

use api_sesv2::{
    GetSuppressedDestinationInput, GetSuppressedDestinationOutput, SuppressedDestination,
    SuppressedDestinationAttributes, errors,
};
use aws_wire::{AwsError, Result};
use env::Timestamp;

use super::refuse;
use crate::keys::SUPPRESSED;
use crate::{Ctx, account};

pub(crate) async fn get_suppressed_destination(
    cx: Ctx,
    input: GetSuppressedDestinationInput,
) -> Result<GetSuppressedDestinationOutput> {
    refuse("GetSuppressedDestination", &[("TenantName", input.tenant_name.is_some())])?;
    let address = input.email_address.to_lowercase();
    let (account, region) = account::key(&cx.caller);
    let listed = SUPPRESSED.get(&cx.kv.snapshot().await?, &(&account, &region, &address))?;
    let listed = listed.ok_or_else(absent)?;
    let attributes = listed
        .message_id
        .map(|id| SuppressedDestinationAttributes { message_id: Some(id), feedback_id: None });
    Ok(GetSuppressedDestinationOutput {
        suppressed_destination: SuppressedDestination {
            email_address: address,
            reason: listed.reason.parse().unwrap_or_default(),
            last_update_time: Timestamp::from_micros(listed.updated),
            attributes,
            tenant_name: None,
        },
    })
}

pub(super) fn absent() -> AwsError {
    errors::not_found_exception("Email address does not exist on your suppression list.")
}
