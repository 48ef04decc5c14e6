//! `UntagResource`: of a stream or a consumer.

use api_kinesis::UntagResourceInput;
use aws_wire::Result;

use crate::Ctx;
use crate::resource;

pub(crate) async fn untag_resource(cx: Ctx, input: UntagResourceInput) -> Result<()> {
    let id = input.stream_id.as_deref();
    resource::change(&cx, "UntagResource", &input.resource_arn, id, |facts| {
        facts.tags.retain(|key, _| !input.tag_keys.contains(key));
        Ok(())
    })
    .await
}
