//! `GetFunctionUrlConfig`: the URL of a function or an alias.

use api_lambda::{GetFunctionUrlConfigInput, GetFunctionUrlConfigOutput};
use aws_wire::Result;

use crate::Ctx;
use crate::name::FunctionName;
use crate::url;

pub(crate) async fn get_function_url_config(
    cx: Ctx,
    input: GetFunctionUrlConfigInput,
) -> Result<GetFunctionUrlConfigOutput> {
    let name = FunctionName::parse(&cx.caller, &input.function_name, input.qualifier.as_deref())?;
    let found = url::find(&cx.kv.snapshot().await?, &name)?;
    let shown = found.shown(&url::key_of(&name), cx.state.port);
    Ok(GetFunctionUrlConfigOutput {
        function_url: shown.function_url,
        function_arn: shown.function_arn,
        auth_type: shown.auth_type,
        cors: shown.cors,
        creation_time: shown.creation_time,
        last_modified_time: shown.last_modified_time,
        invoke_mode: shown.invoke_mode,
    })
}
