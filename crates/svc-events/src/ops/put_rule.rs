//! `PutRule`: makes a rule, or makes it anew: what is not said is not kept, but for its tags.

use api_events::{PutRuleInput, PutRuleOutput};
use aws_wire::{AwsError, Result};
use kv::{Direction, Span};

use crate::bus::revise;
use crate::keys::RULES;
use crate::refusal::too_many;
use crate::rule::{self, Rule};
use crate::{Ctx, bus, tags};

const RULES_MAX: usize = 300;

pub(crate) async fn put_rule(cx: Ctx, input: PutRuleInput) -> Result<PutRuleOutput> {
    let said = |text: Option<String>| text.filter(|text| !text.is_empty());
    let (pattern, schedule) = (said(input.event_pattern), said(input.schedule_expression));
    if pattern.is_none() && schedule.is_none() {
        return Err(AwsError::validation(
            "Parameter(s) EventPattern or ScheduleExpression must be specified.",
        ));
    }
    if let Some(pattern) = &pattern {
        rule::parse_pattern(pattern)?;
    }
    let named = bus::key(&cx, input.event_bus_name.as_deref());
    if let Some(schedule) = &schedule {
        rule::check_schedule(schedule, &named.2)?;
    }
    rule::check_role(&cx, input.role_arn.as_deref())?;
    let tags = tags::check(input.tags)?;
    let now = cx.env.now().as_micros();
    let rule = Rule {
        pattern,
        schedule,
        state: input.state.unwrap_or_default().as_str().to_owned(),
        description: input.description,
        role: input.role_arn,
        created_by: cx.caller.account.to_string(),
        ..Rule::default()
    };
    let key = cx
        .kv
        .transact(|tx| {
            let (bus, _) = bus::own(&cx, tx, input.event_bus_name.as_deref(), "PutRule")?;
            let key = rule::key(&bus, &input.name);
            let before = RULES.get(tx, &key)?;
            let of_bus = Span::prefix(&(bus.0.as_str(), bus.1.as_str(), bus.2.as_str()));
            if before.is_none() && RULES.scan(tx, &of_bus, RULES_MAX, Direction::Forward)?.len() >= RULES_MAX
            {
                return Err(too_many());
            }
            let tags = before.map_or_else(|| tags.clone(), |before| before.tags);
            rule::put(tx, &key, Rule { tags, ..rule.clone() }, now)?;
            revise(tx, &bus)?;
            Ok::<_, AwsError>(key)
        })
        .await?;
    Ok(PutRuleOutput { rule_arn: Some(rule::arn(&key)) })
}
