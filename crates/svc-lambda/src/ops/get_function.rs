//! `GetFunction`: configuration, tags, reserved concurrency, and where the code can be had.

use api_lambda::{Concurrency, FunctionCodeLocation, GetFunctionInput, GetFunctionOutput};
use aws_wire::Result;

use crate::Ctx;
use crate::function::Settings;
use crate::keys::RESERVED;
use crate::locations::location;
use crate::policy;
use crate::published::lookup;

pub(crate) async fn get_function(cx: Ctx, input: GetFunctionInput) -> Result<GetFunctionOutput> {
    let name = policy::named(&cx, "GetFunction", &input.function_name, input.qualifier.as_deref()).await?;
    let snapshot = cx.kv.snapshot().await?;
    let found = lookup(&snapshot, &name)?;
    let reserved = RESERVED.get(&snapshot, &name.key())?;
    Ok(GetFunctionOutput {
        configuration: Some(found.shown().configuration(&name, &cx.state.runtimes)),
        code: Some(code(&cx, found.settings())),
        tags: Some(found.function.tags).filter(|tags| !tags.is_empty()),
        tags_error: None,
        concurrency: reserved.map(|reserved| Concurrency {
            reserved_concurrent_executions: i32::try_from(reserved.concurrent_executions).ok(),
        }),
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
