//! `TagResource`

use api_sns::{TagResourceInput, TagResourceOutput, errors};
use aws_wire::{AwsError, Result};
use kv::Read;

use crate::Ctx;
use crate::keys::{TOPICS, TopicKey};
use crate::topic::{self, Topic};

pub(crate) async fn tag_resource(cx: Ctx, input: TagResourceInput) -> Result<TagResourceOutput> {
    let tags = topic::tags(input.tags)?;
    cx.kv
        .transact(|tx| {
            let (key, mut topic) = resource(&cx, tx, &input.resource_arn)?;
            topic.tags.extend(tags.clone());
            topic::check_tags(&topic.tags)?;
            Ok::<_, AwsError>(TOPICS.put(tx, &key, &topic)?)
        })
        .await?;
    Ok(TagResourceOutput {})
}

/// The topic that a tag operation names: only the caller's own.
///
/// # Errors
/// 404 without it.
pub(crate) fn resource(cx: &Ctx, reader: &impl Read, arn: &str) -> Result<(TopicKey, Topic)> {
    let missing = || errors::resource_not_found_exception("Resource does not exist");
    let key = topic::key_of_arn(arn).filter(|key| *key.0 == *cx.caller.account).ok_or_else(missing)?;
    let topic = TOPICS.get(reader, &key)?.ok_or_else(missing)?;
    Ok((key, topic))
}
