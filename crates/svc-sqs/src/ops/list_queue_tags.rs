//! `ListQueueTags`

use api_sqs::{ListQueueTagsInput, ListQueueTagsOutput};
use aws_wire::Result;

use crate::{Ctx, queue};

pub(crate) async fn list_queue_tags(cx: Ctx, input: ListQueueTagsInput) -> Result<ListQueueTagsOutput> {
    let tags = queue::find(&cx, &input.queue_url, "ListQueueTags").await?.queue.tags;
    Ok(ListQueueTagsOutput { tags: (!tags.is_empty()).then_some(tags) })
}
