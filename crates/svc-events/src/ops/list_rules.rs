//! `ListRules`: of one bus, by name.

use api_events::{ListRulesInput, ListRulesOutput};
use aws_wire::Result;
use kv::{Direction, Span, StartsWith};

use crate::keys::RULES;
use crate::{Ctx, bus, page, rule};

pub(crate) async fn list_rules(cx: Ctx, input: ListRulesInput) -> Result<ListRulesOutput> {
    let snapshot = cx.kv.snapshot().await?;
    let ((account, region, bus), _) = bus::own(&cx, &snapshot, input.event_bus_name.as_deref(), "ListRules")?;
    let (account, region, bus) = (account.as_str(), region.as_str(), bus.as_str());
    let prefix = StartsWith(input.name_prefix.as_deref().unwrap_or_default());
    let mut span = Span::prefix(&(account, region, bus, prefix));
    if let Some(token) = &input.next_token {
        span = span.after(&(account, region, bus, page::after(token)?));
    }
    let length = page::length(input.limit);
    let mut rows = RULES.scan(&snapshot, &span, length + 1, Direction::Forward)?;
    let next_token = page::cut(&mut rows, length, |((.., name), _)| name);
    let rules = rows.into_iter().map(|(key, rule)| rule::show(&key, rule));
    Ok(ListRulesOutput { rules: Some(rules.collect()), next_token })
}
