//! `CreateScheduleGroup`: a request that comes again with its token is answered as the first time.

use api_scheduler::{CreateScheduleGroupInput, CreateScheduleGroupOutput, errors};
use aws_wire::{AwsError, Result};
use kv::{Direction, Span};

use crate::Ctx;
use crate::group::{self, DEFAULT, Group};
use crate::keys::GROUPS;

/// Of one account in one region.
const GROUPS_MAX: usize = 500;

pub(crate) async fn create_schedule_group(
    cx: Ctx,
    input: CreateScheduleGroupInput,
) -> Result<CreateScheduleGroupOutput> {
    let (key, now_ms) = (group::key(&cx, &input.name), cx.env.now().as_millis());
    let tags = group::tags(input.tags.unwrap_or_default())?;
    let token = input.client_token;
    let made = Group { created_ms: now_ms, modified_ms: now_ms, tags, deleting: false, token };
    let of_account = Span::prefix(&(key.0.as_str(), key.1.as_str()));
    cx.kv
        .transact(|tx| {
            let known = GROUPS.get(tx, &key)?;
            if known.as_ref().is_some_and(|known| known.token.is_some() && known.token == made.token) {
                return Ok(());
            }
            if known.is_some() || key.2 == DEFAULT {
                let message = format!("Schedule group {} already exists.", key.2);
                return Err(errors::conflict_exception(message));
            }
            if GROUPS.scan(tx, &of_account, GROUPS_MAX, Direction::Forward)?.len() >= GROUPS_MAX {
                return Err(errors::service_quota_exceeded_exception(
                    "The number of schedule groups exceeds the limit of the account.",
                ));
            }
            Ok::<_, AwsError>(GROUPS.put(tx, &key, &made)?)
        })
        .await?;
    Ok(CreateScheduleGroupOutput { schedule_group_arn: group::arn(&key) })
}
