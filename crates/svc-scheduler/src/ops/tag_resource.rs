//! `TagResource`: groups have tags, schedules have none.

use api_scheduler::{TagResourceInput, TagResourceOutput};
use aws_wire::{AwsError, Result};

use crate::keys::GROUPS;
use crate::{Ctx, group};

pub(crate) async fn tag_resource(cx: Ctx, input: TagResourceInput) -> Result<TagResourceOutput> {
    let tags = group::tags(input.tags)?;
    cx.kv
        .transact(|tx| {
            let (key, mut group) = group::of_arn(&cx, tx, &input.resource_arn)?;
            group.tags.extend(tags.clone());
            group::check_tags(&group.tags)?;
            Ok::<_, AwsError>(GROUPS.put(tx, &key, &group)?)
        })
        .await?;
    Ok(TagResourceOutput {})
}
