//! `GetFunctionConfiguration`: settings and states, without the code.

use api_lambda::{FunctionConfiguration, GetFunctionConfigurationInput};
use aws_wire::Result;

use crate::Ctx;
use crate::policy;
use crate::published::find_qualified;

pub(crate) async fn get_function_configuration(
    cx: Ctx,
    input: GetFunctionConfigurationInput,
) -> Result<FunctionConfiguration> {
    let name =
        policy::named(&cx, "GetFunctionConfiguration", &input.function_name, input.qualifier.as_deref())
            .await?;
    Ok(find_qualified(&cx, &name).await?.shown().configuration(&name, &cx.state.runtimes))
}
