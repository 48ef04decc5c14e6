//! `UntagResource`

use api_events::{UntagResourceInput, UntagResourceOutput};
use aws_wire::Result;

use crate::Ctx;
use crate::tags::Tagged;

pub(crate) async fn untag_resource(cx: Ctx, input: UntagResourceInput) -> Result<UntagResourceOutput> {
    cx.kv
        .transact(|tx| {
            let mut tagged = Tagged::find(&cx, tx, &input.resource_arn)?;
            tagged.tags().retain(|key, _| !input.tag_keys.contains(key));
            tagged.put(tx)
        })
        .await?;
    Ok(UntagResourceOutput {})
}
