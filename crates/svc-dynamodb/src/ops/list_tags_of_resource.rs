//! `ListTagsOfResource`: all of a table's tags, which are few, in one page.

use api_dynamodb::{ListTagsOfResourceInput, ListTagsOfResourceOutput, Tag};
use aws_wire::{AwsError, Result};

use crate::Ctx;
use crate::table;

pub(crate) async fn list_tags_of_resource(
    cx: Ctx,
    input: ListTagsOfResourceInput,
) -> Result<ListTagsOfResourceOutput> {
    if input.next_token.is_some() {
        return Err(AwsError::validation("Invalid NextToken"));
    }
    let key = table::of_arn(&cx, &input.resource_arn).await?;
    let table = table::find(&cx.kv.snapshot().await?, &key)?;
    let tags = table.tags.into_iter().map(|(key, value)| Tag { key, value }).collect();
    Ok(ListTagsOfResourceOutput { tags: Some(tags), next_token: None })
}
