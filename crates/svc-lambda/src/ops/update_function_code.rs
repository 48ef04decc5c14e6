//! `UpdateFunctionCode`: another package. Invocations go on with the old one until the new one is live.

use api_lambda::{FunctionConfiguration, UpdateFunctionCodeInput, errors};
use aws_wire::Result;

use super::update_function_configuration::update;
use crate::Ctx;
use crate::code_signing;
use crate::name::FunctionName;
use crate::published::Publication;
use crate::settings;
use crate::shown::Shown;
use crate::versions::find;

const OPERATION: &str = "UpdateFunctionCode";

pub(crate) async fn update_function_code(
    cx: Ctx,
    input: UpdateFunctionCodeInput,
) -> Result<FunctionConfiguration> {
    let name = FunctionName::parse_latest(&cx.caller, &input.function_name, None)?;
    if input.image_uri.is_some() {
        return Err(errors::invalid_parameter_value_exception(
            "Please don't provide ImageUri when updating a function with packageType Zip.",
        ));
    }
    settings::refuse_asked(
        OPERATION,
        &[
            ("S3Bucket", input.s3_bucket.is_some() || input.s3_key.is_some()),
            ("SourceKMSKeyArn", input.source_kms_key_arn.is_some()),
            ("PublishTo", input.publish_to.is_some()),
        ],
    )?;
    let architecture = settings::architecture(input.architectures.as_deref())?;
    let zip = input.zip_file.ok_or_else(|| {
        errors::invalid_parameter_value_exception("Please provide a source for function code.")
    })?;
    let function = find(&cx, &name).await?;
    function.check_settled()?;
    function.check_revision(input.revision_id.as_deref())?;
    let signing = code_signing::of_function(&cx.kv.snapshot().await?, &name.key())?;
    code_signing::check_package(signing.as_ref(), &name.name)?;
    let code = cx.state.packages.store(zip).await?;
    if input.dry_run == Some(true) {
        return Ok(Shown::from(&function).configuration(&name, &cx.state.runtimes));
    }
    let publication = (input.publish == Some(true)).then(|| Publication::new(&cx, None));
    update(&cx, &name, input.revision_id.as_deref(), publication.as_ref(), |wanted| {
        wanted.code = code.clone();
        wanted.architecture = architecture.clone().unwrap_or_else(|| wanted.architecture.clone());
        Ok(())
    })
    .await
}
