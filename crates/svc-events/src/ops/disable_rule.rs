//! `DisableRule`

use api_events::{DisableRuleInput, RuleState};
use aws_wire::Result;

use super::enable_rule::set_state;
use crate::Ctx;

pub(crate) async fn disable_rule(cx: Ctx, input: DisableRuleInput) -> Result<()> {
    set_state(&cx, "DisableRule", input.event_bus_name.as_deref(), &input.name, RuleState::Disabled).await
}
