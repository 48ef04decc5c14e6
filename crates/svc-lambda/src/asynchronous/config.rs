//! What a user sets for a function's events: retries, age and destinations by qualifier, and what a loop does.

use api_lambda as api;
use api_lambda::errors;
use aws_wire::{AwsError, Result};
use kv::Read;
use serde::{Deserialize, Serialize};

use crate::Ctx;
use crate::asynchronous::destination;
use crate::function::FORMAT;
use crate::keys::{AliasKey, RECURSION_CONFIGS};
use crate::name::{FunctionName, LATEST};
use crate::published;
use crate::trace::{PASSES_MAX, Trace};

const RETRIES_MAX_DEFAULT: u32 = 2;
const AGE_MAX_S_DEFAULT: u32 = 21_600;

/// An EventInvokeConfig as it is stored; what was not given is absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct EventInvokeConfig {
    /// Of this layout; readers of a later one still read it.
    pub format: u32,
    pub retries_max: Option<u32>,
    pub age_max_s: Option<u32>,
    /// An ARN.
    pub on_success: Option<String>,
    /// An ARN.
    pub on_failure: Option<String>,
    /// Microseconds since the epoch.
    pub last_modified_us: i64,
}

/// What happens to a function in a loop, as it is stored; absent is Terminate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RecursionConfig {
    /// Of this layout; readers of a later one still read it.
    pub format: u32,
    pub allow: bool,
}

/// Whether one more pass through this function is a loop that is to be stopped.
///
/// # Errors
/// Those of the store.
pub(crate) async fn is_loop(cx: &Ctx, name: &FunctionName, trace: &Trace) -> Result<bool> {
    goes_round(cx, name, trace, PASSES_MAX).await
}

/// Whether a chain has passed this function so often, and that is not allowed.
///
/// # Errors
/// Those of the store.
pub(crate) async fn goes_round(
    cx: &Ctx,
    name: &FunctionName,
    trace: &Trace,
    passes_max: u32,
) -> Result<bool> {
    if trace.passes(&name.arn()) < passes_max {
        return Ok(false);
    }
    let config = RECURSION_CONFIGS.get(&cx.kv.snapshot().await?, &name.key())?;
    Ok(!config.is_some_and(|config| config.allow))
}

impl EventInvokeConfig {
    pub(crate) fn retries_max(&self) -> u32 {
        self.retries_max.unwrap_or(RETRIES_MAX_DEFAULT)
    }

    pub(crate) fn age_max_s(&self) -> u32 {
        self.age_max_s.unwrap_or(AGE_MAX_S_DEFAULT)
    }

    /// As the API shows it.
    pub(crate) fn shown(&self, arn: String) -> api::FunctionEventInvokeConfig {
        api::FunctionEventInvokeConfig {
            last_modified: Some(env::Timestamp::from_micros(self.last_modified_us)),
            function_arn: Some(arn),
            maximum_retry_attempts: self.retries_max.and_then(|retries| i32::try_from(retries).ok()),
            maximum_event_age_in_seconds: self.age_max_s.and_then(|age| i32::try_from(age).ok()),
            destination_config: Some(api::DestinationConfig {
                on_success: Some(api::OnSuccess { destination: self.on_success.clone() }),
                on_failure: Some(api::OnFailure { destination: self.on_failure.clone() }),
            }),
        }
    }
}

/// What Put and Update were given, checked.
pub(crate) struct Given {
    retries_max: Option<u32>,
    age_max_s: Option<u32>,
    /// `Some(None)` takes a destination away.
    on_success: Option<Option<String>>,
    on_failure: Option<Option<String>>,
}

impl Given {
    /// # Errors
    /// 400 when nothing is given, and for destinations that are none; 501 for one of a service that is not served.
    pub(crate) async fn check(
        cx: &Ctx,
        name: &FunctionName,
        retries_max: Option<i32>,
        age_max_s: Option<i32>,
        destinations: Option<&api::DestinationConfig>,
    ) -> Result<Self> {
        if retries_max.is_none() && age_max_s.is_none() && destinations.is_none() {
            return Err(errors::invalid_parameter_value_exception(
                "You must specify at least one of error handling or destination setting.",
            ));
        }
        let on_success = destinations.and_then(|config| config.on_success.as_ref()?.destination.as_deref());
        let on_failure = destinations.and_then(|config| config.on_failure.as_ref()?.destination.as_deref());
        destination::check_kinds(on_success, on_failure)?;
        for arn in [on_success, on_failure].into_iter().flatten().filter(|arn| !arn.is_empty()) {
            destination::check(cx, name, arn).await?;
        }
        let set = |arn: Option<&str>| arn.map(|arn| Some(arn.to_owned()).filter(|arn| !arn.is_empty()));
        Ok(Self {
            retries_max: retries_max.and_then(|retries| u32::try_from(retries).ok()),
            age_max_s: age_max_s.and_then(|age| u32::try_from(age).ok()),
            on_success: set(on_success),
            on_failure: set(on_failure),
        })
    }

    /// What was given, over what was there.
    pub(crate) fn over(&self, before: Option<EventInvokeConfig>, last_modified_us: i64) -> EventInvokeConfig {
        let before = before.unwrap_or_default();
        EventInvokeConfig {
            format: FORMAT,
            retries_max: self.retries_max.or(before.retries_max),
            age_max_s: self.age_max_s.or(before.age_max_s),
            on_success: self.on_success.clone().unwrap_or(before.on_success),
            on_failure: self.on_failure.clone().unwrap_or(before.on_failure),
            last_modified_us,
        }
    }
}

/// The key of a qualifier's config; none is `$LATEST`.
pub(crate) fn key(name: &FunctionName) -> AliasKey {
    let (account, region, function) = name.key();
    (account, region, function, qualifier(name).to_owned())
}

fn qualifier(name: &FunctionName) -> &str {
    name.qualifier.as_deref().unwrap_or(LATEST)
}

/// The ARN that configs show: always qualified.
pub(crate) fn shown_arn(name: &FunctionName) -> String {
    format!("{}:{}", name.arn(), qualifier(name))
}

/// # Errors
/// 404 without the function, version or alias.
pub(crate) fn check_exists(reader: &impl Read, name: &FunctionName) -> Result<()> {
    match published::lookup(reader, name) {
        Ok(_) => Ok(()),
        Err(error) if error.status == 404 => Err(function_missing()),
        Err(error) => Err(error),
    }
}

pub(crate) fn function_missing() -> AwsError {
    errors::resource_not_found_exception("The function doesn't exist.")
}

pub(crate) fn config_missing(name: &FunctionName) -> AwsError {
    let arn = shown_arn(name);
    errors::resource_not_found_exception(format!("The function {arn} doesn't have an EventInvokeConfig"))
}
