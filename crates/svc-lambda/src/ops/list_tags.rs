//! `ListTags`: a resource's tags.

use api_lambda::{ListTagsInput, ListTagsOutput};
use aws_wire::Result;

use crate::Ctx;
use crate::tagged::Tagged;

pub(crate) async fn list_tags(cx: Ctx, input: ListTagsInput) -> Result<ListTagsOutput> {
    let tagged = Tagged::parse(&cx, "ListTags", &input.resource).await?;
    Ok(ListTagsOutput { tags: Some(tagged.tags(&cx, &cx.kv.snapshot().await?)?) })
}
