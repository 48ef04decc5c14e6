//! `DeleteApiDestination`

use api_events::{DeleteApiDestinationInput, DeleteApiDestinationOutput};
use aws_wire::{AwsError, Result};

use crate::keys::API_DESTINATIONS;
use crate::{Ctx, api_destination, keys};

pub(crate) async fn delete_api_destination(
    cx: Ctx,
    input: DeleteApiDestinationInput,
) -> Result<DeleteApiDestinationOutput> {
    let key = keys::own(&cx, &input.name);
    cx.kv
        .transact(|tx| {
            api_destination::find(tx, &key)?;
            API_DESTINATIONS.delete(tx, &key)?;
            Ok::<_, AwsError>(())
        })
        .await?;
    Ok(DeleteApiDestinationOutput {})
}
