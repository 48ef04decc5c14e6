//! Buses' policies: whom of other accounts they let put events.

use aws_auth::policy::Policy;
use aws_wire::Result;

use crate::Ctx;
use crate::bus::{self, Bus};
use crate::keys::BusKey;
use crate::refusal::denied;

/// Lets a caller put events. In their own account, whoever is authenticated may.
///
/// # Errors
/// 400 for callers of other accounts that the policy does not name.
pub(crate) fn check(cx: &Ctx, key: &BusKey, bus: &Bus) -> Result<()> {
    let (account, principal) = (cx.caller.account.to_string(), &cx.caller.principal.arn);
    if allows(cx, key, bus, &account, principal) {
        return Ok(());
    }
    Err(denied(principal, "PutEvents", &bus::arn(key)))
}

/// Whether a principal of an account may put events.
pub(crate) fn allows(cx: &Ctx, key: &BusKey, bus: &Bus, account: &str, principal: &str) -> bool {
    if key.0 == account {
        return true;
    }
    // What is stored was read before; a document that no longer is a policy allows nothing.
    let policy = bus.policy.as_ref().and_then(|policy| Policy::parse(policy).ok());
    let asking = cx.asking_of(account, principal);
    policy.is_some_and(|policy| asking.is_let_in(&policy, "events:PutEvents", &bus::arn(key)))
}
