//! Code signing configurations, and which functions have one.
//!
//! Whether a package is signed is a matter of AWS Signer, which there is none of here: every package counts as unsigned.
//! So a configuration that enforces lets no package pass, and one that warns lets every package pass.

use std::collections::BTreeMap;

use api_lambda as api;
use api_lambda::errors;
use aws_wire::{AwsError, Result};
use env::Timestamp;
use kv::{Read, Span, Tx};
use serde::{Deserialize, Serialize};
use service::Caller;

use crate::keys::{
    CODE_SIGNED_FUNCTIONS, CODE_SIGNING_CONFIGS, CodeSignedKey, CodeSigningKey, FUNCTION_CODE_SIGNING,
    FunctionKey,
};
use crate::shown::last_modified;

/// A configuration as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CodeSigningConfig {
    /// Of this layout; readers of a later one still read it.
    pub format: u32,
    /// `csc-` and 17 digits or letters.
    pub id: String,
    pub arn: String,
    pub description: String,
    /// ARNs of signing profiles' versions.
    pub publishers: Vec<String>,
    /// Whether unsigned code is refused; otherwise it passes.
    pub enforce: bool,
    /// Microseconds since the epoch.
    pub last_modified_us: i64,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

impl CodeSigningConfig {
    /// As the API shows it.
    pub(crate) fn shown(&self) -> api::CodeSigningConfig {
        let policy =
            if self.enforce { api::CodeSigningPolicy::Enforce } else { api::CodeSigningPolicy::Warn };
        api::CodeSigningConfig {
            code_signing_config_id: self.id.clone(),
            code_signing_config_arn: self.arn.clone(),
            description: Some(self.description.clone()),
            allowed_publishers: api::AllowedPublishers {
                signing_profile_version_arns: self.publishers.clone(),
            },
            code_signing_policies: api::CodeSigningPolicies {
                untrusted_artifact_on_deployment: Some(policy),
            },
            last_modified: last_modified(Timestamp::from_micros(self.last_modified_us)),
        }
    }
}

/// Whether code must be signed; to warn is the default.
pub(crate) fn enforces(policies: Option<&api::CodeSigningPolicies>) -> Option<bool> {
    let policy = policies?.untrusted_artifact_on_deployment?;
    Some(policy == api::CodeSigningPolicy::Enforce)
}

/// # Errors
/// 400 for what is no version of a signing profile, and for one named twice.
pub(crate) fn check_publishers(publishers: &api::AllowedPublishers) -> Result<()> {
    let arns = &publishers.signing_profile_version_arns;
    for (position, arn) in arns.iter().enumerate() {
        let parts = arn.splitn(6, ':').collect::<Vec<_>>();
        let profile = parts.get(5).and_then(|resource| resource.strip_prefix("/signing-profiles/"));
        let names_version = profile
            .and_then(|profile| profile.split_once('/'))
            .is_some_and(|(name, version)| !name.is_empty() && !version.is_empty() && !version.contains('/'));
        if parts.get(2) != Some(&"signer") || !names_version {
            return Err(errors::invalid_parameter_value_exception(format!(
                "Invalid signing profile version arn: {arn}"
            )));
        }
        if arns[..position].contains(arn) {
            return Err(errors::invalid_parameter_value_exception(format!(
                "Duplicate signing profile version arn: {arn}"
            )));
        }
    }
    Ok(())
}

/// The key of the configuration of this ARN; of another account or region there is none that the caller could have.
pub(crate) fn key(caller: &Caller, arn: &str) -> Option<CodeSigningKey> {
    let id = arn.rsplit(':').next().unwrap_or_default();
    let is_own = caller.arn("lambda", &format!("code-signing-config:{id}")) == arn;
    is_own.then(|| (caller.account.to_string(), caller.region.to_string(), id.to_owned()))
}

/// A configuration that an operation on configurations names.
///
/// # Errors
/// 404 when it is not there.
pub(crate) fn find(
    reader: &impl Read,
    caller: &Caller,
    arn: &str,
) -> Result<(CodeSigningKey, CodeSigningConfig)> {
    look_up(reader, caller, arn)?.ok_or_else(|| {
        errors::resource_not_found_exception(format!(
            "The Lambda code signing configuration {arn} can not be found."
        ))
    })
}

/// A configuration that a function is to have.
///
/// # Errors
/// 404 `CodeSigningConfigNotFoundException` when it is not there.
pub(crate) fn find_for_function(
    reader: &impl Read,
    caller: &Caller,
    arn: &str,
) -> Result<(CodeSigningKey, CodeSigningConfig)> {
    look_up(reader, caller, arn)?.ok_or_else(|| {
        errors::code_signing_config_not_found_exception(format!(
            "The code signing configuration cannot be found. Check that the provided configuration is not deleted: {arn}."
        ))
    })
}

fn look_up(
    reader: &impl Read,
    caller: &Caller,
    arn: &str,
) -> Result<Option<(CodeSigningKey, CodeSigningConfig)>> {
    let Some(key) = key(caller, arn) else { return Ok(None) };
    let config = CODE_SIGNING_CONFIGS.get(reader, &key)?;
    Ok(config.map(|config| (key, config)))
}

/// The configuration of a function, if it has one.
///
/// # Errors
/// Those of the store.
pub(crate) fn of_function(
    reader: &impl Read,
    function: &FunctionKey,
) -> Result<Option<CodeSigningConfig>, kv::Error> {
    let Some(id) = FUNCTION_CODE_SIGNING.get(reader, function)? else { return Ok(None) };
    CODE_SIGNING_CONFIGS.get(reader, &(function.0.as_str(), function.1.as_str(), id.as_str()))
}

/// Gives a function a configuration, in place of the one that it has.
///
/// # Errors
/// Those of the store.
pub(crate) fn link(tx: &mut Tx, function: &FunctionKey, id: &str) -> Result<(), kv::Error> {
    unlink(tx, function)?;
    FUNCTION_CODE_SIGNING.put(tx, function, &id.to_owned())?;
    CODE_SIGNED_FUNCTIONS.put(tx, &signed_key(function, id), &())
}

/// Takes a function's configuration away, if it has one.
///
/// # Errors
/// Those of the store.
pub(crate) fn unlink(tx: &mut Tx, function: &FunctionKey) -> Result<(), kv::Error> {
    let Some(id) = FUNCTION_CODE_SIGNING.get(tx, function)? else { return Ok(()) };
    FUNCTION_CODE_SIGNING.delete(tx, function)?;
    CODE_SIGNED_FUNCTIONS.delete(tx, &signed_key(function, &id))
}

fn signed_key((account, region, name): &FunctionKey, id: &str) -> CodeSignedKey {
    (account.clone(), region.clone(), id.to_owned(), name.clone())
}

/// The keys of a configuration's functions.
pub(crate) fn functions((account, region, id): &CodeSigningKey) -> Span<CodeSignedKey> {
    Span::prefix(&(account, region, id))
}

/// The id of the configuration that a new function asks for.
///
/// # Errors
/// 404 when it is not there, 400 when it refuses the package.
pub(crate) fn of_creation(
    reader: &impl Read,
    caller: &Caller,
    arn: Option<&str>,
    function: &str,
) -> Result<Option<String>> {
    let Some(arn) = arn else { return Ok(None) };
    let (_, config) = find_for_function(reader, caller, arn)?;
    check_package(Some(&config), function)?;
    Ok(Some(config.id))
}

/// Refuses a package for a function with this configuration, if it enforces signatures.
///
/// # Errors
/// 400 `CodeVerificationFailedException`.
pub(crate) fn check_package(config: Option<&CodeSigningConfig>, function: &str) -> Result<(), AwsError> {
    if config.is_some_and(|config| config.enforce) {
        return Err(errors::code_verification_failed_exception(format!(
            "Lambda cannot deploy the function. The function or layer might be signed using a signature that the client \
             is not configured to accept. Check the provided signature for {function}."
        )));
    }
    Ok(())
}
