//! `ListTagsForResource`

use api_sns::{ListTagsForResourceInput, ListTagsForResourceOutput, Tag};
use aws_wire::Result;

use super::tag_resource::resource;
use crate::Ctx;

pub(crate) async fn list_tags_for_resource(
    cx: Ctx,
    input: ListTagsForResourceInput,
) -> Result<ListTagsForResourceOutput> {
    let (_, topic) = resource(&cx, &cx.kv.snapshot().await?, &input.resource_arn)?;
    let tags = topic.tags.into_iter().map(|(key, value)| Tag { key, value });
    Ok(ListTagsForResourceOutput { tags: Some(tags.collect()) })
}
