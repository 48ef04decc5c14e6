//! `ChangeMessageVisibility`

use api_sqs::ChangeMessageVisibilityInput;
use aws_wire::Result;

use super::receive_message::VISIBILITY_S_MAX;
use crate::message::State;
use crate::queue::Named;
use crate::receipt::Receipt;
use crate::refusal::{invalid_value, missing};
use crate::{Ctx, fifo, queue, standard};

pub(crate) async fn change_message_visibility(cx: Ctx, input: ChangeMessageVisibilityInput) -> Result<()> {
    let named = queue::find(&cx, &input.queue_url, "ChangeMessageVisibility").await?;
    change(&cx, &named, &input.receipt_handle, Some(input.visibility_timeout)).await
}

/// Sets when the message of a handle is visible again.
///
/// # Errors
/// 400 for a message that is not in flight, and beyond twelve hours from its receipt.
pub(crate) async fn change(cx: &Ctx, named: &Named, handle: &str, timeout_s: Option<i32>) -> Result<()> {
    let timeout_s = timeout_s.ok_or_else(|| missing("VisibilityTimeout"))?;
    let queue = &named.queue;
    if !(0..=VISIBILITY_S_MAX).contains(&timeout_s) {
        return Err(invalid_value(
            timeout_s,
            "VisibilityTimeout",
            "Must be between 0 and 43200, if provided.",
        ));
    }
    let receipt = Receipt::read(handle, queue.id, queue.is_fifo())?;
    let now_ms = cx.env.now().as_millis();
    let check = |state: &State| {
        let total_ms = now_ms - state.received_ms + i64::from(timeout_s) * 1000;
        if total_ms > i64::from(VISIBILITY_S_MAX) * 1000 {
            let reason = "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]";
            return Err(invalid_value(timeout_s, "VisibilityTimeout", reason));
        }
        Ok(())
    };
    let changed = if queue.is_fifo() {
        fifo::change_visibility(cx, queue.store, &receipt, timeout_s.into(), check).await?
    } else {
        standard::change_visibility(cx, queue.store, &receipt, timeout_s.into(), check).await?
    };
    changed.ok_or_else(|| {
        let reason = "Message does not exist or is not available for visibility timeout change.";
        invalid_value(handle, "ReceiptHandle", reason)
    })
}
