//! Queue policies: whom of other accounts, and which services, they let in.

use aws_auth::policy::{Asker, Decision, Keys, Policy, Question};
use aws_wire::Result;

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
    let principal = &cx.caller.principal;
    let (account, arn) = (cx.caller.account.to_string(), principal.arn.clone());
    let now = cx.env.now().as_secs().to_string();
    let keys = Keys::default()
        .with("aws:PrincipalAccount", account.clone())
        .with("aws:PrincipalArn", arn.clone())
        .with("aws:userid", principal.user_id.clone())
        .with("aws:PrincipalIsAWSService", "false")
        .with("aws:RequestedRegion", cx.caller.region.to_string())
        .with("aws:CurrentTime", now.clone())
        .with("aws:EpochTime", now);
    if allows(key, queue, &Asker::Aws { account, arn }, action, &keys) {
        return Ok(());
    }
    Err(denied(format!(
        "User: {} is not authorized to perform: sqs:{} on resource: {} because no resource-based policy allows the \
         sqs:{} action",
        principal.arn,
        action.to_lowercase(),
        queue::arn(key),
        action.to_lowercase(),
    )))
}

/// Whether the queue's policy lets `asker` do `action`.
pub(crate) fn allows(key: &QueueKey, queue: &Queue, asker: &Asker, action: &str, keys: &Keys) -> bool {
    let document = queue.attribute("Policy").and_then(|text| serde_json::from_str(text).ok());
    // What is stored was read before; a document that no longer is a policy allows nothing.
    let Some(policy) = document.and_then(|document| Policy::parse(&document).ok()) else { return false };
    let (action, resource) = (format!("sqs:{action}"), queue::arn(key));
    policy.decide(Question { asker, action: &action, resource: &resource, keys }) == Decision::Allowed
}
