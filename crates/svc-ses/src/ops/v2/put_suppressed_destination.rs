//! `PutSuppressedDestination`

use api_sesv2::{PutSuppressedDestinationInput, PutSuppressedDestinationOutput};
use aws_wire::Result;

use super::refuse;
use crate::keys::SUPPRESSED;
use crate::refusal::Refusal;
use crate::suppression::Suppressed;
use crate::{Ctx, account, address};

pub(crate) async fn put_suppressed_destination(
    cx: Ctx,
    input: PutSuppressedDestinationInput,
) -> Result<PutSuppressedDestinationOutput> {
    refuse("PutSuppressedDestination", &[("TenantName", input.tenant_name.is_some())])?;
    let address = address::check(&input.email_address).map_err(Refusal::v2)?.to_lowercase();
    let (account, region) = account::key(&cx.caller);
    let suppressed = Suppressed {
        reason: input.reason.as_str().to_owned(),
        updated: cx.env.now().as_micros(),
        message_id: None,
    };
    cx.kv.transact(|tx| SUPPRESSED.put(tx, &(&account, &region, &address), &suppressed)).await?;
    Ok(PutSuppressedDestinationOutput {})
}
