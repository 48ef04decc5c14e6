//! `DeleteMessageBatch`

use api_sqs::{DeleteMessageBatchInput, DeleteMessageBatchOutput, DeleteMessageBatchResultEntry};
use aws_wire::Result;

use super::delete_message::delete;
use crate::receipt::Receipt;
use crate::{Ctx, batch, queue, standard};

pub(crate) async fn delete_message_batch(
    cx: Ctx,
    input: DeleteMessageBatchInput,
) -> Result<DeleteMessageBatchOutput> {
    let named = queue::find(&cx, &input.queue_url, "DeleteMessage").await?;
    batch::check(input.entries.iter().map(|entry| entry.id.as_str()), "DeleteMessageBatchRequestEntry")?;
    let (mut successful, mut failed, mut receipts) = (Vec::new(), Vec::new(), Vec::new());
    for entry in input.entries {
        let deleted = if named.queue.is_fifo() {
            delete(&cx, &named, &entry.receipt_handle).await
        } else {
            // Those of a standard queue go in one transaction, below.
            Receipt::read(&entry.receipt_handle, named.queue.id, false).map(|receipt| receipts.push(receipt))
        };
        match deleted {
            Ok(()) => successful.push(DeleteMessageBatchResultEntry { id: entry.id }),
            Err(error) => failed.push(batch::failed(entry.id, &error)),
        }
    }
    if !receipts.is_empty() {
        standard::delete(&cx, named.queue.store, &receipts.iter().collect::<Vec<_>>()).await?;
    }
    Ok(DeleteMessageBatchOutput { successful, failed })
}
