//! Buses' policies: whom of other accounts they let put events.

use aws_auth::policy::{Asker, Decision, Keys, Policy, Question};
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
    let now = cx.env.now().as_secs().to_string();
    let keys = Keys::default()
        .with("aws:PrincipalAccount", account)
        .with("aws:PrincipalArn", principal)
        .with("aws:PrincipalIsAWSService", "false")
        .with("aws:RequestedRegion", key.1.clone())
        .with("aws:CurrentTime", now.clone())
        .with("aws:EpochTime", now);
    let asker = Asker::Aws { account: account.to_owned(), arn: principal.to_owned() };
    // What is stored was read before; a document that no longer is a policy allows nothing.
    let policy = bus.policy.as_ref().and_then(|policy| Policy::parse(policy).ok());
    let resource = bus::arn(key);
    let question = Question { asker: &asker, action: "events:PutEvents", resource: &resource, keys: &keys };
    policy.is_some_and(|policy| policy.decide(question) == Decision::Allowed)
}
