//! `TagResource`: adds tags to a resource, or changes their values.

use api_lambda::{TagResourceInput, errors};
use aws_wire::Result;

use crate::Ctx;
use crate::tagged::Tagged;

pub(crate) async fn tag_resource(cx: Ctx, input: TagResourceInput) -> Result<()> {
    if input.tags.is_empty() {
        return Err(errors::invalid_parameter_value_exception(
            "An error occurred and the request cannot be processed.",
        ));
    }
    let tagged = Tagged::parse(&cx, "TagResource", &input.resource).await?;
    cx.kv.transact(|tx| tagged.change(&cx, tx, |tags| tags.extend(input.tags.clone()))).await
}
