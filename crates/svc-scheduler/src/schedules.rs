//! A schedule: its record, what it may be, and when it is due.

use api_scheduler::{
    ActionAfterCompletion, FlexibleTimeWindow, FlexibleTimeWindowMode, ScheduleState, errors,
};
use aws_wire::{AwsError, Result};
use env::Timestamp;
use kv::{Read, Tx};
use schedule::{Expression, Zone};
use serde::{Deserialize, Serialize};

use crate::Ctx;
use crate::group::DEFAULT;
use crate::keys::{SCHEDULES, ScheduleKey, TICKS, TickKey};
use crate::target::Target;

/// So long ago a start may be.
const PAST_S_MAX: i64 = 300;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Schedule {
    pub expression: String,
    /// A name of the tz database.
    pub zone: String,
    /// In milliseconds.
    #[serde(default)]
    pub start_ms: Option<i64>,
    #[serde(default)]
    pub end_ms: Option<i64>,
    #[serde(default)]
    pub description: Option<String>,
    pub enabled: bool,
    pub target: Target,
    /// How much later than scheduled it may be.
    #[serde(default)]
    pub window_minutes: Option<u32>,
    /// Deleted with its last invocation.
    #[serde(default)]
    pub deleted_after: bool,
    pub created_ms: i64,
    pub modified_ms: i64,
    /// In seconds: what a rate counts from.
    pub anchor: i64,
    /// Where it stands among [`TICKS`]: microseconds; and the moment it was scheduled for, in seconds.
    #[serde(default)]
    pub due: Option<(i64, i64)>,
    /// What the request that made it called itself by.
    #[serde(default)]
    pub token: Option<String>,
}

/// What a request says of a schedule: creating and updating say the same.
pub(crate) struct Said {
    pub expression: String,
    pub zone: Option<String>,
    pub start: Option<Timestamp>,
    pub end: Option<Timestamp>,
    pub description: Option<String>,
    pub state: Option<ScheduleState>,
    pub key_arn: Option<String>,
    pub target: api_scheduler::Target,
    pub window: FlexibleTimeWindow,
    pub after: Option<ActionAfterCompletion>,
    pub token: Option<String>,
}

impl Said {
    /// # Errors
    /// 400 for what can't be, 501 for what is not honoured.
    pub(crate) async fn check(self, cx: &Ctx, operation: &str) -> Result<Schedule> {
        let now = cx.env.now();
        if self.key_arn.is_some() {
            return Err(AwsError::parameter_not_implemented(operation, "KmsKeyArn"));
        }
        let invalid = |message: String| errors::validation_exception(message);
        if Expression::of_schedule(&self.expression).is_none() {
            return Err(invalid(format!("Invalid Schedule Expression {}.", self.expression)));
        }
        let zone = self.zone.unwrap_or_else(|| "UTC".to_owned());
        if Zone::named(&zone).is_none() {
            return Err(invalid(format!("Invalid Schedule Expression Timezone {zone}.")));
        }
        let window_minutes = window(&self.window)?;
        if self.start.is_some_and(|start| start.as_secs() < now.as_secs() - PAST_S_MAX) {
            return Err(invalid(
                "The StartDate you specify cannot be earlier than 5 minutes ago.".to_owned(),
            ));
        }
        if let Some(end) = self.end
            && end <= self.start.unwrap_or(now)
        {
            return Err(invalid(
                "The EndDate you specify must come after the StartDate and must be in the future.".to_owned(),
            ));
        }
        Ok(Schedule {
            expression: self.expression,
            zone,
            start_ms: self.start.map(Timestamp::as_millis),
            end_ms: self.end.map(Timestamp::as_millis),
            description: self.description,
            enabled: self.state != Some(ScheduleState::Disabled),
            target: crate::target::check(cx, operation, self.target).await?,
            window_minutes,
            deleted_after: self.after == Some(ActionAfterCompletion::Delete),
            created_ms: now.as_millis(),
            modified_ms: now.as_millis(),
            anchor: self.start.unwrap_or(now).as_secs(),
            due: None,
            token: self.token,
        })
    }
}

fn window(given: &FlexibleTimeWindow) -> Result<Option<u32>> {
    match (given.mode, given.maximum_window_in_minutes) {
        (FlexibleTimeWindowMode::Off, None) => Ok(None),
        (FlexibleTimeWindowMode::Flexible, Some(minutes)) => Ok(u32::try_from(minutes).ok()),
        (FlexibleTimeWindowMode::Off, Some(_)) => Err(errors::validation_exception(
            "MaximumWindowInMinutes must not be set when the FlexibleTimeWindow Mode is OFF.",
        )),
        (FlexibleTimeWindowMode::Flexible, None) => Err(errors::validation_exception(
            "MaximumWindowInMinutes must be set when the FlexibleTimeWindow Mode is FLEXIBLE.",
        )),
    }
}

impl Schedule {
    fn window_us(&self) -> i64 {
        i64::from(self.window_minutes.unwrap_or(0)) * 60_000_000
    }

    /// When it is due next after a moment in seconds: the moment in microseconds, a `random` part of its window late,
    /// and the one it is scheduled for. `None` while it is disabled, and when it is over.
    pub(crate) fn next(&self, after: i64, random: u32) -> Option<(i64, i64)> {
        if !self.enabled {
            return None;
        }
        let (expression, zone) = (Expression::of_schedule(&self.expression)?, Zone::named(&self.zone)?);
        let recurs = !matches!(expression, Expression::At(_));
        let start = self.start_ms.filter(|_| recurs).map(|start| start.div_euclid(1000));
        let after = start.map_or(after, |start| after.max(start - 1));
        let at = expression.next(after, self.anchor, &zone)?;
        let is_over = self.end_ms.is_some_and(|end| recurs && at.saturating_mul(1000) > end);
        let late = i128::from(self.window_us()) * i128::from(random) / (i128::from(u32::MAX) + 1);
        let due = at.checked_mul(1_000_000)?.checked_add(i64::try_from(late).ok()?)?;
        (!is_over).then_some((due, at))
    }

    /// What follows an invocation that was scheduled for `at` and is fired at `now_us`; whatever else fell due until
    /// then is passed over.
    pub(crate) fn following(&self, at: i64, now_us: i64, random: u32) -> Option<(i64, i64)> {
        self.next(at.max((now_us - self.window_us()).div_euclid(1_000_000)), random)
    }

    pub(crate) fn state(&self) -> ScheduleState {
        if self.enabled { ScheduleState::Enabled } else { ScheduleState::Disabled }
    }
}

pub(crate) fn key(cx: &Ctx, group: Option<&str>, name: &str) -> ScheduleKey {
    let group = group.unwrap_or(DEFAULT).to_owned();
    (cx.caller.account.to_string(), cx.caller.region.to_string(), group, name.to_owned())
}

pub(crate) fn arn((account, region, group, name): &ScheduleKey) -> String {
    format!("arn:aws:scheduler:{region}:{account}:schedule/{group}/{name}")
}

/// # Errors
/// 404 without it.
pub(crate) fn find(reader: &impl Read, key: &ScheduleKey) -> Result<Schedule> {
    SCHEDULES
        .get(reader, key)?
        .ok_or_else(|| errors::resource_not_found_exception(format!("Schedule {} does not exist.", key.3)))
}

fn tick((account, region, group, name): &ScheduleKey, due: i64) -> TickKey {
    (due, account.clone(), region.clone(), group.clone(), name.clone())
}

/// Stores a schedule and moves its due time.
///
/// # Errors
/// Those of the store.
pub(crate) fn put(
    tx: &mut Tx,
    key: &ScheduleKey,
    schedule: &Schedule,
    before: Option<(i64, i64)>,
) -> Result<()> {
    if let Some((due, _)) = before {
        TICKS.delete(tx, &tick(key, due))?;
    }
    if let Some((due, at)) = schedule.due {
        TICKS.put(tx, &tick(key, due), &at)?;
    }
    Ok(SCHEDULES.put(tx, key, schedule)?)
}

/// # Errors
/// Those of the store.
pub(crate) fn delete(tx: &mut Tx, key: &ScheduleKey, schedule: &Schedule) -> Result<()> {
    if let Some((due, _)) = schedule.due {
        TICKS.delete(tx, &tick(key, due))?;
    }
    Ok(SCHEDULES.delete(tx, key)?)
}

/// A random number for a place in a window: drawn before a transaction, which may run twice.
pub(crate) fn draw(cx: &Ctx) -> u32 {
    let mut random = [0; 4];
    cx.env.fill(&mut random);
    u32::from_le_bytes(random)
}
