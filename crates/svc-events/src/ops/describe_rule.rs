//! `DescribeRule`

use api_events::{DescribeRuleInput, DescribeRuleOutput};
use aws_wire::Result;

use crate::{Ctx, bus, rule};

pub(crate) async fn describe_rule(cx: Ctx, input: DescribeRuleInput) -> Result<DescribeRuleOutput> {
    let snapshot = cx.kv.snapshot().await?;
    let (bus, _) = bus::own(&cx, &snapshot, input.event_bus_name.as_deref(), "DescribeRule")?;
    let key = rule::key(&bus, &input.name);
    let rule = rule::find(&snapshot, &key)?;
    Ok(DescribeRuleOutput {
        arn: Some(rule::arn(&key)),
        state: Some(rule.state()),
        name: Some(key.3),
        event_pattern: rule.pattern,
        schedule_expression: rule.schedule,
        description: rule.description,
        role_arn: rule.role,
        managed_by: None,
        event_bus_name: Some(key.2),
        created_by: Some(rule.created_by),
    })
}
