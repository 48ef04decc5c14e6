//! A rule: its record, what it may be, and when it is due.

use std::collections::BTreeMap;

use api_events::RuleState;
use aws_wire::{AwsError, Result};
use event_pattern::Pattern;
use kv::{Read, Tx};
use schedule::{Expression, Zone};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::Ctx;
use crate::bus::DEFAULT;
use crate::keys::{BusKey, RULES, RuleKey, TICKS};
use crate::refusal::{self, no_rule, not_valid};

/// Most combinations of values that the parts of `$or` may come to.
const COMBINATIONS_MAX: usize = 1000;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rule {
    #[serde(default)]
    pub pattern: Option<String>,
    #[serde(default)]
    pub schedule: Option<String>,
    /// As the API has it.
    pub state: String,
    #[serde(default)]
    pub description: Option<String>,
    #[serde(default)]
    pub role: Option<String>,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// The account that made it.
    pub created_by: String,
    /// In seconds: what a rate counts from.
    #[serde(default)]
    pub start: i64,
    /// In microseconds: where it stands among [`TICKS`].
    #[serde(default)]
    pub due: Option<i64>,
}

impl Rule {
    pub(crate) fn is_enabled(&self) -> bool {
        self.state != RuleState::Disabled.as_str()
    }

    pub(crate) fn state(&self) -> RuleState {
        self.state.parse().unwrap_or_default()
    }

    /// When a schedule is due next after a moment, in microseconds; not while it is disabled.
    pub(crate) fn next(&self, after_us: i64) -> Option<i64> {
        let expression = self.schedule.as_deref().filter(|_| self.is_enabled())?;
        let expression = Expression::of_rule(expression)?;
        // Not where its rate begins, but a period later.
        let after = after_us.div_euclid(1_000_000).max(self.start);
        expression.next(after, self.start, &Zone::utc())?.checked_mul(1_000_000)
    }
}

pub(crate) fn key((account, region, bus): &BusKey, name: &str) -> RuleKey {
    (account.clone(), region.clone(), bus.clone(), name.to_owned())
}

pub(crate) fn bus_of((account, region, bus, _): &RuleKey) -> BusKey {
    (account.clone(), region.clone(), bus.clone())
}

/// A rule of a bus with a name has that in its ARN.
pub(crate) fn arn((account, region, bus, name): &RuleKey) -> String {
    let bus = if bus == DEFAULT { String::new() } else { format!("{bus}/") };
    format!("arn:aws:events:{region}:{account}:rule/{bus}{name}")
}

/// # Errors
/// 400 without it.
pub(crate) fn find(reader: &impl Read, key: &RuleKey) -> Result<Rule> {
    RULES.get(reader, key)?.ok_or_else(|| no_rule(&key.3, &key.2))
}

/// Stores a rule, and when it is due next after `now`; a schedule that it had before with the same expression goes on.
///
/// # Errors
/// Those of the store.
pub(crate) fn put(tx: &mut Tx, key: &RuleKey, mut rule: Rule, now_us: i64) -> Result<()> {
    let before = RULES.get(tx, key)?;
    let same = before.as_ref().filter(|before| before.schedule == rule.schedule && before.is_enabled());
    match same.filter(|_| rule.is_enabled()) {
        Some(before) => (rule.start, rule.due) = (before.start, before.due),
        None => {
            rule.start = now_us.div_euclid(1_000_000);
            rule.due = rule.next(now_us);
        }
    }
    move_tick(tx, key, before.and_then(|before| before.due), rule.due)?;
    Ok(RULES.put(tx, key, &rule)?)
}

/// # Errors
/// Those of the store.
pub(crate) fn move_tick(tx: &mut Tx, key: &RuleKey, from: Option<i64>, to: Option<i64>) -> Result<()> {
    if from == to {
        return Ok(());
    }
    let (account, region, _, name) = key;
    if let Some(from) = from {
        TICKS.delete(tx, &(from, account.as_str(), region.as_str(), name.as_str()))?;
    }
    if let Some(to) = to {
        TICKS.put(tx, &(to, account.as_str(), region.as_str(), name.as_str()), &())?;
    }
    Ok(())
}

/// # Errors
/// 400 in the words of AWS's matcher.
pub(crate) fn parse_pattern(text: &str) -> Result<Pattern> {
    let document = serde_json::from_str::<Json>(text).map_err(refusal::pattern)?;
    if document.as_object().is_some_and(serde_json::Map::is_empty) {
        return Err(refusal::pattern("Empty objects are not allowed"));
    }
    let pattern = Pattern::parse(&document).map_err(refusal::pattern)?;
    if pattern.alternatives() > COMBINATIONS_MAX {
        return Err(refusal::pattern("The number of rule combinations is too large"));
    }
    Ok(pattern)
}

/// # Errors
/// 400 for what is no schedule, and for one on any other bus than the default one.
pub(crate) fn check_schedule(text: &str, bus: &str) -> Result<()> {
    if bus != DEFAULT {
        return Err(AwsError::validation("ScheduleExpression is supported only on the default event bus."));
    }
    Expression::of_rule(text).map(drop).ok_or_else(|| not_valid("ScheduleExpression"))
}

/// A role gives what its own account may: nobody passes another's.
///
/// # Errors
/// 400 for what is no role, and for another account's.
pub(crate) fn check_role(cx: &Ctx, role: Option<&str>) -> Result<()> {
    let Some(role) = role else { return Ok(()) };
    let account = role.strip_prefix("arn:aws:iam::").and_then(|rest| rest.split_once(":role/"));
    match account {
        None => Err(not_valid("RoleArn")),
        Some((account, _)) if account != &*cx.caller.account => {
            Err(AwsError::validation("Cross-account pass role is not allowed."))
        }
        Some(_) => Ok(()),
    }
}

/// What a client hears of a rule.
pub(crate) fn show(key: &RuleKey, rule: Rule) -> api_events::Rule {
    api_events::Rule {
        name: Some(key.3.clone()),
        arn: Some(arn(key)),
        state: Some(rule.state()),
        event_pattern: rule.pattern,
        description: rule.description,
        schedule_expression: rule.schedule,
        role_arn: rule.role,
        managed_by: None,
        event_bus_name: Some(key.2.clone()),
    }
}
