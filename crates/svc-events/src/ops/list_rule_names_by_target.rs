//! `ListRuleNamesByTarget`: the rules of one bus that send to an ARN.

use api_events::{ListRuleNamesByTargetInput, ListRuleNamesByTargetOutput};
use aws_wire::Result;
use kv::Span;

use crate::keys::TARGETS;
use crate::{Ctx, bus, page};

pub(crate) async fn list_rule_names_by_target(
    cx: Ctx,
    input: ListRuleNamesByTargetInput,
) -> Result<ListRuleNamesByTargetOutput> {
    let snapshot = cx.kv.snapshot().await?;
    let ((account, region, bus), _) =
        bus::own(&cx, &snapshot, input.event_bus_name.as_deref(), "ListRuleNamesByTarget")?;
    let (account, region, bus) = (account.as_str(), region.as_str(), bus.as_str());
    let mut span = Span::prefix(&(account, region, bus));
    if let Some(token) = &input.next_token {
        span = span.after_prefix(&(account, region, bus, page::after(token)?));
    }
    // A bus has fifteen hundred targets at most.
    let rows = TARGETS.all(&snapshot, &span)?.into_iter();
    let mut names = rows
        .filter(|(_, target)| target.arn == input.target_arn)
        .map(|((.., rule, _), _)| rule)
        .collect::<Vec<_>>();
    names.dedup();
    let next_token = page::cut(&mut names, page::length(input.limit), |name| name);
    Ok(ListRuleNamesByTargetOutput { rule_names: Some(names), next_token })
}
