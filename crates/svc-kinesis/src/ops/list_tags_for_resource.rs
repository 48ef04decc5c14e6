//! `ListTagsForResource`: of a stream or a consumer.

use api_kinesis::{ListTagsForResourceInput, ListTagsForResourceOutput, Tag};
use aws_wire::Result;

use crate::Ctx;
use crate::resource;

pub(crate) async fn list_tags_for_resource(
    cx: Ctx,
    input: ListTagsForResourceInput,
) -> Result<ListTagsForResourceOutput> {
    let id = input.stream_id.as_deref();
    let found =
        resource::find(&cx, &cx.kv.snapshot().await?, "ListTagsForResource", &input.resource_arn, id)?;
    let tags = found.tags().iter().map(|(key, value)| Tag { key: key.clone(), value: Some(value.clone()) });
    Ok(ListTagsForResourceOutput { tags: Some(tags.collect()) })
}
