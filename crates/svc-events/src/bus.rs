//! A bus: its record, and how requests name it.

use std::collections::BTreeMap;

use api_events::DeadLetterConfig;
use aws_wire::{AwsError, Result};
use env::Timestamp;
use kv::{Read, Tx};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::keys::{BUSES, BusKey, EDITIONS};
use crate::refusal::{denied, no_bus};
use crate::{Ctx, keys};

/// The bus that every account has in every region.
pub(crate) const DEFAULT: &str = "default";

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Bus {
    #[serde(default)]
    pub description: Option<String>,
    /// Recorded: AWS sends there what it can't decrypt with a customer's key, and there are no such keys here.
    #[serde(default)]
    pub dead_letters: Option<String>,
    /// A document of IAM's, checked.
    #[serde(default)]
    pub policy: Option<Json>,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// None for a default bus.
    #[serde(default)]
    pub created_ms: Option<i64>,
    #[serde(default)]
    pub modified_ms: Option<i64>,
}

impl Bus {
    pub(crate) fn shown_policy(&self) -> Option<String> {
        self.policy.as_ref().map(Json::to_string)
    }

    pub(crate) fn created(&self) -> Option<Timestamp> {
        self.created_ms.map(Timestamp::from_millis)
    }

    pub(crate) fn modified(&self) -> Option<Timestamp> {
        self.modified_ms.map(Timestamp::from_millis)
    }

    pub(crate) fn dead_letter_config(&self) -> Option<DeadLetterConfig> {
        self.dead_letters.clone().map(|arn| DeadLetterConfig { arn: Some(arn) })
    }
}

pub(crate) fn arn((account, region, name): &BusKey) -> String {
    format!("arn:aws:events:{region}:{account}:event-bus/{name}")
}

pub(crate) fn key_of_arn(arn: &str) -> Option<BusKey> {
    let mut parts = arn.strip_prefix("arn:aws:events:")?.splitn(3, ':');
    let (region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
    let name = resource.strip_prefix("event-bus/").filter(|name| !name.is_empty())?;
    Some((account.to_owned(), region.to_owned(), name.to_owned()))
}

/// The bus that a request names by name or ARN, and if by none the default one.
pub(crate) fn key(cx: &Ctx, named: Option<&str>) -> BusKey {
    let name = named.unwrap_or(DEFAULT);
    let own = || keys::own(cx, name);
    key_of_arn(name).unwrap_or_else(own)
}

/// The default bus is there without having been made.
pub(crate) fn get(reader: &impl Read, key: &BusKey) -> kv::Result<Option<Bus>> {
    let bus = BUSES.get(reader, key)?;
    Ok(bus.or_else(|| (key.2 == DEFAULT).then(Bus::default)))
}

/// # Errors
/// 400 without it.
pub(crate) fn find(reader: &impl Read, key: &BusKey) -> Result<Bus> {
    get(reader, key)?.ok_or_else(|| no_bus(&key.2))
}

/// A bus of the caller's own, which they may do `action` with.
///
/// # Errors
/// 400 without it, and for another account's.
pub(crate) fn own(cx: &Ctx, reader: &impl Read, named: Option<&str>, action: &str) -> Result<(BusKey, Bus)> {
    let key = key(cx, named);
    if key.0 != *cx.caller.account {
        return Err(denied(&cx.caller.principal.arn, action, &arn(&key)));
    }
    let bus = find(reader, &key)?;
    Ok((key, bus))
}

/// A rule or a target of the bus changed.
pub(crate) fn revise(tx: &mut Tx, key: &BusKey) -> Result<()> {
    let edition = EDITIONS.get(tx, key)?.unwrap_or(0);
    Ok(EDITIONS.put(tx, key, &(edition + 1))?)
}

/// What of a bus is not honoured.
///
/// # Errors
/// 501.
pub(crate) fn check_settings(
    operation: &str,
    key: Option<&str>,
    log: Option<&api_events::LogConfig>,
) -> Result<()> {
    if key.is_some_and(|key| !key.is_empty()) {
        return Err(AwsError::parameter_not_implemented(operation, "KmsKeyIdentifier"));
    }
    let logs = log.and_then(|log| log.level).is_some_and(|level| level != api_events::Level::Off);
    if logs {
        return Err(AwsError::parameter_not_implemented(operation, "LogConfig"));
    }
    Ok(())
}
