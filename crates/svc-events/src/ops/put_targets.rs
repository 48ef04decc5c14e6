//! `PutTargets`: adds targets to a rule, or replaces those of the same ids; all or none.

use api_events::{PutTargetsInput, PutTargetsOutput};
use aws_wire::{AwsError, Result};
use kv::Span;

use crate::bus::revise;
use crate::keys::{TARGETS, TargetKey};
use crate::refusal::too_many;
use crate::{Ctx, bus, rule, target};

/// Of one rule.
const TARGETS_MAX: usize = 5;

pub(crate) async fn put_targets(cx: Ctx, input: PutTargetsInput) -> Result<PutTargetsOutput> {
    let (bus, _) = bus::own(&cx, &cx.kv.snapshot().await?, input.event_bus_name.as_deref(), "PutTargets")?;
    let key = rule::key(&bus, &input.rule);
    rule::find(&cx.kv.snapshot().await?, &key)?;
    let mut targets = Vec::with_capacity(input.targets.len());
    for given in input.targets {
        let (account, region, bus, rule) = key.clone();
        let place: TargetKey = (account, region, bus, rule, given.id.clone());
        if targets.iter().any(|(known, _)| *known == place) {
            return Err(AwsError::validation(format!("Duplicate target id {} in the request.", given.id)));
        }
        targets.push((place, target::check(&cx, given).await?));
    }
    let of_rule = Span::prefix(&(key.0.as_str(), key.1.as_str(), key.2.as_str(), key.3.as_str()));
    cx.kv
        .transact(|tx| {
            rule::find(tx, &key)?;
            for (place, target) in &targets {
                TARGETS.put(tx, place, target)?;
            }
            if TARGETS.all(tx, &of_rule)?.len() > TARGETS_MAX {
                return Err(too_many());
            }
            revise(tx, &bus)
        })
        .await?;
    Ok(PutTargetsOutput { failed_entry_count: Some(0), failed_entries: Some(Vec::new()) })
}
