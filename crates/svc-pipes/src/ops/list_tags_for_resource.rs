//! `ListTagsForResource`

use api_pipes::{ListTagsForResourceInput, ListTagsForResourceOutput};
use aws_wire::Result;

use crate::{Ctx, pipe};

pub(crate) async fn list_tags_for_resource(
    cx: Ctx,
    input: ListTagsForResourceInput,
) -> Result<ListTagsForResourceOutput> {
    let (_, pipe) = pipe::of_arn(&cx, &cx.kv.snapshot().await?, &input.resource_arn)?;
    Ok(ListTagsForResourceOutput { tags: Some(pipe.tags) })
}
