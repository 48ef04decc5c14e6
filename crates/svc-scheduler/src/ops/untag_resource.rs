//! `UntagResource`

use api_scheduler::{UntagResourceInput, UntagResourceOutput};
use aws_wire::{AwsError, Result};

use crate::keys::GROUPS;
use crate::{Ctx, group};

pub(crate) async fn untag_resource(cx: Ctx, input: UntagResourceInput) -> Result<UntagResourceOutput> {
    cx.kv
        .transact(|tx| {
            let (key, mut group) = group::of_arn(&cx, tx, &input.resource_arn)?;
            group.tags.retain(|name, _| !input.tag_keys.contains(name));
            Ok::<_, AwsError>(GROUPS.put(tx, &key, &group)?)
        })
        .await?;
    Ok(UntagResourceOutput {})
}
