//! `UpdateTimeToLive`: items expire by an attribute, or no longer.

use api_dynamodb::{UpdateTimeToLiveInput, UpdateTimeToLiveOutput};
use aws_wire::{AwsError, Result};

use crate::Ctx;
use crate::keys::{PENDING, TABLES};
use crate::table::{self, Index, KeyPart, Kind, Projected, Schema, Status, TimeToLive};

pub(crate) async fn update_time_to_live(
    cx: Ctx,
    input: UpdateTimeToLiveInput,
) -> Result<UpdateTimeToLiveOutput> {
    let key = table::key(&cx.caller, &input.table_name)?;
    let wanted = input.time_to_live_specification;
    let now_ms = cx.env.now().as_millis();
    cx.kv
        .transact(|tx| {
            let mut table = table::open(tx, &key)?;
            let current = table.time_to_live.as_ref().filter(|current| current.enabled);
            match current {
                Some(_) if wanted.enabled => {
                    return Err(AwsError::validation("TimeToLive is already enabled"));
                }
                None if !wanted.enabled => {
                    return Err(AwsError::validation("TimeToLive is already disabled"));
                }
                Some(current) if current.attribute != wanted.attribute_name => {
                    return Err(AwsError::validation(format!(
                        "TimeToLive is active on a different AttributeName: current AttributeName is {}",
                        current.attribute
                    )));
                }
                _ => {}
            }
            table.time_to_live = Some(TimeToLive {
                attribute: wanted.attribute_name.clone(),
                enabled: wanted.enabled,
                changed_ms: now_ms,
            });
            if wanted.enabled {
                let hash = KeyPart { name: wanted.attribute_name.clone(), kind: Kind::N };
                table.indexes.push(Index {
                    name: String::new(),
                    number: table.next_index,
                    global: true,
                    expiry: true,
                    schema: Schema { hash, range: None },
                    projected: Projected::Keys,
                    status: Status::Creating,
                    throughput: None,
                });
                table.next_index += 1;
            } else {
                for index in table.indexes.iter_mut().filter(|index| index.expiry) {
                    index.status = Status::Deleting;
                }
            }
            table.version += 1;
            TABLES.put(tx, &key, &table)?;
            Ok(PENDING.put(tx, &key, &())?)
        })
        .await?;
    Ok(UpdateTimeToLiveOutput { time_to_live_specification: Some(wanted) })
}
