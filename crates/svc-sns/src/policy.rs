//! Topic policies: whom of other accounts, and which services, they let in.

use api_sns::errors;
use aws_auth::policy::{Asker, Decision, Keys, Policy, Question};
use aws_wire::Result;

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
    let principal = &cx.caller.principal;
    let (account, arn) = (cx.caller.account.to_string(), principal.arn.clone());
    let now = cx.env.now().as_secs().to_string();
    let keys = Keys::default()
        .with("aws:PrincipalAccount", account.clone())
        .with("aws:PrincipalArn", arn.clone())
        .with("aws:SourceOwner", account.clone())
        .with("aws:PrincipalIsAWSService", "false")
        .with("aws:CurrentTime", now.clone())
        .with("aws:EpochTime", now);
    if allows(key, topic, &Asker::Aws { account, arn }, action, &keys) {
        return Ok(());
    }
    Err(errors::authorization_error_exception(format!(
        "User: {} is not authorized to perform: SNS:{action} on resource: {} because no resource-based policy allows the \
         SNS:{action} action",
        principal.arn,
        topic::arn(key),
    )))
}

/// Whether the topic's policy lets `asker` do `action`.
pub(crate) fn allows(key: &TopicKey, topic: &Topic, asker: &Asker, action: &str, keys: &Keys) -> bool {
    // What is stored was read before; a document that no longer is a policy allows nothing.
    let Ok(policy) = Policy::parse(&topic.policy(key)) else { return false };
    let (action, resource) = (format!("sns:{action}"), topic::arn(key));
    policy.decide(Question { asker, action: &action, resource: &resource, keys }) == Decision::Allowed
}
