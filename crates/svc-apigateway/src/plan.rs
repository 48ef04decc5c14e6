//! A usage plan: how much its keys may ask of which stages.

use std::collections::BTreeMap;

use api_apigateway as model;
use api_apigateway::QuotaPeriodType;
use aws_wire::{AwsError, Result};
use env::Timestamp;
use serde::{Deserialize, Serialize};
use time::{Date, OffsetDateTime};

use crate::patch::Patch;
use crate::refusal::bad_request;
use crate::resource::some;
use crate::stage::Limits;

const DAY_S: i64 = 86_400;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct UsagePlan {
    pub format: u32,
    pub name: String,
    pub description: Option<String>,
    /// APIs and stages.
    pub stages: Vec<(String, String)>,
    pub limits: Limits,
    pub quota: Option<Quota>,
    pub tags: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Quota {
    /// Requests of a key in a period.
    pub limit: u64,
    /// Less in the first period.
    pub offset: i32,
    /// `DAY`, `WEEK` or `MONTH`.
    pub period: String,
}

impl Quota {
    /// # Errors
    /// 400 for what is no quota.
    pub(crate) fn check(given: &model::QuotaSettings) -> Result<Self> {
        let limit = given.limit.and_then(|limit| u64::try_from(limit).ok());
        let period = given.period.ok_or_else(|| bad_request("Usage Plan quota period must be specified"))?;
        if given.offset.is_some_and(|offset| offset != 0) {
            return Err(AwsError::parameter_not_implemented("CreateUsagePlan", "quota offset"));
        }
        Ok(Self {
            limit: limit.ok_or_else(|| bad_request("Usage Plan quota limit must be specified"))?,
            offset: 0,
            period: period.as_str().to_owned(),
        })
    }

    /// The first day of the period that `now` is in, in days since the epoch. Weeks begin on Sunday.
    pub(crate) fn period_of(&self, now: Timestamp) -> i64 {
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

impl UsagePlan {
    pub(crate) fn shown(&self, id: &str) -> model::UsagePlan {
        let stages = self.stages.iter().map(|(api_id, stage)| model::ApiStage {
            api_id: Some(api_id.clone()),
            stage: Some(stage.clone()),
            throttle: None,
        });
        let has_limits = self.limits != Limits::default();
        model::UsagePlan {
            id: Some(id.to_owned()),
            name: Some(self.name.clone()),
            description: self.description.clone(),
            api_stages: Some(stages.collect()),
            throttle: has_limits.then_some(model::ThrottleSettings {
                burst_limit: self.limits.burst,
                rate_limit: self.limits.rate,
            }),
            quota: self.quota.as_ref().map(|quota| model::QuotaSettings {
                limit: i32::try_from(quota.limit).ok(),
                offset: Some(quota.offset),
                period: quota.period.parse().ok(),
            }),
            product_code: None,
            tags: some(self.tags.clone()),
        }
    }

    /// # Errors
    /// 400 for a path that it has not.
    pub(crate) fn patch(&mut self, patch: &Patch) -> Result<()> {
        match patch.segments()[..] {
            ["name"] => self.name = patch.text()?,
            ["description"] => self.description = patch.optional(),
            ["apiStages"] => self.patch_stage(patch)?,
            ["throttle"] if patch.is_remove() => self.limits = Limits::default(),
            ["throttle", "rateLimit"] => self.limits.rate = Some(patch.number()?),
            ["throttle", "burstLimit"] => self.limits.burst = Some(patch.number()?),
            ["quota"] if patch.is_remove() => self.quota = None,
            ["quota", "limit"] => self.quota_mut().limit = patch.number()?,
            ["quota", "period"] => {
                let period = patch.text()?;
                period.parse::<QuotaPeriodType>().map_err(|()| patch.invalid())?;
                self.quota_mut().period = period;
            }
            ["quota", "offset"] if patch.number::<i32>()? == 0 => {}
            ["quota", "offset"] | ["apiStages", ..] => {
                return Err(AwsError::parameter_not_implemented(
                    "UpdateUsagePlan",
                    &patch.segments().join("/"),
                ));
            }
            _ => return Err(patch.invalid()),
        }
        Ok(())
    }

    fn quota_mut(&mut self) -> &mut Quota {
        self.quota.get_or_insert_with(|| Quota { limit: 0, offset: 0, period: "DAY".to_owned() })
    }

    /// Stages are told as `api:stage`, also those to be taken away.
    fn patch_stage(&mut self, patch: &Patch) -> Result<()> {
        let value = patch.value().ok_or_else(|| patch.invalid())?;
        let (api_id, stage) = value.split_once(':').ok_or_else(|| patch.invalid())?;
        let named = (api_id.to_owned(), stage.to_owned());
        if patch.is_remove() {
            let before = self.stages.len();
            self.stages.retain(|known| *known != named);
            return if self.stages.len() == before { Err(patch.nothing()) } else { Ok(()) };
        }
        if !self.stages.contains(&named) {
            self.stages.push(named);
        }
        Ok(())
    }
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
