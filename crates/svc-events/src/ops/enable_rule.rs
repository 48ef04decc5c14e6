//! `EnableRule`, and what it has in common with `DisableRule`.

use api_events::{EnableRuleInput, RuleState};
use aws_wire::Result;

use crate::bus::revise;
use crate::{Ctx, bus, rule};

pub(crate) async fn enable_rule(cx: Ctx, input: EnableRuleInput) -> Result<()> {
    set_state(&cx, "EnableRule", input.event_bus_name.as_deref(), &input.name, RuleState::Enabled).await
}

/// A schedule begins anew when it is enabled.
///
/// # Errors
/// 400 without the rule.
pub(crate) async fn set_state(
    cx: &Ctx,
    operation: &str,
    bus: Option<&str>,
    name: &str,
    state: RuleState,
) -> Result<()> {
    let now = cx.env.now().as_micros();
    cx.kv
        .transact(|tx| {
            let (bus, _) = bus::own(cx, tx, bus, operation)?;
            let key = rule::key(&bus, name);
            let mut rule = rule::find(tx, &key)?;
            rule.state = state.as_str().to_owned();
            rule::put(tx, &key, rule, now)?;
            revise(tx, &bus)
        })
        .await
}
