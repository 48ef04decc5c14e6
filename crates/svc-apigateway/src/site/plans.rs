//! Clients that are counted: the key that a request shows, the plan that it is in, and how much that lets it ask.

use api_apigateway::GatewayResponseType as Kind;
use aws_wire::{AwsError, Result};
use kv::{Read, Span};

use super::refuse::Refusal;
use super::{Ctx, Passage};
use crate::keys::{API_KEYS, KEY_VALUES, PLAN_KEYS, PLANS, RootKey, USAGE, part};
use crate::plan::UsagePlan;

/// Lets a request in whose key is in a plan for this stage and has not asked too much.
pub(super) async fn admit(cx: &Ctx, passage: &mut Passage<'_>) -> Result<Result<(), Refusal>> {
    let value = if passage.deployment.keys_from_authorizer {
        passage.access.usage_key.clone()
    } else {
        passage.request.header("x-api-key").map(str::to_owned)
    };
    let invalid = || Ok(Err(Refusal::of(Kind::InvalidApiKey)));
    let Some(value) = value else { return invalid() };
    let snapshot = cx.kv.snapshot().await?;
    let Some((id, plan_key, plan)) = find(&snapshot, passage, &value)? else { return invalid() };
    passage.access.identity.insert("apiKey".to_owned(), value.into());
    passage.access.identity.insert("apiKeyId".to_owned(), id.as_str().into());
    let counted = format!("plan {}/{id}", plan_key.2);
    let limit = plan.limits.limit();
    if limit.is_some_and(|limit| !cx.state.throttle.admits(&counted, limit, cx.env.monotonic())) {
        return Ok(Err(Refusal::of(Kind::Throttled)));
    }
    let Some(quota) = &plan.quota else { return Ok(Ok(())) };
    let (usage_key, period) = (part(&plan_key, &id), quota.period_of(cx.env.now()));
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
    Ok(if is_within { Ok(()) } else { Err(Refusal::of(Kind::QuotaExceeded)) })
}

/// The key of this value, and its plan for this stage.
fn find(
    reader: &impl Read,
    passage: &Passage<'_>,
    value: &str,
) -> Result<Option<(String, RootKey, UsagePlan)>> {
    let (account, region, api_id) = passage.api;
    let by_value = (account.clone(), region.clone(), value.to_owned());
    let Some(id) = KEY_VALUES.get(reader, &by_value)? else { return Ok(None) };
    let key = API_KEYS.get(reader, &(account.clone(), region.clone(), id.clone()))?;
    if !key.is_some_and(|key| key.enabled) {
        return Ok(None);
    }
    let of_stage = (api_id.clone(), passage.stage_name.to_owned());
    for (plan_key, plan) in PLANS.all(reader, &Span::prefix(&(account.clone(), region.clone())))? {
        if plan.stages.contains(&of_stage) && PLAN_KEYS.get(reader, &part(&plan_key, &id))?.is_some() {
            return Ok(Some((id, plan_key, plan)));
        }
    }
    Ok(None)
}
