//! Resource policies of streams and consumers: whom of other accounts, and which services, they let in.

use api_kinesis::errors;
use aws_auth::policy::Policy;
use aws_wire::Result;
use service::Asking;

use crate::Ctx;
use crate::refusal::invalid;

/// Bytes of a policy.
const BYTES_MAX: usize = 20 * 1024;

/// Lets a caller do `action`, such as `PutRecord`. In their own account, whoever is authenticated may.
///
/// # Errors
/// 400 `AccessDeniedException` for callers of other accounts that the policy does not name.
pub(crate) fn check(cx: &Ctx, owner: &str, arn: &str, policy: Option<&str>, action: &str) -> Result<()> {
    if owner == &*cx.caller.account {
        return Ok(());
    }
    if allows(policy, arn, &cx.asking(), action) {
        return Ok(());
    }
    Err(errors::access_denied_exception(format!(
        "User: {} is not authorized to perform: kinesis:{action} on resource: {arn} because no resource-based policy \
         allows the kinesis:{action} action",
        cx.caller.principal.arn
    )))
}

/// Whether a policy lets whoever asks do `action` with what `arn` names.
pub(crate) fn allows(policy: Option<&str>, arn: &str, asking: &Asking, action: &str) -> bool {
    // What is stored was read before; a document that no longer is a policy allows nothing.
    let document = policy.and_then(|text| serde_json::from_str(text).ok());
    let Some(policy) = document.and_then(|document| Policy::parse(&document).ok()) else { return false };
    asking.is_let_in(&policy, &format!("kinesis:{action}"), arn)
}

/// # Errors
/// 400 for what is no policy, or is too long.
pub(crate) fn check_document(text: &str) -> Result<()> {
    if text.len() > BYTES_MAX {
        return Err(invalid(format!("The policy has more than {BYTES_MAX} bytes.")));
    }
    let document = serde_json::from_str(text).map_err(|error| invalid(format!("Invalid policy: {error}")))?;
    Policy::parse(&document).map(drop).map_err(|error| invalid(format!("Invalid policy: {error}")))
}
