//! `RemoveTargets`: ids that the rule has not are told one by one.

use api_events::{RemoveTargetsInput, RemoveTargetsOutput, RemoveTargetsResultEntry};
use aws_wire::{AwsError, Result};

use crate::bus::revise;
use crate::keys::TARGETS;
use crate::{Ctx, bus, rule};

pub(crate) async fn remove_targets(cx: Ctx, input: RemoveTargetsInput) -> Result<RemoveTargetsOutput> {
    let failed = cx
        .kv
        .transact(|tx| {
            let (bus, _) = bus::own(&cx, tx, input.event_bus_name.as_deref(), "RemoveTargets")?;
            let (account, region, name, rule) = rule::key(&bus, &input.rule);
            rule::find(tx, &(account.clone(), region.clone(), name.clone(), rule.clone()))?;
            let mut failed = Vec::new();
            for id in &input.ids {
                let key = (account.as_str(), region.as_str(), name.as_str(), rule.as_str(), id.as_str());
                if TARGETS.get(tx, &key)?.is_none() {
                    failed.push(RemoveTargetsResultEntry {
                        target_id: Some(id.clone()),
                        error_code: Some("ResourceNotFoundException".to_owned()),
                        error_message: Some(format!("Rule {rule} does not have a target with the Id {id}.")),
                    });
                }
                TARGETS.delete(tx, &key)?;
            }
            revise(tx, &bus)?;
            Ok::<_, AwsError>(failed)
        })
        .await?;
    let failed_entry_count = i32::try_from(failed.len()).ok();
    Ok(RemoveTargetsOutput { failed_entry_count, failed_entries: Some(failed) })
}
