//! `CreateFunction`: checks the settings and the package, stores both, answers Pending; the function is made live
//! beside the request.

use api_lambda::{CreateFunctionInput, FunctionCode, FunctionConfiguration, PackageType, errors};
use aws_wire::{AwsError, Result};

use crate::Ctx;
use crate::attached::{self, Wanted};
use crate::code_signing;
use crate::function::{FORMAT, Function, Settings, State};
use crate::image_code::{self, Overrides};
use crate::keys::FUNCTIONS;
use crate::logging;
use crate::name::{FunctionName, NAME_LENGTH_MAX};
use crate::published::Publication;
use crate::runtime_management::RuntimeManagement;
use crate::settings::{self, Unhonoured};
use crate::shown::Shown;
use crate::snap_start;
use crate::source::{Asked, Package, Source};

const OPERATION: &str = "CreateFunction";

pub(crate) async fn create_function(cx: Ctx, input: CreateFunctionInput) -> Result<FunctionConfiguration> {
    let name = FunctionName::parse(&cx.caller, &input.function_name, None)?;
    check_name(&name)?;
    check_honoured(&input)?;
    let is_image = input.package_type == Some(PackageType::Image);
    let (runtime, handler) = if is_image { of_image(&input)? } else { mandatory(&input)? };
    if !is_image {
        settings::check_runtime(&runtime)?;
    }
    let variables = input.environment.and_then(|environment| environment.variables);
    settings::check_variables(variables.as_ref().unwrap_or(&Default::default()))?;
    let tags = input.tags.unwrap_or_default();
    settings::check_tags(&tags)?;
    let architecture = settings::architecture(input.architectures.as_deref())?;
    let log_format = logging::Format::default().with(input.logging_config.as_ref())?;
    let log_group = input.logging_config.and_then(|logging| logging.log_group);
    let snap_start = snap_start::wanted(input.snap_start.as_ref()).unwrap_or(false);
    let dead_letter_arn = settings::dead_letter_arn(&cx, input.dead_letter_config.as_ref()).await?;
    let layers = Wanted::parse(&cx.caller, input.layers.as_deref().unwrap_or_default())?;
    let overrides = Overrides::parse(input.image_config)?;
    let package = package(&cx, is_image, input.code, overrides)?;
    let exists = || errors::resource_conflict_exception(format!("Function already exist: {}", name.name));
    let key = name.key();
    // Before the package is unpacked: a deploy script that runs twice should learn so at once.
    if FUNCTIONS.get(&cx.kv.snapshot().await?, &key)?.is_some() {
        return Err(exists());
    }
    let signing = input.code_signing_config_arn.as_deref();
    code_signing::of_creation(&cx.kv.snapshot().await?, &cx.caller, signing, &name.name)?;
    let (code, image) = package.store(&cx, OPERATION).await?;
    let unsigned = |value: Option<i32>, default| value.and_then(|v| u32::try_from(v).ok()).unwrap_or(default);

    let created = Function {
        format: FORMAT,
        arn: name.arn(),
        name: name.name.clone(),
        wanted: Settings {
            code,
            runtime,
            handler,
            role: input.role,
            description: input.description.unwrap_or_default(),
            timeout_s: unsigned(input.timeout, settings::DEFAULT_TIMEOUT_S),
            memory_mb: unsigned(input.memory_size, settings::DEFAULT_MEMORY_MB),
            ephemeral_mb: unsigned(input.ephemeral_storage.map(|e| e.size), settings::DEFAULT_EPHEMERAL_MB),
            variables,
            architecture: architecture.unwrap_or_else(|| "x86_64".to_owned()),
            log_group: log_group.unwrap_or_else(|| format!("/aws/lambda/{}", name.name)),
            snap_start,
            log_format,
            dead_letter_arn: dead_letter_arn.flatten(),
            tracing_active: settings::tracing_active(input.tracing_config.as_ref()).unwrap_or(false),
            layers: Vec::new(),
            image,
        },
        live: None,
        state: State::Pending,
        last_update: None,
        revision_id: cx.env.uuid().to_string(),
        last_modified_us: cx.env.now().as_micros(),
        tags,
        last_version: 0,
        settling_versions: Vec::new(),
        runtime_management: RuntimeManagement::default(),
    };
    snap_start::check(&created.wanted, &cx.state, OPERATION)?;
    let publication = (input.publish == Some(true)).then(|| Publication::new(&cx, None));
    let (function, published) = cx
        .kv
        .transact(|tx| {
            if FUNCTIONS.get(tx, &key)?.is_some() {
                return Err(exists());
            }
            let mut function = created.clone();
            function.wanted.layers = layers.find(tx, &cx.caller)?;
            attached::check_size(&function.wanted)?;
            let published =
                publication.as_ref().map(|publication| publication.publish(tx, &key, &mut function));
            if let Some(id) = code_signing::of_creation(tx, &cx.caller, signing, &name.name)? {
                code_signing::link(tx, &key, &id)?;
            }
            FUNCTIONS.put(tx, &key, &function)?;
            Ok((function, published.transpose()?))
        })
        .await?;

    // AWS answers the version's number, and yet the function's own ARN.
    let shown = published
        .as_ref()
        .map_or_else(|| Shown::from(&function), |published| Shown::publishing(&function, published));
    let answer = shown.configuration(&name, &cx.state.runtimes);
    cx.state.to_settle.send(key).await.map_err(AwsError::internal)?;
    Ok(answer)
}

/// A bare name's length is checked by the service, not the front door, yet in the front door's words.
fn check_name(name: &FunctionName) -> Result<()> {
    if name.qualifier.is_some() {
        return Err(errors::invalid_parameter_value_exception(
            "The function name must not have a qualifier.",
        ));
    }
    if name.name.len() > NAME_LENGTH_MAX {
        return Err(errors::invalid_parameter_value_exception(format!(
            "1 validation error detected: Value '{}' at 'functionName' failed to satisfy constraint: Member must have \
             length less than or equal to {NAME_LENGTH_MAX}",
            name.name
        )));
    }
    Ok(())
}

fn check_honoured(input: &CreateFunctionInput) -> Result<()> {
    Unhonoured {
        vpc: input.vpc_config.as_ref(),
        kms_key_arn: input.kms_key_arn.as_deref(),
        file_systems: input.file_system_configs.as_ref().is_some_and(|list| !list.is_empty()),
        capacity_provider: input.capacity_provider_config.is_some(),
        durable: input.durable_config.is_some(),
        custom_runtime: input.runtime_config.is_some(),
        accelerator: input.accelerator_config.is_some(),
    }
    .check(OPERATION)?;
    settings::refuse_asked(
        OPERATION,
        &[("PublishTo", input.publish_to.is_some()), ("TenancyConfig", input.tenancy_config.is_some())],
    )
}

/// An image has its own runtime and handler: AWS refuses both, and layers.
fn of_image(input: &CreateFunctionInput) -> Result<(String, String)> {
    let has_layers = input.layers.as_ref().is_some_and(|layers| !layers.is_empty());
    if input.runtime.is_some() || input.handler.is_some() || has_layers {
        return Err(errors::invalid_parameter_value_exception(
            "Please don't provide Handler or Runtime or Layer when the intent is to create a function with container \
             images.",
        ));
    }
    Ok((String::new(), String::new()))
}

fn mandatory(input: &CreateFunctionInput) -> Result<(String, String)> {
    input.runtime.clone().zip(input.handler.clone()).ok_or_else(|| {
        errors::invalid_parameter_value_exception(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages.",
        )
    })
}

fn package(cx: &Ctx, is_image: bool, code: FunctionCode, overrides: Overrides) -> Result<Package> {
    settings::refuse_asked(OPERATION, &[("Code.SourceKMSKeyArn", code.source_kms_key_arn.is_some())])?;
    let refuse = |message: &str| Err(errors::invalid_parameter_value_exception(message));
    if is_image {
        if code.zip_file.is_some() || code.s3_bucket.is_some() || code.s3_key.is_some() {
            return refuse(
                "Please do not provide ZipFile or S3 parameters when creating a function with packageType Image.",
            );
        }
        return match code.image_uri {
            Some(uri) => Ok(Package::Image(image_code::parse(&uri)?, overrides)),
            None => refuse("Please provide ImageUri when creating a function with packageType Image."),
        };
    }
    if code.image_uri.is_some() {
        return refuse("Please don't provide ImageUri when creating a function with packageType Zip.");
    }
    if overrides != Overrides::default() {
        return refuse("Please don't provide ImageConfig when creating a function with packageType Zip.");
    }
    let source = Source {
        zip_file: code.zip_file,
        s3_bucket: code.s3_bucket,
        s3_key: code.s3_key,
        s3_object_version: code.s3_object_version,
        s3_object_storage_mode: code.s3_object_storage_mode,
    };
    source.check(cx, Asked { operation: OPERATION, within: "Code.", what: "function code" })
}
