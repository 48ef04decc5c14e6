//! `TagResource`

use api_sesv2::{TagResourceInput, TagResourceOutput};
use aws_wire::Result;

use super::{check_tags, tags};
use crate::Ctx;
use crate::tagged;

pub(crate) async fn tag_resource(cx: Ctx, input: TagResourceInput) -> Result<TagResourceOutput> {
    let given = tags(Some(input.tags))?;
    let change = |present: &mut std::collections::BTreeMap<String, String>| {
        present.extend(given.clone());
        check_tags(present)
    };
    tagged::change(&cx, &input.resource_arn, change).await?;
    Ok(TagResourceOutput {})
}
