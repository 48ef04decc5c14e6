//! The checks of a function's settings, in AWS's order and words, and which of them Lambent honours.

use std::collections::BTreeMap;

use api_lambda as api;
use api_lambda::errors;
use aws_wire::{AwsError, Result};

use crate::Ctx;
use crate::asynchronous::destination;

/// Names and values of a function's variables as JSON.
const VARIABLES_BYTES_MAX: usize = 4096;
const TAGS_MAX: usize = 50;
pub(crate) const DEFAULT_TIMEOUT_S: u32 = 3;
pub(crate) const DEFAULT_MEMORY_MB: u32 = 128;
pub(crate) const DEFAULT_EPHEMERAL_MB: u32 = 512;

/// Variables that Lambda sets itself and nobody may.
const RESERVED: [&str; 19] = [
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SECRET_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
];

/// Runtimes that functions can still be created with.
const SUPPORTED: [&str; 24] = [
    "nodejs26.x",
    "nodejs24.x",
    "nodejs22.x",
    "nodejs20.x",
    "python3.15",
    "python3.14",
    "python3.13",
    "python3.12",
    "python3.11",
    "python3.10",
    "java25",
    "java21",
    "java17",
    "java17.al2023",
    "java11",
    "java11.al2023",
    "java8.al2",
    "java8.al2023",
    "dotnet10",
    "dotnet8",
    "ruby4.0",
    "ruby3.4",
    "ruby3.3",
    "provided.al2023",
];

/// Runtimes past their end, of which AWS takes no new functions.
const DEPRECATED: [&str; 28] = [
    "nodejs",
    "nodejs4.3",
    "nodejs4.3-edge",
    "nodejs6.10",
    "nodejs8.10",
    "nodejs10.x",
    "nodejs12.x",
    "nodejs14.x",
    "nodejs16.x",
    "nodejs18.x",
    "java8",
    "python2.7",
    "python3.6",
    "python3.7",
    "python3.8",
    "python3.9",
    "dotnetcore1.0",
    "dotnetcore2.0",
    "dotnetcore2.1",
    "dotnetcore3.1",
    "dotnet6",
    "go1.x",
    "ruby2.5",
    "ruby2.7",
    "ruby3.2",
    "provided",
    "provided.al2",
    "custom",
];

/// # Errors
/// 400 for a runtime that AWS does not know, or no longer takes.
pub(crate) fn check_runtime(runtime: &str) -> Result<()> {
    if SUPPORTED.contains(&runtime) {
        return Ok(());
    }
    let message = if DEPRECATED.contains(&runtime) {
        format!(
            "The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda functions. We \
             recommend you use a supported runtime while creating or updating functions."
        )
    } else {
        format!(
            "Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [{}] or be a \
             valid ARN",
            SUPPORTED.join(", ")
        )
    };
    Err(errors::invalid_parameter_value_exception(message))
}

/// Layers say which runtimes they are for, also those past their end.
///
/// # Errors
/// 400 for a runtime that AWS does not know.
pub(crate) fn check_compatible_runtimes(runtimes: &[String]) -> Result<()> {
    let is_known =
        |runtime: &String| SUPPORTED.contains(&runtime.as_str()) || DEPRECATED.contains(&runtime.as_str());
    if runtimes.iter().all(is_known) {
        return Ok(());
    }
    Err(AwsError::validation(format!(
        "1 validation error detected: Value '[{}]' at 'compatibleRuntimes' failed to satisfy constraint: Member must \
         satisfy constraint: [Member must satisfy enum value set: [{}]]",
        runtimes.join(", "),
        [&SUPPORTED[..], &DEPRECATED[..]].concat().join(", ")
    )))
}

/// # Errors
/// 400 for reserved names, and above 4 KB.
pub(crate) fn check_variables(variables: &BTreeMap<String, String>) -> Result<()> {
    let reserved =
        variables.keys().map(String::as_str).filter(|name| RESERVED.contains(name)).collect::<Vec<_>>();
    if !reserved.is_empty() {
        return Err(errors::invalid_parameter_value_exception(format!(
            "Lambda was unable to configure your environment variables because the environment variables you have \
             provided contains reserved keys that are currently not supported for modification. Reserved keys used in \
             this request: {}",
            reserved.join(", ")
        )));
    }
    let measured = serde_json::to_string(variables).unwrap_or_default();
    if measured.len() > VARIABLES_BYTES_MAX {
        return Err(errors::invalid_parameter_value_exception(format!(
            "Lambda was unable to configure your environment variables because the environment variables you have \
             provided exceeded the 4KB limit. String measured: {measured}"
        )));
    }
    Ok(())
}

/// # Errors
/// 400 when there are too many.
pub(crate) fn check_tags(tags: &BTreeMap<String, String>) -> Result<()> {
    if tags.len() > TAGS_MAX {
        let message = "Number of tags exceeds resource tag limit.";
        return Err(errors::invalid_parameter_value_exception(message));
    }
    Ok(())
}

/// # Errors
/// 400 unless there is exactly one.
pub(crate) fn architecture(architectures: Option<&[api::Architecture]>) -> Result<Option<String>> {
    match architectures {
        None => Ok(None),
        Some([api::Architecture::X86_64]) => Ok(Some("x86_64".to_owned())),
        // Only functions of this machine's own kind can run here; saying so now beats failing at the first call.
        Some([other]) => {
            Err(AwsError::parameter_not_implemented("host", &format!("Architectures [{}]", other.as_str())))
        }
        Some(_) => {
            Err(errors::invalid_parameter_value_exception("Architectures must have exactly one item."))
        }
    }
}

/// The dead-letter queue that is asked for; `Some(None)` takes it away.
///
/// # Errors
/// 400 for what can be none, 501 when its service is not served.
pub(crate) async fn dead_letter_arn(
    cx: &Ctx,
    config: Option<&api::DeadLetterConfig>,
) -> Result<Option<Option<String>>> {
    let Some(arn) = config.and_then(|config| config.target_arn.as_deref()) else { return Ok(None) };
    if arn.is_empty() {
        return Ok(Some(None));
    }
    destination::check_dead_letter(cx, arn).await?;
    Ok(Some(Some(arn.to_owned())))
}

/// Whether invocations are to be sampled, if that is said.
pub(crate) fn tracing_active(tracing: Option<&api::TracingConfig>) -> Option<bool> {
    Some(tracing?.mode.as_ref()? == &api::TracingMode::Active)
}

/// The parameters that create and update have in common and that Lambent can't honour yet. What asks for the default
/// is no request for the feature and passes.
pub(crate) struct Unhonoured<'a> {
    pub vpc: Option<&'a api::VpcConfig>,
    pub kms_key_arn: Option<&'a str>,
    pub file_systems: bool,
    pub capacity_provider: bool,
    pub durable: bool,
    pub custom_runtime: bool,
    pub accelerator: bool,
}

impl Unhonoured<'_> {
    /// # Errors
    /// 501 that names the first of them.
    pub(crate) fn check(&self, operation: &str) -> Result<()> {
        let in_vpc = self.vpc.is_some_and(|vpc| {
            let some = |list: &Option<Vec<String>>| list.as_ref().is_some_and(|list| !list.is_empty());
            some(&vpc.subnet_ids) || some(&vpc.security_group_ids)
        });
        let asked = [
            ("VpcConfig", in_vpc),
            ("KMSKeyArn", self.kms_key_arn.is_some_and(|arn| !arn.is_empty())),
            ("FileSystemConfigs", self.file_systems),
            ("CapacityProviderConfig", self.capacity_provider),
            ("DurableConfig", self.durable),
            ("RuntimeConfig", self.custom_runtime),
            ("AcceleratorConfig", self.accelerator),
        ];
        refuse_asked(operation, &asked)
    }
}

/// # Errors
/// 501 that names the first parameter that is asked for.
pub(crate) fn refuse_asked(operation: &str, asked: &[(&str, bool)]) -> Result<()> {
    match asked.iter().find(|(_, asked)| *asked) {
        Some((parameter, _)) => Err(AwsError::parameter_not_implemented(operation, parameter)),
        None => Ok(()),
    }
}
