//! Tags of buses and rules, and which of them an ARN names.

use std::collections::BTreeMap;

use api_events::Tag;
use aws_wire::{AwsError, Result};
use kv::{Read, Tx};

use crate::Ctx;
use crate::bus::{self, Bus, DEFAULT};
use crate::keys::{BUSES, BusKey, RULES, RuleKey};
use crate::refusal::{no_bus, no_rule, not_valid, too_many};
use crate::rule::Rule;

const TAGS_MAX: usize = 50;

/// # Errors
/// 400 for more than fifty tags.
pub(crate) fn check(given: Option<Vec<Tag>>) -> Result<BTreeMap<String, String>> {
    let tags = given.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect();
    bound(&tags).map(|()| tags)
}

fn bound(tags: &BTreeMap<String, String>) -> Result<()> {
    if tags.len() > TAGS_MAX {
        return Err(too_many());
    }
    if tags.keys().any(|key| key.starts_with("aws:")) {
        return Err(AwsError::validation("aws: prefixed tag key names are not allowed for external use."));
    }
    Ok(())
}

/// What has tags.
pub(crate) enum Tagged {
    Bus(BusKey, Bus),
    Rule(RuleKey, Rule),
}

impl Tagged {
    /// # Errors
    /// 400 for what is no ARN of the caller's own, and without what it names.
    pub(crate) fn find(cx: &Ctx, reader: &impl Read, arn: &str) -> Result<Self> {
        let mut parts = arn.splitn(6, ':').skip(3);
        let (region, account) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let resource = parts.next().filter(|_| arn.starts_with("arn:aws:events:"));
        let resource = resource.filter(|_| account == &*cx.caller.account);
        let (kind, name) =
            resource.and_then(|resource| resource.split_once('/')).ok_or_else(|| not_valid("ResourceARN"))?;
        let owned = |name: &str| (account.to_owned(), region.to_owned(), name.to_owned());
        if kind == "event-bus" {
            let key = owned(name);
            let bus = bus::get(reader, &key)?.ok_or_else(|| no_bus(name))?;
            return Ok(Self::Bus(key, bus));
        }
        let (bus, name) = name.rsplit_once('/').unwrap_or((DEFAULT, name));
        if kind != "rule" {
            return Err(not_valid("ResourceARN"));
        }
        let key = (account.to_owned(), region.to_owned(), bus.to_owned(), name.to_owned());
        let rule = RULES.get(reader, &key)?.ok_or_else(|| no_rule(name, bus))?;
        Ok(Self::Rule(key, rule))
    }

    pub(crate) fn tags(&mut self) -> &mut BTreeMap<String, String> {
        match self {
            Self::Bus(_, bus) => &mut bus.tags,
            Self::Rule(_, rule) => &mut rule.tags,
        }
    }

    /// # Errors
    /// 400 for more than fifty tags.
    pub(crate) fn put(mut self, tx: &mut Tx) -> Result<()> {
        bound(self.tags())?;
        match &self {
            Self::Bus(key, bus) => BUSES.put(tx, key, bus)?,
            Self::Rule(key, rule) => RULES.put(tx, key, rule)?,
        }
        Ok(())
    }
}
