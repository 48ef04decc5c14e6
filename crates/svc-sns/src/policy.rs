//! Topic policies: whom of other accounts, and which services, they let in.

use api_sns::errors;
use aws_auth::policy::Policy;
use aws_wire::Result;
use service::Asking;

use crate::Ctx;
use crate::keys::TopicKey;
use crate::topic::{self, Topic};

/// Lets a caller do `action`, such as `Publish`. In their own account, whoever is authenticated may.
///
/// # Errors
/// 403 for callers of other accounts that the policy does not name.
pub(crate) fn check(cx: &Ctx, key: &TopicKey, topic: &Topic, action: &str) -> Result<()> {
    if key.0 == *cx.caller.account {
        return Ok(());
    }
    let asking = cx.asking().with("aws:SourceOwner", cx.caller.account.to_string());
    if allows(key, topic, &asking, action) {
        return Ok(());
    }
    Err(errors::authorization_error_exception(format!(
        "User: {} is not authorized to perform: SNS:{action} on resource: {} because no resource-based policy allows the \
         SNS:{action} action",
        cx.caller.principal.arn,
        topic::arn(key),
    )))
}

/// Whether the topic's policy lets whoever asks do `action`.
pub(crate) fn allows(key: &TopicKey, topic: &Topic, asking: &Asking, action: &str) -> bool {
    // What is stored was read before; a document that no longer is a policy allows nothing.
    let Ok(policy) = Policy::parse(&topic.policy(key)) else { return false };
    asking.is_let_in(&policy, &format!("sns:{action}"), &topic::arn(key))
}
