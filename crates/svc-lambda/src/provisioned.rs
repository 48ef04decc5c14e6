//! Provisioned concurrency: how many environments of a version, or of where an alias leads, are kept ready; and the
//! job that brings the pools to what is stored.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use api_lambda as api;
use api_lambda::errors;
use aws_wire::{AwsError, Result};
use env::Timestamp;
use execution::{Provisioning, ProvisioningStatus};
use kv::{Read, Span};
use serde::{Deserialize, Serialize};
use service::Caller;
use tokio::sync::Notify;

use crate::Ctx;
use crate::alias::{self, Alias};
use crate::concurrency;
use crate::keys::{FUNCTIONS, FunctionKey, PROVISIONED, ProvisionedKey};
use crate::name::{FunctionName, LATEST};
use crate::published::{self, Found, lookup, of_function};

/// How long what could not be brought about waits for another try, if nothing happens before.
const RETRY_AFTER: Duration = Duration::from_secs(60);

/// What a version or an alias asks for, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Config {
    /// Of this layout; readers of a later one still read it.
    pub format: u32,
    pub requested: u32,
    /// Microseconds since the epoch.
    pub last_modified_us: i64,
}

/// Functions whose provisioned environments may not be what is stored. Each is there once.
#[derive(Default)]
pub(crate) struct Changed {
    functions: Mutex<BTreeSet<FunctionKey>>,
    more: Notify,
}

impl Changed {
    /// A configuration of this function, or something that it leads to, has changed.
    pub(crate) fn insert(&self, key: FunctionKey) {
        self.functions.lock().expect("no panic while held").insert(key);
        self.more.notify_one();
    }

    fn take(&self) -> BTreeSet<FunctionKey> {
        std::mem::take(&mut *self.functions.lock().expect("no panic while held"))
    }
}

/// The version or the alias that an operation names; `of_latest` is what is said of `$LATEST`.
///
/// # Errors
/// 400 for `$LATEST`.
pub(crate) fn parse(cx: &Ctx, function: &str, qualifier: &str, of_latest: &str) -> Result<FunctionName> {
    let name = FunctionName::parse(&cx.caller, function, Some(qualifier))?;
    if name.qualifier.as_deref() == Some(LATEST) {
        return Err(errors::invalid_parameter_value_exception(of_latest));
    }
    Ok(name)
}

/// What reads say of `$LATEST`.
pub(crate) const NOT_PUBLISHED: &str =
    "The function resource provided must be an alias or a published version.";
/// What changes say of it.
pub(crate) const UNPUBLISHED: &str =
    "Provisioned Concurrency Configs cannot be applied to unpublished function versions.";

/// The version or alias that `name` names.
///
/// # Errors
/// 404 in the words of AWS that these operations have.
pub(crate) fn find(reader: &impl Read, name: &FunctionName) -> Result<Found> {
    lookup(reader, name).map_err(|error| match &name.qualifier {
        Some(qualifier) if error.status == 404 && published::number(qualifier).is_none() => {
            let arn = name.qualified_arn();
            errors::resource_not_found_exception(format!("Cannot find alias arn: {arn}"))
        }
        _ => error,
    })
}

pub(crate) fn key(name: &FunctionName) -> ProvisionedKey {
    alias::key(name, name.qualifier.as_deref().unwrap_or(LATEST))
}

/// Checks that `requested` may be provisioned of `name`, in AWS's order.
///
/// # Errors
/// 404 when it is not there, 409 when the same version is provisioned in another way, 400 when there is not so much.
pub(crate) fn check(cx: &Ctx, reader: &impl Read, name: &FunctionName, requested: u32) -> Result<()> {
    let found = find(reader, name)?;
    let function = name.key();
    match &found.alias {
        Some(alias) => check_alias(reader, name, alias)?,
        None => {
            for (key, alias) in alias::all(reader, &function)? {
                let leads_here = name.qualifier.as_deref().is_some_and(|version| alias.leads_to(version));
                if leads_here && PROVISIONED.get(reader, &key)?.is_some() {
                    return Err(errors::resource_conflict_exception(
                        "Version is pointed by a Provisioned Concurrency alias",
                    ));
                }
            }
        }
    }
    let refuse = |message: String| Err(errors::invalid_parameter_value_exception(message));
    let others = concurrency::provisioned(reader, &function, name.qualifier.as_deref())?;
    if let Some(reserved) = crate::keys::RESERVED.get(reader, &function)? {
        if others + requested > reserved.concurrent_executions {
            return refuse(
                "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for \
                 function"
                    .to_owned(),
            );
        }
        return Ok(());
    }
    let (account, region, _) = &function;
    let unreserved = concurrency::unreserved(cx, reader, (account, region), Some(&function))?;
    let unreserved = unreserved.saturating_sub(others);
    if requested > unreserved {
        return refuse(format!(
            "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [{unreserved}]."
        ));
    }
    let least = concurrency::unreserved_min(cx);
    let before = PROVISIONED.get(reader, &key(name))?.map_or(0, |config| config.requested);
    if requested > before && unreserved - requested < least {
        return refuse(format!(
            "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its \
             minimum value of [{least}]."
        ));
    }
    Ok(())
}

/// Checks that an alias may be provisioned, where it leads.
///
/// # Errors
/// 400 when it leads to `$LATEST`, 409 when it leads to a version that is provisioned itself.
pub(crate) fn check_alias(reader: &impl Read, name: &FunctionName, alias: &Alias) -> Result<()> {
    if alias.version == LATEST {
        return Err(errors::invalid_parameter_value_exception(UNPUBLISHED));
    }
    let additional = alias.additional.map(|(number, _)| number.to_string());
    for version in [Some(&alias.version), additional.as_ref()].into_iter().flatten() {
        if PROVISIONED.get(reader, &key(&name.with_qualifier(version)))?.is_some() {
            return Err(errors::resource_conflict_exception(
                "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version",
            ));
        }
    }
    Ok(())
}

/// An alias that is provisioned may only lead where it can be.
///
/// # Errors
/// As [`check_alias`].
pub(crate) fn check_moved(reader: &impl Read, name: &FunctionName, alias: &Alias) -> Result<()> {
    match PROVISIONED.get(reader, &alias::key(name, &alias.name))? {
        Some(_) => check_alias(reader, name, alias),
        None => Ok(()),
    }
}

/// The versions that `requested` environments belong to. An alias that routes has them divided by its weights.
fn parts(qualifier: &str, alias: Option<&Alias>, requested: u32) -> Vec<(u64, u32)> {
    let Some(alias) = alias else {
        return published::number(qualifier).map(|number| (number, requested)).into_iter().collect();
    };
    let mut parts = Vec::new();
    let mut rest = requested;
    if let Some((other, weight)) = alias.additional {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a weight is 0 to 1, so this is at most what was requested"
        )]
        let part = (f64::from(requested) * weight).round() as u32;
        rest -= part.min(requested);
        parts.push((other, part));
    }
    parts.extend(published::number(&alias.version).map(|number| (number, rest)));
    parts.retain(|(_, count)| *count > 0);
    parts
}

/// A function's configurations.
pub(crate) struct Configured(Vec<One>);

struct One {
    /// A version's number or an alias' name.
    qualifier: String,
    config: Config,
    /// The versions that its environments belong to, and how many of each.
    parts: Vec<(u64, u32)>,
}

impl Configured {
    /// # Errors
    /// Those of the store.
    pub(crate) fn read(reader: &impl Read, function: &FunctionKey) -> Result<Self> {
        let configs = PROVISIONED.all(reader, &of_function(function))?;
        let aliases = if configs.is_empty() { Vec::new() } else { alias::all(reader, function)? };
        let alias = |name: &str| aliases.iter().map(|(_, alias)| alias).find(|alias| alias.name == name);
        let configs = configs.into_iter().map(|((.., qualifier), config)| {
            let parts = parts(&qualifier, alias(&qualifier), config.requested);
            One { qualifier, config, parts }
        });
        Ok(Self(configs.collect()))
    }

    /// How many environments there should be of each version.
    fn wanted(&self) -> BTreeMap<u64, u32> {
        let mut wanted = BTreeMap::new();
        for (number, count) in self.0.iter().flat_map(|one| &one.parts) {
            *wanted.entry(*number).or_default() += count;
        }
        wanted
    }

    /// How far each configuration has come, by qualifier, given what the pools have.
    pub(crate) fn allocations(&self, live: &[Provisioning]) -> Vec<(String, Allocation)> {
        let wanted = self.wanted();
        let allocation = |One { qualifier, config, parts }: &One| {
            let mut allocated = 0;
            let mut status = ProvisioningStatus::Ready;
            for (number, count) in parts {
                let found =
                    live.iter().find(|live| published::number(&live.version.version) == Some(*number));
                allocated +=
                    found.map_or(0, |live| u32::try_from(live.ready).unwrap_or(u32::MAX).min(*count));
                let enough = wanted.get(number).map_or(0, |count| *count as usize);
                let part = match found {
                    Some(live) if live.target >= enough => live.status,
                    _ => ProvisioningStatus::InProgress,
                };
                status = match (status, part) {
                    (failed @ ProvisioningStatus::Failed(_), _) => failed,
                    (ready, ProvisioningStatus::Ready) => ready,
                    (_, other) => other,
                };
            }
            (qualifier.clone(), Allocation { config: config.clone(), allocated, status })
        };
        self.0.iter().map(allocation).collect()
    }
}

/// A configuration and how far it has come.
pub(crate) struct Allocation {
    config: Config,
    allocated: u32,
    status: ProvisioningStatus,
}

impl Allocation {
    /// As the API shows it; `arn` is the version's or the alias'.
    pub(crate) fn shown(&self, arn: String) -> api::ProvisionedConcurrencyConfigListItem {
        let allocated = i32::try_from(self.allocated).ok();
        let (status, reason) = match self.status {
            ProvisioningStatus::InProgress => (api::ProvisionedConcurrencyStatusEnum::InProgress, None),
            ProvisioningStatus::Ready => (api::ProvisionedConcurrencyStatusEnum::Ready, None),
            ProvisioningStatus::Failed(reason) => {
                (api::ProvisionedConcurrencyStatusEnum::Failed, Some(reason.to_owned()))
            }
        };
        api::ProvisionedConcurrencyConfigListItem {
            function_arn: Some(arn),
            requested_provisioned_concurrent_executions: i32::try_from(self.config.requested).ok(),
            available_provisioned_concurrent_executions: allocated,
            allocated_provisioned_concurrent_executions: allocated,
            status: Some(status),
            status_reason: reason,
            last_modified: Some(last_modified(Timestamp::from_micros(self.config.last_modified_us))),
        }
    }
}

/// `2026-11-23T10:11:12+0000`: these have no fraction.
fn last_modified(at: Timestamp) -> String {
    let moment =
        time::OffsetDateTime::from_unix_timestamp(at.as_secs()).unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    let format = time::macros::format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]+0000");
    moment.format(format).expect("every component exists")
}

/// Every configuration of a function, in the order of qualifiers, as the API shows it.
///
/// # Errors
/// Those of the store.
pub(crate) async fn shown(
    cx: &Ctx,
    name: &FunctionName,
) -> Result<Vec<(String, api::ProvisionedConcurrencyConfigListItem)>> {
    let configured = Configured::read(&cx.kv.snapshot().await?, &name.key())?;
    let allocations = configured.allocations(&cx.state.pools.provisioned(&name.arn()));
    let shown = allocations.into_iter().map(|(qualifier, allocation)| {
        let arn = name.with_qualifier(&qualifier).qualified_arn();
        (qualifier, allocation.shown(arn))
    });
    Ok(shown.collect())
}

/// Provisions what is stored, then whatever changes.
pub(crate) async fn run(cx: Ctx) {
    if let Err(error) = begin(&cx).await {
        tracing::error!(%error, cause = ?error.cause, "read concurrency that was set aside");
    }
    let mut progress = cx.state.pools.provisioning();
    let mut unfinished = BTreeSet::new();
    loop {
        progress.mark_unchanged();
        unfinished.append(&mut cx.state.provisioned.take());
        for key in std::mem::take(&mut unfinished) {
            match reconcile(&cx, &key).await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(%error, cause = ?error.cause, function = key.2, "provision concurrency");
                }
            }
            unfinished.insert(key);
        }
        tokio::select! {
            () = cx.state.provisioned.more.notified() => {}
            _ = progress.changed(), if !unfinished.is_empty() => {}
            () = cx.env.sleep(RETRY_AFTER), if !unfinished.is_empty() => {}
        }
    }
}

async fn begin(cx: &Ctx) -> Result<()> {
    concurrency::load(cx).await?;
    for ((account, region, name, _), _) in PROVISIONED.all(&cx.kv.snapshot().await?, &Span::all())? {
        cx.state.provisioned.insert((account, region, name));
    }
    Ok(())
}

/// Brings the pools of one function nearer to what is stored; whether that is all.
///
/// Where an alias moves to another version, that one's environments are ready before the old ones go.
async fn reconcile(cx: &Ctx, key: &FunctionKey) -> Result<bool> {
    let snapshot = cx.kv.snapshot().await?;
    let (account, region, _) = key;
    let cx = cx.as_caller(Caller::root(account, region));
    let (pools, name) = (&cx.state.pools, FunctionName::of(key));
    if FUNCTIONS.get(&snapshot, key)?.is_none() {
        // Mostly gone with it, but for what was on its way here meanwhile.
        pools.provisioned(&name.arn()).iter().for_each(|live| pools.provision(&live.version, 0));
        return Ok(true);
    }
    let wanted = Configured::read(&snapshot, key)?.wanted();
    let of = |live: &Provisioning| {
        let count = published::number(&live.version.version).and_then(|number| wanted.get(&number));
        count.map_or(0, |count| *count as usize)
    };

    let live = pools.provisioned(&name.arn());
    for (number, count) in &wanted {
        let version = number.to_string();
        let has_enough =
            live.iter().any(|live| live.version.version == version && live.target >= *count as usize);
        if !has_enough {
            let target = cx.state.versions.get(&cx, &name.with_qualifier(&version)).await?;
            pools.provision(target.version(), *count as usize);
        }
    }
    let live = pools.provisioned(&name.arn());
    let grows =
        |live: &Provisioning| live.status == ProvisioningStatus::InProgress && live.target == of(live);
    if live.iter().any(grows) {
        return Ok(false);
    }
    for surplus in live.iter().filter(|live| live.target > of(live)) {
        pools.provision(&surplus.version, of(surplus));
    }
    Ok(true)
}

/// # Errors
/// 404 when nothing is configured for it.
pub(crate) fn not_configured() -> AwsError {
    errors::provisioned_concurrency_config_not_found_exception(
        "No Provisioned Concurrency Config found for this function",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_divides_by_its_weights() {
        let check = |additional, expected: &[(u64, u32)]| {
            let alias = Alias {
                format: 1,
                name: "live".to_owned(),
                version: "1".to_owned(),
                additional,
                description: String::new(),
                revision_id: String::new(),
            };
            assert_eq!(parts("live", Some(&alias), 10), expected);
        };
        check(None, &[(1, 10)]);
        check(Some((2, 0.25)), &[(2, 3), (1, 7)]);
        check(Some((2, 1.0)), &[(2, 10)]);
        check(Some((2, 0.0)), &[(1, 10)]);
        assert_eq!(parts("7", None, 3), [(7, 3)]);
        assert_eq!(parts("gone", None, 3), []);
    }

    #[test]
    fn stored_records_stay_readable() {
        let config: Config =
            serde_json::from_str(r#"{"format":1,"requested":5,"last_modified_us":1700000000000000}"#)
                .expect("as it was stored");
        assert_eq!(config, Config { format: 1, requested: 5, last_modified_us: 1_700_000_000_000_000 });
        assert_eq!(
            last_modified(Timestamp::from_micros(config.last_modified_us)),
            "2023-11-14T22:13:20+0000"
        );
        let reserved: concurrency::Reserved =
            serde_json::from_str(r#"{"format":1,"concurrent_executions":0}"#).expect("as it was stored");
        assert_eq!(reserved, concurrency::Reserved { format: 1, concurrent_executions: 0 });
    }
}
