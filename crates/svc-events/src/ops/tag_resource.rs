//! `TagResource`

use api_events::{TagResourceInput, TagResourceOutput};
use aws_wire::Result;

use crate::Ctx;
use crate::tags::{self, Tagged};

pub(crate) async fn tag_resource(cx: Ctx, input: TagResourceInput) -> Result<TagResourceOutput> {
    let tags = tags::check(Some(input.tags))?;
    cx.kv
        .transact(|tx| {
            let mut tagged = Tagged::find(&cx, tx, &input.resource_arn)?;
            tagged.tags().extend(tags.clone());
            tagged.put(tx)
        })
        .await?;
    Ok(TagResourceOutput {})
}
