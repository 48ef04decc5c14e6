//! `ListTargetsByRule`

use api_events::{ListTargetsByRuleInput, ListTargetsByRuleOutput};
use aws_wire::Result;
use kv::{Direction, Span};

use crate::keys::TARGETS;
use crate::{Ctx, bus, page, rule};

pub(crate) async fn list_targets_by_rule(
    cx: Ctx,
    input: ListTargetsByRuleInput,
) -> Result<ListTargetsByRuleOutput> {
    let snapshot = cx.kv.snapshot().await?;
    let (bus, _) = bus::own(&cx, &snapshot, input.event_bus_name.as_deref(), "ListTargetsByRule")?;
    let key = rule::key(&bus, &input.rule);
    rule::find(&snapshot, &key)?;
    let (account, region, bus, rule) = (key.0.as_str(), key.1.as_str(), key.2.as_str(), key.3.as_str());
    let mut span = Span::prefix(&(account, region, bus, rule));
    if let Some(token) = &input.next_token {
        span = span.after(&(account, region, bus, rule, page::after(token)?));
    }
    let length = page::length(input.limit);
    let mut rows = TARGETS.scan(&snapshot, &span, length + 1, Direction::Forward)?;
    let next_token = page::cut(&mut rows, length, |((.., id), _)| id);
    let targets = rows.into_iter().map(|((.., id), target)| target.show(id));
    Ok(ListTargetsByRuleOutput { targets: Some(targets.collect()), next_token })
}
