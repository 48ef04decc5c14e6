//! `DeleteMessage`

use api_sqs::DeleteMessageInput;
use aws_wire::Result;

use crate::queue::Named;
use crate::receipt::Receipt;
use crate::{Ctx, fifo, queue, standard};

pub(crate) async fn delete_message(cx: Ctx, input: DeleteMessageInput) -> Result<()> {
    let named = queue::find(&cx, &input.queue_url, "DeleteMessage").await?;
    delete(&cx, &named, &input.receipt_handle).await
}

/// Deletes the message of a handle.
///
/// # Errors
/// 404 for what is no handle; FIFO: 400 when its visibility timeout is over.
pub(crate) async fn delete(cx: &Ctx, named: &Named, handle: &str) -> Result<()> {
    let queue = &named.queue;
    let receipt = Receipt::read(handle, queue.id, queue.is_fifo())?;
    if queue.is_fifo() {
        fifo::delete(cx, queue.store, &receipt, handle).await
    } else {
        standard::delete(cx, queue.store, &[&receipt]).await
    }
}
