//! `UntagResource`: takes tags off a resource. A tag that is not there is no error.

use api_lambda::UntagResourceInput;
use aws_wire::Result;

use crate::Ctx;
use crate::tagged::Tagged;

pub(crate) async fn untag_resource(cx: Ctx, input: UntagResourceInput) -> Result<()> {
    let tagged = Tagged::parse(&cx, "UntagResource", &input.resource).await?;
    let gone = |key: &String| input.tag_keys.contains(key);
    cx.kv.transact(|tx| tagged.change(&cx, tx, |tags| tags.retain(|key, _| !gone(key)))).await
}
