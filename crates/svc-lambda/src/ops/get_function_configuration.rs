//! `GetFunctionConfiguration`: settings and states, without the code.

use api_lambda::{FunctionConfiguration, GetFunctionConfigurationInput};
use aws_wire::Result;

use crate::Ctx;
use crate::name::FunctionName;
use crate::versions::find;

pub(crate) async fn get_function_configuration(
    cx: Ctx,
    input: GetFunctionConfigurationInput,
) -> Result<FunctionConfiguration> {
    let name = FunctionName::parse_latest(&cx.caller, &input.function_name, input.qualifier.as_deref())?;
    Ok(find(&cx, &name).await?.configuration(&name, &cx.state.runtimes))
}
