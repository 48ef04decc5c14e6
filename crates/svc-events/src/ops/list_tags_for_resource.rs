//! `ListTagsForResource`

use api_events::{ListTagsForResourceInput, ListTagsForResourceOutput, Tag};
use aws_wire::Result;

use crate::Ctx;
use crate::tags::Tagged;

pub(crate) async fn list_tags_for_resource(
    cx: Ctx,
    input: ListTagsForResourceInput,
) -> Result<ListTagsForResourceOutput> {
    let mut tagged = Tagged::find(&cx, &cx.kv.snapshot().await?, &input.resource_arn)?;
    let tags = std::mem::take(tagged.tags()).into_iter().map(|(key, value)| Tag { key, value });
    Ok(ListTagsForResourceOutput { tags: Some(tags.collect()) })
}
