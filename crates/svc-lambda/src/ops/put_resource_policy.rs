//! `PutResourcePolicy`: a whole document in the place of a resource's policy, whoever wrote its statements.

use api_lambda::{PutResourcePolicyInput, PutResourcePolicyOutput, errors};
use aws_auth::policy::Policy;
use aws_wire::{AwsError, Result};
use serde_json::Value as Json;

use crate::Ctx;
use crate::function::FORMAT;
use crate::keys::POLICIES;
use crate::name::FunctionName;
use crate::policy::{self, ResourcePolicy};
use crate::published;

pub(crate) async fn put_resource_policy(
    cx: Ctx,
    input: PutResourcePolicyInput,
) -> Result<PutResourcePolicyOutput> {
    let name = owner(&cx, "PutResourcePolicy", &input.resource_arn)?;
    let policy = ResourcePolicy {
        format: FORMAT,
        document: check(&input.policy, &name.qualified_arn())?,
        revision_id: cx.env.uuid().to_string(),
    };
    policy.check_size()?;
    let key = policy::key(&name);
    cx.kv
        .transact(|tx| {
            published::lookup(tx, &name)?;
            policy::check_revision(POLICIES.get(tx, &key)?.as_ref(), input.revision_id.as_deref())?;
            Ok::<_, AwsError>(POLICIES.put(tx, &key, &policy)?)
        })
        .await?;
    Ok(PutResourcePolicyOutput { policy: Some(policy.text()), revision_id: Some(policy.revision_id) })
}

/// The function, version or alias whose whole policy is meant.
///
/// # Errors
/// 501 for customers' own runtimes, which have policies too.
pub(super) fn owner(cx: &Ctx, operation: &str, resource_arn: &str) -> Result<FunctionName> {
    if resource_arn.split(':').nth(5).is_some_and(|kind| kind.starts_with("runtime/")) {
        return Err(AwsError::parameter_not_implemented(operation, "ResourceArn of a runtime"));
    }
    policy::subject(FunctionName::parse(&cx.caller, resource_arn, None)?)
}

/// Reads a document that is to be the policy of `resource`; its statements become a list.
///
/// # Errors
/// 400 for what is no policy, or none of Lambda's, or one of something else.
fn check(text: &str, resource: &str) -> Result<Json> {
    let refuse = |message: &str| errors::invalid_parameter_value_exception(message);
    let mut document: Json = serde_json::from_str(text).map_err(|_| refuse("Syntax errors in policy."))?;
    let policy = Policy::parse(&document).map_err(|malformed| refuse(&malformed.0))?;
    let is_ours = |action: &str| {
        let vendor = action.split_once(':').map_or(action, |(vendor, _)| vendor);
        vendor == "*" || vendor.eq_ignore_ascii_case("lambda")
    };
    if !policy.actions().all(is_ours) {
        return Err(refuse("Policy statement action out of service scope!"));
    }
    if !policy.is_about(resource) {
        return Err(refuse("Policy has invalid resource"));
    }
    if document["Statement"].is_object() {
        document["Statement"] = Json::Array(vec![document["Statement"].take()]);
    }
    Ok(document)
}
