//! `DeleteSuppressedDestination`

use api_sesv2::{DeleteSuppressedDestinationInput, DeleteSuppressedDestinationOutput};
use aws_wire::{AwsError, Result};

use super::get_suppressed_destination::absent;
use super::refuse;
use crate::keys::SUPPRESSED;
use crate::{Ctx, account};

pub(crate) async fn delete_suppressed_destination(
    cx: Ctx,
    input: DeleteSuppressedDestinationInput,
) -> Result<DeleteSuppressedDestinationOutput> {
    refuse("DeleteSuppressedDestination", &[("TenantName", input.tenant_name.is_some())])?;
    let address = input.email_address.to_lowercase();
    let (account, region) = account::key(&cx.caller);
    cx.kv
        .transact(|tx| {
            let key = (&account, &region, &address);
            SUPPRESSED.get(tx, &key)?.ok_or_else(absent)?;
            Ok::<_, AwsError>(SUPPRESSED.delete(tx, &key)?)
        })
        .await?;
    Ok(DeleteSuppressedDestinationOutput {})
}
