//! `UntagResource`

use api_sns::{UntagResourceInput, UntagResourceOutput};
use aws_wire::{AwsError, Result};

use super::tag_resource::resource;
use crate::Ctx;
use crate::keys::TOPICS;

pub(crate) async fn untag_resource(cx: Ctx, input: UntagResourceInput) -> Result<UntagResourceOutput> {
    cx.kv
        .transact(|tx| {
            let (key, mut topic) = resource(&cx, tx, &input.resource_arn)?;
            topic.tags.retain(|key, _| !input.tag_keys.contains(key));
            Ok::<_, AwsError>(TOPICS.put(tx, &key, &topic)?)
        })
        .await?;
    Ok(UntagResourceOutput {})
}
