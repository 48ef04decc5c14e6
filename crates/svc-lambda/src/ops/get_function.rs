//! `GetFunction`: configuration, tags, and where the code can be had.

use api_lambda::{FunctionCodeLocation, GetFunctionInput, GetFunctionOutput};
use aws_wire::Result;

use crate::Ctx;
use crate::function::Settings;
use crate::locations::location;
use crate::name::FunctionName;
use crate::published::find_qualified;

pub(crate) async fn get_function(cx: Ctx, input: GetFunctionInput) -> Result<GetFunctionOutput> {
    let name = FunctionName::parse(&cx.caller, &input.function_name, input.qualifier.as_deref())?;
    let found = find_qualified(&cx, &name).await?;
    Ok(GetFunctionOutput {
        configuration: Some(found.shown().configuration(&name, &cx.state.runtimes)),
        code: Some(code(&cx, found.settings())),
        tags: Some(found.function.tags).filter(|tags| !tags.is_empty()),
        ..GetFunctionOutput::default()
    })
}

fn code(cx: &Ctx, settings: &Settings) -> FunctionCodeLocation {
    match &settings.image {
        Some(image) => FunctionCodeLocation {
            repository_type: Some("ECR".to_owned()),
            image_uri: Some(image.uri.clone()),
            resolved_image_uri: Some(image.resolved_uri.clone()),
            ..FunctionCodeLocation::default()
        },
        None => FunctionCodeLocation {
            repository_type: Some("S3".to_owned()),
            location: location(cx, &cx.state.presigner, &settings.code),
            ..FunctionCodeLocation::default()
        },
    }
}
