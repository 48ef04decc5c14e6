//! `GetRuntimeManagementConfig`: when `$LATEST` or a version may run on another release of its interpreter.

use api_lambda::{GetRuntimeManagementConfigInput, GetRuntimeManagementConfigOutput, errors};
use aws_wire::Result;

use crate::Ctx;
use crate::name::LATEST;
use crate::policy;
use crate::published::{Found, find_qualified};

pub(crate) async fn get_runtime_management_config(
    cx: Ctx,
    input: GetRuntimeManagementConfigInput,
) -> Result<GetRuntimeManagementConfigOutput> {
    let qualifier = input.qualifier.as_deref();
    let name = policy::named(&cx, "GetRuntimeManagementConfig", &input.function_name, qualifier).await?;
    let found = find_qualified(&cx, &name).await?;
    let version = version(&found)?;
    let published = found.published.as_ref().map(|published| &published.runtime_management);
    let management = published.unwrap_or(&found.function.runtime_management);
    Ok(GetRuntimeManagementConfigOutput {
        update_runtime_on: Some(management.update_runtime_on()),
        function_arn: Some(format!("{}:{version}", name.arn())),
        runtime_version_arn: management.runtime_version_arn(&cx.caller.region),
    })
}

/// `$LATEST` or the number that is meant.
///
/// # Errors
/// 400 for an alias, which has no runtime of its own.
pub(super) fn version(found: &Found) -> Result<String> {
    if found.alias.is_some() {
        return Err(errors::invalid_parameter_value_exception(
            "Runtime management is not supported for aliases. Please specify a function version.",
        ));
    }
    Ok(found.published.as_ref().map_or_else(|| LATEST.to_owned(), |published| published.number.to_string()))
}
