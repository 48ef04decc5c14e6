//! `UpdateFunctionCode`: another package. Invocations go on with the old one until the new one is live.

use api_lambda::{FunctionConfiguration, UpdateFunctionCodeInput, errors};
use aws_wire::Result;

use super::update_function_configuration::update;
use crate::Ctx;
use crate::attached;
use crate::code_signing;
use crate::image_code::{self, ImageCode, Overrides};
use crate::name::FunctionName;
use crate::published::Publication;
use crate::settings;
use crate::shown::Shown;
use crate::source::{Asked, Package, Source};
use crate::versions::find;

const OPERATION: &str = "UpdateFunctionCode";

pub(crate) async fn update_function_code(
    cx: Ctx,
    input: UpdateFunctionCodeInput,
) -> Result<FunctionConfiguration> {
    let name = FunctionName::parse_latest(&cx.caller, &input.function_name, None)?;
    settings::refuse_asked(
        OPERATION,
        &[("SourceKMSKeyArn", input.source_kms_key_arn.is_some()), ("PublishTo", input.publish_to.is_some())],
    )?;
    let architecture = settings::architecture(input.architectures.as_deref())?;
    let function = find(&cx, &name).await?;
    let source = Source {
        zip_file: input.zip_file,
        s3_bucket: input.s3_bucket,
        s3_key: input.s3_key,
        s3_object_version: input.s3_object_version,
        s3_object_storage_mode: input.s3_object_storage_mode,
    };
    let package = package(&cx, function.wanted.image.as_ref(), source, input.image_uri.as_deref())?;
    function.check_settled()?;
    function.check_revision(input.revision_id.as_deref())?;
    let signing = code_signing::of_function(&cx.kv.snapshot().await?, &name.key())?;
    code_signing::check_package(signing.as_ref(), &name.name)?;
    let (code, image) = package.store(&cx, OPERATION).await?;
    if input.dry_run == Some(true) {
        return Ok(Shown::from(&function).configuration(&name, &cx.state.runtimes));
    }
    let publication = (input.publish == Some(true)).then(|| Publication::new(&cx, None));
    update(&cx, &name, input.revision_id.as_deref(), publication.as_ref(), |_, wanted| {
        wanted.code = code.clone();
        // Other overrides may have come meanwhile.
        let overrides = wanted.image.take().map(|image| image.overrides).unwrap_or_default();
        wanted.image = image.clone().map(|image| ImageCode { overrides, ..image });
        wanted.architecture = architecture.clone().unwrap_or_else(|| wanted.architecture.clone());
        attached::check_size(wanted)
    })
    .await
}

fn package(
    cx: &Ctx,
    present: Option<&ImageCode>,
    source: Source,
    image_uri: Option<&str>,
) -> Result<Package> {
    let refuse = |message: &str| Err(errors::invalid_parameter_value_exception(message));
    match (present, image_uri) {
        (Some(_), Some(uri)) => Ok(Package::Image(image_code::parse(uri)?, Overrides::default())),
        (Some(_), None) => refuse("Please provide ImageUri when updating a function with packageType Image."),
        (None, Some(_)) => {
            refuse("Please don't provide ImageUri when updating a function with packageType Zip.")
        }
        (None, None) => source.check(cx, Asked { operation: OPERATION, within: "", what: "function code" }),
    }
}
