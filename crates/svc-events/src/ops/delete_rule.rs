//! `DeleteRule`: one that is not there is no error; one with targets stays.

use api_events::DeleteRuleInput;
use aws_wire::{AwsError, Result};
use kv::{Direction, Span};

use crate::bus::revise;
use crate::keys::{RULES, TARGETS};
use crate::{Ctx, bus, rule};

pub(crate) async fn delete_rule(cx: Ctx, input: DeleteRuleInput) -> Result<()> {
    cx.kv
        .transact(|tx| {
            let (bus, _) = bus::own(&cx, tx, input.event_bus_name.as_deref(), "DeleteRule")?;
            let key = rule::key(&bus, &input.name);
            let Some(rule) = RULES.get(tx, &key)? else { return Ok(()) };
            let of_rule = Span::prefix(&(key.0.as_str(), key.1.as_str(), key.2.as_str(), key.3.as_str()));
            if !TARGETS.scan(tx, &of_rule, 1, Direction::Forward)?.is_empty() {
                return Err(AwsError::validation("Rule can't be deleted since it has targets."));
            }
            rule::move_tick(tx, &key, rule.due, None)?;
            RULES.delete(tx, &key)?;
            revise(tx, &bus)
        })
        .await
}
