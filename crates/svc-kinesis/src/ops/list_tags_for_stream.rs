//! `ListTagsForStream`

use std::ops::Bound;

use api_kinesis::{ListTagsForStreamInput, ListTagsForStreamOutput, Tag};
use aws_wire::Result;

use crate::stream::asked;
use crate::{Ctx, page};

const PAGE: usize = 50;

pub(crate) async fn list_tags_for_stream(
    cx: Ctx,
    input: ListTagsForStreamInput,
) -> Result<ListTagsForStreamOutput> {
    let named = asked!("ListTagsForStream", input).find(&cx, &cx.kv.snapshot().await?)?;
    let after = input.exclusive_start_tag_key.map_or(Bound::Unbounded, Bound::Excluded);
    let mut rest = named.stream.tags.range((after, Bound::Unbounded));
    let tags = rest.by_ref().take(page::length(input.limit, PAGE));
    let tags = tags.map(|(key, value)| Tag { key: key.clone(), value: Some(value.clone()) }).collect();
    Ok(ListTagsForStreamOutput { tags, has_more_tags: rest.next().is_some() })
}
