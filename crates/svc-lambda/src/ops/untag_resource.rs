//! `UntagResource`: takes tags off a function. A tag that is not there is no error.

use api_lambda::UntagResourceInput;
use aws_wire::Result;

use super::list_tags::tagged;
use super::tag_resource::change_tags;
use crate::Ctx;

pub(crate) async fn untag_resource(cx: Ctx, input: UntagResourceInput) -> Result<()> {
    let name = tagged(&cx, &input.resource)?;
    change_tags(&cx, &name, |tags| tags.retain(|key, _| !input.tag_keys.contains(key))).await
}
