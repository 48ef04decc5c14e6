//! `ChangeMessageVisibilityBatch`

use api_sqs::{
    ChangeMessageVisibilityBatchInput, ChangeMessageVisibilityBatchOutput,
    ChangeMessageVisibilityBatchResultEntry,
};
use aws_wire::Result;

use super::change_message_visibility::change;
use crate::{Ctx, batch, queue};

pub(crate) async fn change_message_visibility_batch(
    cx: Ctx,
    input: ChangeMessageVisibilityBatchInput,
) -> Result<ChangeMessageVisibilityBatchOutput> {
    let named = queue::find(&cx, &input.queue_url, "ChangeMessageVisibility").await?;
    let ids = input.entries.iter().map(|entry| entry.id.as_str());
    batch::check(ids, "ChangeMessageVisibilityBatchRequestEntry")?;
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for entry in input.entries {
        match change(&cx, &named, &entry.receipt_handle, entry.visibility_timeout).await {
            Ok(()) => successful.push(ChangeMessageVisibilityBatchResultEntry { id: entry.id }),
            Err(error) => failed.push(batch::failed(entry.id, &error)),
        }
    }
    Ok(ChangeMessageVisibilityBatchOutput { successful, failed })
}
