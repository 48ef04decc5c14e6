//! SnapStart: who may have it, and the snapshot that a published version waits for.

use std::sync::Arc;

use api_lambda as api;
use api_lambda::errors;
use aws_wire::{AwsError, Result};
use execution::{Failure, Pools, Prepared, Version};

use crate::function::{Settings, State};
use crate::keys::{FUNCTIONS, FunctionKey, VERSIONS};
use crate::published::{Published, SnapshotFailure};
use crate::versions;
use crate::{Ctx, Lambda};

/// Lambda's snapshots hold a `/tmp` of this size at most.
const EPHEMERAL_MB_MAX: u32 = 512;
/// How often taking a snapshot is tried when the platform is at fault.
const ATTEMPTS_MAX: u32 = 3;
/// The first release of Python that Lambda takes snapshots of.
const PYTHON_MINOR_MIN: u32 = 12;

/// `ApplyOn` as it was given.
pub(crate) fn wanted(snap_start: Option<&api::SnapStart>) -> Option<bool> {
    snap_start?.apply_on.as_ref().map(|apply_on| *apply_on == api::SnapStartApplyOn::PublishedVersions)
}

/// # Errors
/// 400 for what Lambda takes no snapshots of, 501 for what this platform takes none of.
pub(crate) fn check(settings: &Settings, lambda: &Lambda, operation: &str) -> Result<()> {
    if !settings.snap_start {
        return Ok(());
    }
    if settings.image.is_some() || lambda.runtimes.image_of(&settings.runtime).is_some() {
        return Err(AwsError::parameter_not_implemented(operation, "SnapStart PublishedVersions in images"));
    }
    let runtime = settings.runtime.as_str();
    // Lambda has it for these too; a process of theirs has threads before any code of the function runs.
    if ["java", "dotnet"].iter().any(|language| runtime.starts_with(language)) && runtime != "java8.al2" {
        let what = format!("SnapStart PublishedVersions with the runtime {runtime}");
        return Err(AwsError::parameter_not_implemented(operation, &what));
    }
    let minor = runtime.strip_prefix("python3.").and_then(|minor| minor.parse::<u32>().ok());
    if minor.is_none_or(|minor| minor < PYTHON_MINOR_MIN) {
        return Err(errors::invalid_parameter_value_exception(format!(
            "{runtime} is not supported for SnapStart enabled functions."
        )));
    }
    if settings.ephemeral_mb > EPHEMERAL_MB_MAX {
        return Err(errors::invalid_parameter_value_exception(format!(
            "SnapStart enabled functions support ephemeral storage of up to {EPHEMERAL_MB_MAX} MB."
        )));
    }
    if !lambda.pools.take_snapshots() {
        let what = "SnapStart PublishedVersions on this host, whose sandboxes cannot be copied";
        return Err(AwsError::parameter_not_implemented(operation, what));
    }
    Ok(())
}

/// As reads show it. `published` is absent of `$LATEST`, which never starts from a snapshot.
pub(crate) fn shown(settings: &Settings, published: Option<&Published>) -> api::SnapStartResponse {
    let is_on = settings.snap_start && published.is_some_and(|published| published.no_snapshot.is_none());
    api::SnapStartResponse {
        apply_on: Some(match settings.snap_start {
            true => api::SnapStartApplyOn::PublishedVersions,
            false => api::SnapStartApplyOn::None,
        }),
        optimization_status: Some(match is_on {
            true => api::SnapStartOptimizationStatus::On,
            false => api::SnapStartOptimizationStatus::Off,
        }),
    }
}

/// Takes the snapshot of a version that was published, and settles it.
pub(crate) async fn take(cx: Ctx, key: FunctionKey, number: u64) {
    if let Err(error) = try_take(&cx, &key, number).await {
        tracing::error!(%error, cause = ?error.cause, function = key.2, number, "take a snapshot of a version");
    }
}

async fn try_take(cx: &Ctx, key: &FunctionKey, number: u64) -> Result<()> {
    let (account, region, name) = key;
    let version_key = (account.clone(), region.clone(), name.clone(), number);
    let snapshot = cx.kv.snapshot().await?;
    let (Some(function), Some(published)) =
        (FUNCTIONS.get(&snapshot, key)?, VERSIONS.get(&snapshot, &version_key)?)
    else {
        return Ok(());
    };
    let prepared = match versions::of_published(cx, &function, &published).await {
        Ok(version) => match prepare(&cx.state.pools, &version).await {
            // The next start of the platform finds the version unsettled.
            Err(_) if cx.state.pools.is_closing() => return Ok(()),
            prepared => prepared.map_err(|failure| failed(&failure)),
        },
        Err(error) => Err(SnapshotFailure {
            code: "InvalidRuntime".to_owned(),
            reason: error.message.unwrap_or_else(|| "The runtime cannot be run.".to_owned()),
        }),
    };
    let _changing = cx.state.versions.changing(key);
    cx.kv
        .transact(|tx| {
            if let Some(mut function) = FUNCTIONS.get(tx, key)? {
                function.settling_versions.retain(|settling| *settling != number);
                FUNCTIONS.put(tx, key, &function)?;
            }
            let stored = VERSIONS.get(tx, &version_key)?;
            let stored = stored.filter(|stored| stored.revision_id == published.revision_id);
            let Some(mut stored) = stored else { return Ok(false) };
            if stored.state != State::Pending {
                // Settled twice: another change of the function came meanwhile.
                return Ok(true);
            }
            stored.state = if prepared.is_ok() { State::Active } else { State::Failed };
            match &prepared {
                Ok(Prepared::Snapshot) => {}
                Ok(Prepared::NoSnapshot(reason)) => stored.no_snapshot = Some(reason.clone()),
                Err(failure) => stored.failed = Some(failure.clone()),
            }
            VERSIONS.put(tx, &version_key, &stored)?;
            Ok::<_, AwsError>(true)
        })
        .await
        .map(|is_there| {
            if !is_there {
                // It was deleted meanwhile.
                cx.state.pools.retire(&function.arn, Some(&number.to_string()), None);
            }
        })
}

async fn prepare(pools: &Pools, version: &Arc<Version>) -> Result<Prepared, Failure> {
    let mut attempts = 1;
    loop {
        match pools.prepare(version).await {
            // Ours, such as a spawner that was killed: not to be held against the function at once.
            Err(Failure::Sandbox(cause)) if attempts < ATTEMPTS_MAX && !pools.is_closing() => {
                tracing::warn!(cause, function = version.function_name, "take a snapshot; trying again");
                attempts += 1;
            }
            settled => return settled,
        }
    }
}

fn failed(failure: &Failure) -> SnapshotFailure {
    let code = match failure {
        Failure::TimedOut { .. } => "FunctionError.InitTimeout",
        Failure::Exited(_) if failure.error_type() == "Runtime.OutOfMemory" => {
            "FunctionError.InitResourceExhausted"
        }
        Failure::Extension { .. } => "FunctionError.ExtensionInitError",
        Failure::NoBootstrap | Failure::InvalidEntrypoint(_) => "FunctionError.InvalidEntryPoint",
        Failure::InvalidWorkingDir(_) => "FunctionError.InvalidWorkingDirectory",
        Failure::Sandbox(_) => "InternalError",
        Failure::Reported { .. }
        | Failure::Exited(_)
        | Failure::ResponseTooLarge
        | Failure::StreamTooLarge { .. }
        | Failure::Truncated
        | Failure::Restore(_) => "FunctionError.RuntimeInitError",
    };
    let reason = format!("Function initialization failed with {}.", failure.error_type());
    SnapshotFailure { code: code.to_owned(), reason }
}
