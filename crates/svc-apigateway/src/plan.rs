//! Usage plans as they are given, shown and changed.

use api_apigateway as model;
use api_apigateway::QuotaPeriodType;
use aws_wire::{AwsError, Result};
use execute_api::plan::{Quota, UsagePlan};
use execute_api::throttle::Limits;

use crate::patch::Patch;
use crate::refusal::bad_request;
use crate::resource::some;

/// # Errors
/// 400 for what is no quota.
pub(crate) fn check_quota(given: &model::QuotaSettings) -> Result<Quota> {
    let limit = given.limit.and_then(|limit| u64::try_from(limit).ok());
    let period = given.period.ok_or_else(|| bad_request("Usage Plan quota period must be specified"))?;
    if given.offset.is_some_and(|offset| offset != 0) {
        return Err(AwsError::parameter_not_implemented("CreateUsagePlan", "quota offset"));
    }
    Ok(Quota {
        limit: limit.ok_or_else(|| bad_request("Usage Plan quota limit must be specified"))?,
        offset: 0,
        period: period.as_str().to_owned(),
    })
}

pub(crate) fn shown(plan: &UsagePlan, id: &str) -> model::UsagePlan {
    let stages = plan.stages.iter().map(|(api_id, stage)| model::ApiStage {
        api_id: Some(api_id.clone()),
        stage: Some(stage.clone()),
        throttle: None,
    });
    let has_limits = plan.limits != Limits::default();
    model::UsagePlan {
        id: Some(id.to_owned()),
        name: Some(plan.name.clone()),
        description: plan.description.clone(),
        api_stages: Some(stages.collect()),
        throttle: has_limits.then_some(model::ThrottleSettings {
            burst_limit: plan.limits.burst,
            rate_limit: plan.limits.rate,
        }),
        quota: plan.quota.as_ref().map(|quota| model::QuotaSettings {
            limit: i32::try_from(quota.limit).ok(),
            offset: Some(quota.offset),
            period: quota.period.parse().ok(),
        }),
        product_code: None,
        tags: some(plan.tags.clone()),
    }
}

/// # Errors
/// 400 for a path that it has not.
pub(crate) fn change(plan: &mut UsagePlan, patch: &Patch) -> Result<()> {
    match patch.segments()[..] {
        ["name"] => plan.name = patch.text()?,
        ["description"] => plan.description = patch.optional(),
        ["apiStages"] => change_stage(plan, patch)?,
        ["throttle"] if patch.is_remove() => plan.limits = Limits::default(),
        ["throttle", "rateLimit"] => plan.limits.rate = Some(patch.number()?),
        ["throttle", "burstLimit"] => plan.limits.burst = Some(patch.number()?),
        ["quota"] if patch.is_remove() => plan.quota = None,
        ["quota", "limit"] => quota_mut(plan).limit = patch.number()?,
        ["quota", "period"] => {
            let period = patch.text()?;
            period.parse::<QuotaPeriodType>().map_err(|()| patch.invalid())?;
            quota_mut(plan).period = period;
        }
        ["quota", "offset"] if patch.number::<i32>()? == 0 => {}
        ["quota", "offset"] | ["apiStages", ..] => {
            return Err(AwsError::parameter_not_implemented("UpdateUsagePlan", &patch.segments().join("/")));
        }
        _ => return Err(patch.invalid()),
    }
    Ok(())
}

fn quota_mut(plan: &mut UsagePlan) -> &mut Quota {
    plan.quota.get_or_insert_with(|| Quota { limit: 0, offset: 0, period: "DAY".to_owned() })
}

/// The API and the stage that a patch adds to a plan, if it does.
pub(crate) fn added_stage(patch: &Patch) -> Option<(&str, &str)> {
    let adds = patch.segments()[..] == ["apiStages"] && !patch.is_remove();
    patch.value().filter(|_| adds)?.split_once(':')
}

/// Stages are told as `api:stage`, also those to be taken away.
fn change_stage(plan: &mut UsagePlan, patch: &Patch) -> Result<()> {
    let value = patch.value().ok_or_else(|| patch.invalid())?;
    let (api_id, stage) = value.split_once(':').ok_or_else(|| patch.invalid())?;
    let named = (api_id.to_owned(), stage.to_owned());
    if patch.is_remove() {
        let before = plan.stages.len();
        plan.stages.retain(|known| *known != named);
        return if plan.stages.len() == before { Err(patch.nothing()) } else { Ok(()) };
    }
    if !plan.stages.contains(&named) {
        plan.stages.push(named);
    }
    Ok(())
}
