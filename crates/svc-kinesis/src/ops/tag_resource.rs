//! `TagResource`: of a stream or a consumer.

use api_kinesis::TagResourceInput;
use aws_wire::Result;

use crate::Ctx;
use crate::resource;
use crate::stream;

pub(crate) async fn tag_resource(cx: Ctx, input: TagResourceInput) -> Result<()> {
    let id = input.stream_id.as_deref();
    resource::change(&cx, "TagResource", &input.resource_arn, id, |facts| {
        stream::add_tags(facts.tags, &input.tags)
    })
    .await
}
