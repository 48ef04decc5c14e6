//! `PutRuntimeManagementConfig`: when `$LATEST` or a version may run on another release of its interpreter.

use api_lambda::{PutRuntimeManagementConfigInput, PutRuntimeManagementConfigOutput};
use aws_wire::{AwsError, Result};

use super::get_runtime_management_config::version;
use crate::Ctx;
use crate::keys::{FUNCTIONS, VERSIONS};
use crate::name::FunctionName;
use crate::published::lookup;
use crate::runtime_management::RuntimeManagement;

pub(crate) async fn put_runtime_management_config(
    cx: Ctx,
    input: PutRuntimeManagementConfigInput,
) -> Result<PutRuntimeManagementConfigOutput> {
    let name = FunctionName::parse(&cx.caller, &input.function_name, input.qualifier.as_deref())?;
    let (key, revision_id) = (name.key(), cx.env.uuid().to_string());
    let (runtimes, region) = (&cx.state.runtimes, &cx.caller.region);
    let _changing = cx.state.versions.changing(&key);
    let (arn, number, management) = cx
        .kv
        .transact(|tx| {
            let mut found = lookup(tx, &name)?;
            let version = version(&found)?;
            let of = |runtime: &str| RuntimeManagement::of_input(&input, runtimes, runtime, region);
            // Its environments are told from those of before by the revision.
            let management = match found.published {
                Some(mut published) => {
                    published.state.check_invocable()?;
                    published.runtime_management = of(&published.settings.runtime)?;
                    published.revision_id.clone_from(&revision_id);
                    let (account, region, function) = key.clone();
                    VERSIONS.put(tx, &(account, region, function, published.number), &published)?;
                    published.runtime_management
                }
                None => {
                    found.function.check_settled()?;
                    found.function.runtime_management = of(&found.function.wanted.runtime)?;
                    found.function.revision_id.clone_from(&revision_id);
                    FUNCTIONS.put(tx, &key, &found.function)?;
                    found.function.runtime_management
                }
            };
            Ok::<_, AwsError>((found.function.arn, version, management))
        })
        .await?;
    cx.state.pools.retire(&arn, Some(&number), Some(&revision_id));
    // What was provisioned of it is to be made anew.
    cx.state.provisioned.insert(key);
    Ok(PutRuntimeManagementConfigOutput {
        update_runtime_on: management.update_runtime_on(),
        function_arn: format!("{arn}:{number}"),
        runtime_version_arn: management.runtime_version_arn(region),
    })
}
