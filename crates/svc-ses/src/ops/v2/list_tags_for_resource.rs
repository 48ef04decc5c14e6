//! `ListTagsForResource`

use api_sesv2::{ListTagsForResourceInput, ListTagsForResourceOutput};
use aws_wire::Result;

use super::shown_tags;
use crate::Ctx;
use crate::tagged;

pub(crate) async fn list_tags_for_resource(
    cx: Ctx,
    input: ListTagsForResourceInput,
) -> Result<ListTagsForResourceOutput> {
    let tags = tagged::of(&cx, &cx.kv.snapshot().await?, &input.resource_arn)?;
    Ok(ListTagsForResourceOutput { tags: shown_tags(tags) })
}
