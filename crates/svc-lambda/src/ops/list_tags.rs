//! `ListTags`: a function's tags.

use api_lambda::{ListTagsInput, ListTagsOutput, errors};
use aws_wire::Result;

use crate::Ctx;
use crate::name::FunctionName;
use crate::versions::find;

pub(crate) async fn list_tags(cx: Ctx, input: ListTagsInput) -> Result<ListTagsOutput> {
    let name = tagged(&cx, &input.resource)?;
    Ok(ListTagsOutput { tags: Some(find(&cx, &name).await?.tags) })
}

/// The function that a tag operation is for.
///
/// # Errors
/// 400 for versions and aliases, which have no tags.
pub(super) fn tagged(cx: &Ctx, resource: &str) -> Result<FunctionName> {
    let name = FunctionName::parse(&cx.caller, resource, None)?;
    if name.qualifier.is_some() {
        return Err(errors::invalid_parameter_value_exception(
            "Tags on function aliases and versions are not supported. Please specify a function ARN.",
        ));
    }
    Ok(name)
}
