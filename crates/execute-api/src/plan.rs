//! Clients that are counted: API keys, and usage plans, which say how much a key may ask of which stages of REST and
//! WebSocket APIs. REST APIs' service configures them.

use std::collections::BTreeMap;

use api_apigateway::QuotaPeriodType;
use aws_wire::{AwsError, Result};
use env::Timestamp;
use kv::{Read, Span, Table};
use serde::{Deserialize, Serialize};
use service::Ctx;
use time::{Date, OffsetDateTime};

use crate::throttle::{Limits, Throttle};

const DAY_S: i64 = 86_400;

/// Account, region, and the id of a key or a plan, or the value of a key.
pub type RootKey = (String, String, String);
/// Account, region, plan, key.
pub type PlanKey = (String, String, String, String);

pub const API_KEYS: Table<RootKey, ApiKey> = Table::new(774, "api keys");
/// By value: the id of the key that has it.
pub const KEY_VALUES: Table<RootKey, String> = Table::new(775, "api key values");
pub const PLANS: Table<RootKey, UsagePlan> = Table::new(776, "usage plans");
/// The keys of a plan, by key.
pub const PLAN_KEYS: Table<PlanKey, u32> = Table::new(777, "usage plan keys");
/// The period that is counted, in days since the epoch, and the requests in it.
pub const USAGE: Table<PlanKey, (i64, u64)> = Table::new(778, "usage of plans");

/// What a client shows to be counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApiKey {
    pub format: u32,
    pub value: String,
    pub name: Option<String>,
    pub description: Option<String>,
    pub customer_id: Option<String>,
    pub enabled: bool,
    pub tags: BTreeMap<String, String>,
    pub created_us: i64,
    pub updated_us: i64,
}

/// How much its keys may ask of which stages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UsagePlan {
    pub format: u32,
    pub name: String,
    pub description: Option<String>,
    /// APIs and stages.
    pub stages: Vec<(String, String)>,
    pub limits: Limits,
    pub quota: Option<Quota>,
    pub tags: BTreeMap<String, String>,
}

/// How much a key may ask in a period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quota {
    /// Requests of a key in a period.
    pub limit: u64,
    /// Less in the first period.
    pub offset: i32,
    /// `DAY`, `WEEK` or `MONTH`.
    pub period: String,
}

impl Quota {
    /// The first day of the period that `now` is in, in days since the epoch. Weeks begin on Sunday.
    pub fn period_of(&self, now: Timestamp) -> i64 {
        let day = now.as_secs().div_euclid(DAY_S);
        match self.period.parse::<QuotaPeriodType>() {
            // The epoch was a Thursday.
            Ok(QuotaPeriodType::Week) => day - (day + 4).rem_euclid(7),
            Ok(QuotaPeriodType::Month) => {
                let at =
                    OffsetDateTime::from_unix_timestamp(now.as_secs()).unwrap_or(OffsetDateTime::UNIX_EPOCH);
                let first = Date::from_calendar_date(at.year(), at.month(), 1).unwrap_or(at.date());
                i64::from(first.to_julian_day() - OffsetDateTime::UNIX_EPOCH.date().to_julian_day())
            }
            Ok(QuotaPeriodType::Day) | Err(()) => day,
        }
    }
}

/// Why a request is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Nobody's key, one that is not enabled, or one of no plan for this stage.
    InvalidKey,
    TooFast,
    QuotaExceeded,
}

/// Lets a request in whose key is in a plan for a stage of this API and has not asked too much; answers the key's id.
///
/// # Errors
/// Those of the store.
pub async fn admit<S>(
    cx: &Ctx<S>,
    throttle: &Throttle,
    api: &RootKey,
    stage: &str,
    value: &str,
) -> Result<Result<String, Refused>> {
    let Some((id, plan_key, plan)) = find(&cx.kv.snapshot().await?, api, stage, value)? else {
        return Ok(Err(Refused::InvalidKey));
    };
    let counted = format!("plan {}/{id}", plan_key.2);
    let limit = plan.limits.limit();
    if limit.is_some_and(|limit| !throttle.admits(&counted, limit, cx.env.monotonic())) {
        return Ok(Err(Refused::TooFast));
    }
    let Some(quota) = &plan.quota else { return Ok(Ok(id)) };
    let (usage_key, period) = (of_plan(&plan_key, &id), quota.period_of(cx.env.now()));
    let is_within = cx
        .kv
        .transact(|tx| {
            let used = USAGE.get(tx, &usage_key)?.filter(|(of, _)| *of == period).map_or(0, |(_, used)| used);
            if used >= quota.limit {
                return Ok(false);
            }
            USAGE.put(tx, &usage_key, &(period, used + 1))?;
            Ok::<_, AwsError>(true)
        })
        .await?;
    Ok(if is_within { Ok(id) } else { Err(Refused::QuotaExceeded) })
}

fn of_plan((account, region, plan): &RootKey, key: &str) -> PlanKey {
    (account.clone(), region.clone(), plan.clone(), key.to_owned())
}

/// The key of this value, and its plan for this stage.
fn find(
    reader: &impl Read,
    (account, region, api_id): &RootKey,
    stage: &str,
    value: &str,
) -> Result<Option<(String, RootKey, UsagePlan)>> {
    let by_value = (account.clone(), region.clone(), value.to_owned());
    let Some(id) = KEY_VALUES.get(reader, &by_value)? else { return Ok(None) };
    let key = API_KEYS.get(reader, &(account.clone(), region.clone(), id.clone()))?;
    if !key.is_some_and(|key| key.enabled) {
        return Ok(None);
    }
    let of_stage = (api_id.clone(), stage.to_owned());
    for (plan_key, plan) in PLANS.all(reader, &Span::prefix(&(account.clone(), region.clone())))? {
        if plan.stages.contains(&of_stage) && PLAN_KEYS.get(reader, &of_plan(&plan_key, &id))?.is_some() {
            return Ok(Some((id, plan_key, plan)));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_begin_with_days_weeks_and_months() {
        // Monday, 2026-11-23T10:11:12Z.
        let now = Timestamp::from_secs(1_795_428_672);
        let check = |period: &str, expected: i64| {
            let quota = Quota { limit: 1, offset: 0, period: period.to_owned() };
            assert_eq!(quota.period_of(now) * DAY_S, expected, "{period}");
        };
        check("DAY", 1_795_392_000);
        check("WEEK", 1_795_305_600);
        check("MONTH", 1_793_491_200);
    }
}
