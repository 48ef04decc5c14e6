//! Queue policies: whom of other accounts, and which services, they let in.

use aws_auth::policy::Policy;
use aws_wire::Result;
use service::Asking;

use crate::Ctx;
use crate::keys::QueueKey;
use crate::queue::{self, Queue};
use crate::refusal::denied;

/// Lets a caller do `action`, such as `SendMessage`. In their own account, whoever is authenticated may.
///
/// # Errors
/// 403 for callers of other accounts that the policy does not name.
pub(crate) fn check(cx: &Ctx, key: &QueueKey, queue: &Queue, action: &str) -> Result<()> {
    if key.0 == *cx.caller.account {
        return Ok(());
    }
    if allows(key, queue, &cx.asking(), action) {
        return Ok(());
    }
    Err(denied(format!(
        "User: {} is not authorized to perform: sqs:{} on resource: {} because no resource-based policy allows the \
         sqs:{} action",
        cx.caller.principal.arn,
        action.to_lowercase(),
        queue::arn(key),
        action.to_lowercase(),
    )))
}

/// Whether the queue's policy lets whoever asks do `action`.
pub(crate) fn allows(key: &QueueKey, queue: &Queue, asking: &Asking, action: &str) -> bool {
    let document = queue.attribute("Policy").and_then(|text| serde_json::from_str(text).ok());
    // What is stored was read before; a document that no longer is a policy allows nothing.
    let Some(policy) = document.and_then(|document| Policy::parse(&document).ok()) else { return false };
    asking.is_let_in(&policy, &format!("sqs:{action}"), &queue::arn(key))
}
