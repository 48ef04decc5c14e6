//! `GetFunction`: configuration, tags, and where the code can be had.

use api_lambda::{FunctionCodeLocation, FunctionCodeLocationError, GetFunctionInput, GetFunctionOutput};
use aws_wire::Result;

use crate::Ctx;
use crate::policy;
use crate::published::find_qualified;

pub(crate) async fn get_function(cx: Ctx, input: GetFunctionInput) -> Result<GetFunctionOutput> {
    let name = policy::named(&cx, "GetFunction", &input.function_name, input.qualifier.as_deref()).await?;
    let found = find_qualified(&cx, &name).await?;
    Ok(GetFunctionOutput {
        configuration: Some(found.shown().configuration(&name, &cx.state.runtimes)),
        code: Some(FunctionCodeLocation {
            repository_type: Some("S3".to_owned()),
            // A presigned location comes with the S3 service; until then the answer says so.
            error: Some(FunctionCodeLocationError {
                error_code: Some("NotImplementedException".to_owned()),
                message: Some("Lambent has no download location of packages yet.".to_owned()),
            }),
            ..FunctionCodeLocation::default()
        }),
        tags: Some(found.function.tags).filter(|tags| !tags.is_empty()),
        ..GetFunctionOutput::default()
    })
}
