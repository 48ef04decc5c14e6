//! `UpdateFunctionConfiguration`: other settings. What is not given stays; a map that is given replaces the old.

use api_lambda::{FunctionConfiguration, UpdateFunctionConfigurationInput, errors};
use aws_wire::{AwsError, Result};
use kv::Tx;

use crate::Ctx;
use crate::attached::{self, Wanted};
use crate::function::Settings;
use crate::image_code::Overrides;
use crate::keys::FUNCTIONS;
use crate::name::FunctionName;
use crate::published::Publication;
use crate::settings::{self, Unhonoured};
use crate::shown::Shown;
use crate::snap_start;

const OPERATION: &str = "UpdateFunctionConfiguration";

pub(crate) async fn update_function_configuration(
    cx: Ctx,
    input: UpdateFunctionConfigurationInput,
) -> Result<FunctionConfiguration> {
    let name = FunctionName::parse_latest(&cx.caller, &input.function_name, None)?;
    check_honoured(&input)?;
    input.runtime.as_deref().map(settings::check_runtime).transpose()?;
    let variables = input.environment.as_ref().and_then(|environment| environment.variables.as_ref());
    variables.map(settings::check_variables).transpose()?;
    let dead_letter_arn = settings::dead_letter_arn(&cx, input.dead_letter_config.as_ref()).await?;
    let layers = input.layers.as_deref().map(|arns| Wanted::parse(&cx.caller, arns)).transpose()?;
    let revision_id = input.revision_id.as_deref();
    let overrides = input.image_config.clone().map(|config| Overrides::parse(Some(config))).transpose()?;
    update(&cx, &name, revision_id, None, |tx, wanted| {
        check_package_type(wanted, &input)?;
        if let (Some(image), Some(overrides)) = (&mut wanted.image, &overrides) {
            overrides.clone_into(&mut image.overrides);
        }
        if let Some(arn) = &dead_letter_arn {
            wanted.dead_letter_arn.clone_from(arn);
        }
        apply(wanted, &input)?;
        if let Some(layers) = &layers {
            wanted.layers = layers.find(tx, &cx.caller)?;
            attached::check_size(wanted)?;
        }
        Ok(())
    })
    .await
}

fn check_honoured(input: &UpdateFunctionConfigurationInput) -> Result<()> {
    Unhonoured {
        vpc: input.vpc_config.as_ref(),
        kms_key_arn: input.kms_key_arn.as_deref(),
        file_systems: input.file_system_configs.as_ref().is_some_and(|list| !list.is_empty()),
        capacity_provider: input.capacity_provider_config.is_some(),
        durable: input.durable_config.is_some(),
        custom_runtime: input.runtime_config.is_some(),
        accelerator: input.accelerator_config.is_some(),
    }
    .check(OPERATION)
}

/// # Errors
/// 400 for what only functions of the other kind of package have.
fn check_package_type(wanted: &Settings, input: &UpdateFunctionConfigurationInput) -> Result<()> {
    let has_layers = input.layers.as_ref().is_some_and(|layers| !layers.is_empty());
    let message = match &wanted.image {
        Some(_) if input.runtime.is_some() || input.handler.is_some() || has_layers => {
            "Please don't provide Handler or Runtime or Layer when the intent is to update a function with container images."
        }
        None if input.image_config.is_some() => {
            "Please don't provide ImageConfig when updating a function with packageType Zip."
        }
        Some(_) | None => return Ok(()),
    };
    Err(errors::invalid_parameter_value_exception(message))
}

fn apply(wanted: &mut Settings, input: &UpdateFunctionConfigurationInput) -> Result<()> {
    let logging = input.logging_config.as_ref();
    // What it was decides whether levels are allowed.
    wanted.log_format = wanted.log_format.with(logging)?;
    if let Some(active) = settings::tracing_active(input.tracing_config.as_ref()) {
        wanted.tracing_active = active;
    }
    let set = |target: &mut String, value: Option<&str>| {
        if let Some(value) = value {
            value.clone_into(target);
        }
    };
    set(&mut wanted.role, input.role.as_deref());
    set(&mut wanted.handler, input.handler.as_deref());
    set(&mut wanted.runtime, input.runtime.as_deref());
    set(&mut wanted.description, input.description.as_deref());
    set(&mut wanted.log_group, logging.and_then(|logging| logging.log_group.as_deref()));
    let set = |target: &mut u32, value: Option<i32>| {
        if let Some(value) = value.and_then(|value| u32::try_from(value).ok()) {
            *target = value;
        }
    };
    set(&mut wanted.timeout_s, input.timeout);
    set(&mut wanted.memory_mb, input.memory_size);
    set(&mut wanted.ephemeral_mb, input.ephemeral_storage.as_ref().map(|storage| storage.size));
    if let Some(snap_start) = snap_start::wanted(input.snap_start.as_ref()) {
        wanted.snap_start = snap_start;
    }
    if let Some(variables) = input.environment.as_ref().and_then(|environment| environment.variables.as_ref())
    {
        wanted.variables = Some(variables.clone()).filter(|variables| !variables.is_empty());
    }
    Ok(())
}

/// Changes what a function wants, in one transaction, and has it made live; also publishes it where `publication` says
/// so.
///
/// # Errors
/// 404 without the function, 409 while another change is under way, 412 for another revision; those of `change`.
pub(super) async fn update(
    cx: &Ctx,
    name: &FunctionName,
    revision_id: Option<&str>,
    publication: Option<&Publication>,
    change: impl Fn(&mut Tx, &mut Settings) -> Result<()>,
) -> Result<FunctionConfiguration> {
    let key = name.key();
    let (now, new_revision_id) = (cx.env.now(), cx.env.uuid().to_string());
    let (function, published) = cx
        .kv
        .transact(|tx| {
            let mut function = FUNCTIONS.get(tx, &key)?.ok_or_else(|| name.not_found())?;
            function.check_settled()?;
            function.check_revision(revision_id)?;
            change(tx, &mut function.wanted)?;
            snap_start::check(&function.wanted, &cx.state, OPERATION)?;
            function.runtime_management.refresh(&cx.state.runtimes, &function.wanted.runtime);
            function.touch(&new_revision_id, now);
            let published = publication.map(|publication| publication.publish(tx, &key, &mut function));
            FUNCTIONS.put(tx, &key, &function)?;
            Ok::<_, AwsError>((function, published.transpose()?))
        })
        .await?;
    let answer = match &published {
        Some(published) => Shown::publishing(&function, published)
            .configuration(&name.with_qualifier(&published.number.to_string()), &cx.state.runtimes),
        None => Shown::from(&function).configuration(name, &cx.state.runtimes),
    };
    cx.state.to_settle.send(key).await.map_err(AwsError::internal)?;
    Ok(answer)
}
