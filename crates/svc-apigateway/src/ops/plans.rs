//! Usage plans and the keys that they are for.

use api_apigateway::{
    CreateUsagePlanInput, CreateUsagePlanKeyInput, DeleteUsagePlanInput, DeleteUsagePlanKeyInput,
    GetUsagePlanInput, GetUsagePlanKeyInput, GetUsagePlanKeysInput, GetUsagePlanKeysOutput,
    GetUsagePlansInput, GetUsagePlansOutput, UpdateUsagePlanInput, UsagePlan as Shown, UsagePlanKey, errors,
};
use api_apigatewayv2::{GetApiInput, GetStageInput, ProtocolType};
use aws_wire::{AwsError, Result};
use execute_api::address::{self, Kind};
use execute_api::plan::{ApiKey, PLAN_KEYS, PLANS, USAGE, UsagePlan};
use execute_api::throttle::Limits;
use kv::{Read, Span};

use super::keys;
use crate::api::{self, FORMAT};
use crate::keys::{RootKey, STAGES, part};
use crate::plan::{change, check_quota, shown};
use crate::refusal::{bad_request, no_part, not_honoured};
use crate::{Ctx, page, patch, plan, tags};

const ID_LENGTH: usize = 6;

/// # Errors
/// 404 where a plan is for a stage that is not there. Those of WebSocket APIs were asked about before.
fn check_stages(cx: &Ctx, reader: &impl Read, plan: &UsagePlan) -> Result<()> {
    for (api_id, stage) in plan.stages.iter().filter(|(api_id, _)| Kind::of(api_id) == Kind::Rest) {
        let (api, _) = api::find(cx, reader, api_id)?;
        STAGES.get(reader, &part(&api, stage))?.ok_or_else(|| no_part("API Stage"))?;
    }
    Ok(())
}

/// # Errors
/// 404 where a stage is none of a WebSocket API; the service that has those is asked.
async fn check_websocket_stage(cx: &Ctx, api_id: &str, stage: &str) -> Result<()> {
    if Kind::of(api_id) == Kind::Rest {
        return Ok(());
    }
    let no_stage = |error: AwsError| if error.status == 404 { no_part("API Stage") } else { error };
    let cx = cx.stateless();
    let api = cx.call(GetApiInput { api_id: api_id.to_owned() }).await.map_err(no_stage)?;
    if api.protocol_type != Some(ProtocolType::Websocket) {
        return Err(no_part("API Stage"));
    }
    let stage = GetStageInput { api_id: api_id.to_owned(), stage_name: stage.to_owned() };
    cx.call(stage).await.map(drop).map_err(no_stage)
}

pub(crate) async fn create_usage_plan(cx: Ctx, input: CreateUsagePlanInput) -> Result<Shown> {
    let stages = input.api_stages.unwrap_or_default();
    let throttled = stages.iter().any(|stage| stage.throttle.as_ref().is_some_and(|map| !map.is_empty()));
    not_honoured("CreateUsagePlan", &[("apiStages throttle", throttled)])?;
    let limits = input.throttle.map(|given| Limits { rate: given.rate_limit, burst: given.burst_limit });
    let stages = stages.into_iter().map(|stage| match (stage.api_id, stage.stage) {
        (Some(api_id), Some(stage)) => Ok((api_id, stage)),
        _ => Err(bad_request("Usage Plan stages must have an API and a stage")),
    });
    let plan = UsagePlan {
        format: FORMAT,
        name: input.name,
        description: input.description,
        stages: stages.collect::<Result<_>>()?,
        limits: limits.unwrap_or_default(),
        quota: input.quota.as_ref().map(check_quota).transpose()?,
        tags: input.tags.unwrap_or_default(),
    };
    tags::check(&plan.tags)?;
    for (api_id, stage) in &plan.stages {
        check_websocket_stage(&cx, api_id, stage).await?;
    }
    let key = api::key(&cx, &address::id(&cx.env, ID_LENGTH));
    cx.kv
        .transact(|tx| {
            check_stages(&cx, tx, &plan)?;
            Ok::<_, AwsError>(PLANS.put(tx, &key, &plan)?)
        })
        .await?;
    Ok(shown(&plan, &key.2))
}

fn find(cx: &Ctx, reader: &impl Read, id: &str) -> Result<(RootKey, UsagePlan)> {
    let key = api::key(cx, id);
    let plan = PLANS.get(reader, &key)?;
    Ok((key, plan.ok_or_else(|| errors::not_found_exception("Invalid Usage Plan ID specified"))?))
}

pub(crate) async fn get_usage_plan(cx: Ctx, input: GetUsagePlanInput) -> Result<Shown> {
    let (key, plan) = find(&cx, &cx.kv.snapshot().await?, &input.usage_plan_id)?;
    Ok(shown(&plan, &key.2))
}

pub(crate) async fn get_usage_plans(cx: Ctx, input: GetUsagePlansInput) -> Result<GetUsagePlansOutput> {
    let (account, region) = (cx.caller.account.to_string(), cx.caller.region.to_string());
    let snapshot = cx.kv.snapshot().await?;
    let (mut rows, position) = page::rows(
        &snapshot,
        &PLANS,
        Span::prefix(&(account, region)),
        (input.limit, input.position.as_deref()),
        |id| api::key(&cx, id),
        |key| &key.2,
    )?;
    if let Some(id) = &input.key_id {
        let mut of_key = Vec::new();
        for (key, plan) in rows {
            if PLAN_KEYS.get(&snapshot, &part(&key, id))?.is_some() {
                of_key.push((key, plan));
            }
        }
        rows = of_key;
    }
    let items = rows.iter().map(|(key, plan)| shown(plan, &key.2)).collect();
    Ok(GetUsagePlansOutput { items: Some(items), position })
}

pub(crate) async fn update_usage_plan(cx: Ctx, input: UpdateUsagePlanInput) -> Result<Shown> {
    let patches = patch::read(input.patch_operations)?;
    for (api_id, stage) in patches.iter().filter_map(plan::added_stage) {
        check_websocket_stage(&cx, api_id, stage).await?;
    }
    let (key, plan) = cx
        .kv
        .transact(|tx| {
            let (key, mut plan) = find(&cx, tx, &input.usage_plan_id)?;
            patches.iter().try_for_each(|patch| change(&mut plan, patch))?;
            check_stages(&cx, tx, &plan)?;
            PLANS.put(tx, &key, &plan)?;
            Ok::<_, AwsError>((key, plan))
        })
        .await?;
    Ok(shown(&plan, &key.2))
}

pub(crate) async fn delete_usage_plan(cx: Ctx, input: DeleteUsagePlanInput) -> Result<()> {
    cx.kv
        .transact(|tx| {
            let (key, plan) = find(&cx, tx, &input.usage_plan_id)?;
            if !plan.stages.is_empty() {
                return Err(bad_request(format!(
                    "Cannot delete Usage Plan {} because it is associated with API stages.",
                    key.2
                )));
            }
            PLAN_KEYS.delete_all(tx, &Span::prefix(&key))?;
            USAGE.delete_all(tx, &Span::prefix(&key))?;
            Ok(PLANS.delete(tx, &key)?)
        })
        .await
}

fn shown_key(id: &str, key: &ApiKey) -> UsagePlanKey {
    UsagePlanKey {
        id: Some(id.to_owned()),
        r#type: Some("API_KEY".to_owned()),
        value: Some(key.value.clone()),
        name: key.name.clone(),
    }
}

pub(crate) async fn create_usage_plan_key(cx: Ctx, input: CreateUsagePlanKeyInput) -> Result<UsagePlanKey> {
    if input.key_type != "API_KEY" {
        return Err(bad_request("Invalid key type specified. Must be one of: [API_KEY]"));
    }
    let key = cx
        .kv
        .transact(|tx| {
            let (plan, _) = find(&cx, tx, &input.usage_plan_id)?;
            let (_, key) = keys::find(&cx, tx, &input.key_id)?;
            if PLAN_KEYS.get(tx, &part(&plan, &input.key_id))?.is_some() {
                return Err(errors::conflict_exception(format!(
                    "Usage Plan {} already contains the key {}",
                    plan.2, input.key_id
                )));
            }
            PLAN_KEYS.put(tx, &part(&plan, &input.key_id), &FORMAT)?;
            Ok(key)
        })
        .await?;
    Ok(shown_key(&input.key_id, &key))
}

fn no_plan_key(id: &str) -> AwsError {
    errors::not_found_exception(format!(
        "Invalid API Key identifier specified: {id} is not in the Usage Plan"
    ))
}

pub(crate) async fn get_usage_plan_key(cx: Ctx, input: GetUsagePlanKeyInput) -> Result<UsagePlanKey> {
    let snapshot = cx.kv.snapshot().await?;
    let (plan, _) = find(&cx, &snapshot, &input.usage_plan_id)?;
    PLAN_KEYS.get(&snapshot, &part(&plan, &input.key_id))?.ok_or_else(|| no_plan_key(&input.key_id))?;
    let (_, key) = keys::find(&cx, &snapshot, &input.key_id)?;
    Ok(shown_key(&input.key_id, &key))
}

pub(crate) async fn get_usage_plan_keys(
    cx: Ctx,
    input: GetUsagePlanKeysInput,
) -> Result<GetUsagePlanKeysOutput> {
    let snapshot = cx.kv.snapshot().await?;
    let (plan, _) = find(&cx, &snapshot, &input.usage_plan_id)?;
    let page = (input.limit, input.position.as_deref());
    let (rows, position) =
        page::rows(&snapshot, &PLAN_KEYS, Span::prefix(&plan), page, |id| part(&plan, id), |key| &key.3)?;
    let mut items = Vec::new();
    for (row, _) in rows {
        let (_, key) = keys::find(&cx, &snapshot, &row.3)?;
        let named = |query: &String| key.name.as_ref().is_some_and(|name| name.starts_with(query.as_str()));
        if input.name_query.as_ref().is_none_or(named) {
            items.push(shown_key(&row.3, &key));
        }
    }
    Ok(GetUsagePlanKeysOutput { items: Some(items), position })
}

pub(crate) async fn delete_usage_plan_key(cx: Ctx, input: DeleteUsagePlanKeyInput) -> Result<()> {
    cx.kv
        .transact(|tx| {
            let (plan, _) = find(&cx, tx, &input.usage_plan_id)?;
            let key = part(&plan, &input.key_id);
            PLAN_KEYS.get(tx, &key)?.ok_or_else(|| no_plan_key(&input.key_id))?;
            USAGE.delete(tx, &key)?;
            Ok::<_, AwsError>(PLAN_KEYS.delete(tx, &key)?)
        })
        .await
}
