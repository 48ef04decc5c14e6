//! `UntagResource`

use api_sesv2::{UntagResourceInput, UntagResourceOutput};
use aws_wire::Result;

use crate::Ctx;
use crate::tagged;

pub(crate) async fn untag_resource(cx: Ctx, input: UntagResourceInput) -> Result<UntagResourceOutput> {
    let change = |present: &mut std::collections::BTreeMap<String, String>| {
        present.retain(|key, _| !input.tag_keys.contains(key));
        Ok(())
    };
    tagged::change(&cx, &input.resource_arn, change).await?;
    Ok(UntagResourceOutput {})
}
