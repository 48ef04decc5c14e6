//! `ListTagsForResource`

use api_scheduler::{ListTagsForResourceInput, ListTagsForResourceOutput, Tag};
use aws_wire::Result;

use crate::{Ctx, group};

pub(crate) async fn list_tags_for_resource(
    cx: Ctx,
    input: ListTagsForResourceInput,
) -> Result<ListTagsForResourceOutput> {
    let (_, group) = group::of_arn(&cx, &cx.kv.snapshot().await?, &input.resource_arn)?;
    let tags = group.tags.into_iter().map(|(key, value)| Tag { key, value });
    Ok(ListTagsForResourceOutput { tags: Some(tags.collect()) })
}
