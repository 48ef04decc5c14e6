//! Configuration sets: who hears what becomes of the mails that name one.

use std::collections::{BTreeMap, BTreeSet};

use kv::{Direction, Read, Span};
use serde::{Deserialize, Serialize};
use service::{TargetArn, Undelivered};

use crate::keys::CONFIGURATION_SETS;
use crate::refusal::{Decision, Refusal};
use crate::{Ctx, account};

/// Of a configuration set, as AWS's quota.
pub(crate) const DESTINATIONS_MAX: usize = 10;
/// Of an account in a region, as AWS's quota.
pub(crate) const SETS_MAX: usize = 10_000;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ConfigurationSet {
    #[serde(default = "yes")]
    pub sending: bool,
    /// Instead of the account's, if there are any.
    #[serde(default)]
    pub suppressed_reasons: Option<Vec<String>>,
    #[serde(default)]
    pub destinations: BTreeMap<String, Destination>,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

fn yes() -> bool {
    true
}

impl Default for ConfigurationSet {
    fn default() -> Self {
        Self { sending: true, suppressed_reasons: None, destinations: BTreeMap::new(), tags: BTreeMap::new() }
    }
}

/// Where events go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Destination {
    pub enabled: bool,
    /// As the API of 2019 spells them.
    pub events: BTreeSet<String>,
    /// A topic's or an event bus's.
    pub arn: String,
}

impl Destination {
    /// Whether it is an event bus, else it is a topic.
    pub(crate) fn is_bus(&self) -> bool {
        TargetArn::parse(&self.arn).is_some_and(|arn| arn.service() == "events")
    }
}

/// # Errors
/// [`Refusal::Invalid`] for what can't be a set's name.
pub(crate) fn check_name(name: &str) -> Decision<()> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if name.is_empty() || name.len() > 64 || !name.bytes().all(legal) {
        return Err(Refusal::Invalid(format!(
            "Invalid Configuration Set Name <{name}>: only alphanumeric ASCII characters, '_', and '-' are allowed."
        )));
    }
    Ok(())
}

/// # Errors
/// [`Refusal::NoConfigurationSet`]
pub(crate) fn named(
    reader: &impl Read,
    (account, region): &(String, String),
    name: &str,
) -> Decision<ConfigurationSet> {
    let set = CONFIGURATION_SETS.get(reader, &(account, region, name))?;
    set.ok_or_else(|| Refusal::NoConfigurationSet(name.to_owned()))
}

pub(crate) fn arn((account, region): &(String, String), name: &str) -> String {
    format!("arn:aws:ses:{region}:{account}:configuration-set/{name}")
}

/// Whether events can go to `arn`.
///
/// # Errors
/// [`Refusal::Invalid`] in words for whoever set it up; 501 where nobody serves such targets.
pub(crate) async fn check_target(cx: &Ctx, operation: &str, member: &str, arn: &str) -> Decision<()> {
    let target = TargetArn::parse(arn).ok_or_else(|| Refusal::Invalid(format!("Invalid ARN <{arn}>.")))?;
    match cx.check_target(&target).await {
        Ok(()) => Ok(()),
        Err(Undelivered::NotServed { .. }) => {
            Err(Refusal::Other(aws_wire::AwsError::parameter_not_implemented(operation, member)))
        }
        Err(error) => Err(Refusal::Invalid(format!("Could not publish to <{arn}>: {error}."))),
    }
}

/// Why a set was not made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unmade {
    #[error("Configuration set <{0}> already exists.")]
    Present(String),
    #[error("An account has at most {SETS_MAX} configuration sets in a region.")]
    TooMany,
    #[error("{}", .0.message())]
    Refused(Refusal),
}

impl From<kv::Error> for Unmade {
    fn from(error: kv::Error) -> Self {
        Self::Refused(error.into())
    }
}

/// Makes a set.
///
/// # Errors
/// Why not.
pub(crate) async fn create(cx: &Ctx, name: &str, set: &ConfigurationSet) -> Result<(), Unmade> {
    check_name(name).map_err(Unmade::Refused)?;
    let (account, region) = account::key(&cx.caller);
    cx.kv
        .transact(|tx| {
            let key = (&account, &region, name);
            if CONFIGURATION_SETS.get(tx, &key)?.is_some() {
                return Err(Unmade::Present(name.to_owned()));
            }
            let all = Span::prefix(&(&account, &region));
            if CONFIGURATION_SETS.scan(tx, &all, SETS_MAX, Direction::Forward)?.len() >= SETS_MAX {
                return Err(Unmade::TooMany);
            }
            Ok(CONFIGURATION_SETS.put(tx, &key, set)?)
        })
        .await
}

/// Changes a set of the caller's.
///
/// # Errors
/// [`Refusal::NoConfigurationSet`], and what `change` says.
pub(crate) async fn change(
    cx: &Ctx,
    name: &str,
    change: impl Fn(&mut ConfigurationSet) -> Decision<()>,
) -> Decision<()> {
    let owner = account::key(&cx.caller);
    cx.kv
        .transact(|tx| {
            let mut set = named(tx, &owner, name)?;
            change(&mut set)?;
            Ok(CONFIGURATION_SETS.put(tx, &(&owner.0, &owner.1, name), &set)?)
        })
        .await
}

/// # Errors
/// [`Refusal::NoConfigurationSet`]
pub(crate) async fn must_exist(cx: &Ctx, name: &str) -> Decision<()> {
    named(&cx.kv.snapshot().await?, &account::key(&cx.caller), name).map(drop)
}

/// # Errors
/// [`Refusal::NoConfigurationSet`]
pub(crate) async fn delete(cx: &Ctx, name: &str) -> Decision<()> {
    let owner = account::key(&cx.caller);
    cx.kv
        .transact(|tx| {
            named(tx, &owner, name)?;
            Ok(CONFIGURATION_SETS.delete(tx, &(&owner.0, &owner.1, name))?)
        })
        .await
}
