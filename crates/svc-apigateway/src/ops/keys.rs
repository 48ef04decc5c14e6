//! API keys.

use api_apigateway::{
    ApiKey as Shown, CreateApiKeyInput, DeleteApiKeyInput, GetApiKeyInput, GetApiKeysInput, GetApiKeysOutput,
    UpdateApiKeyInput, errors,
};
use aws_wire::{AwsError, Result};
use execute_api::address;
use execute_api::plan::{API_KEYS, ApiKey, KEY_VALUES, PLAN_KEYS, PLANS};
use kv::{Read, Span};

use crate::api::{self, FORMAT};
use crate::key::{change, shown};
use crate::keys::{RootKey, part};
use crate::refusal::{bad_request, no_part, not_honoured};
use crate::{Ctx, page, patch, tags};

const VALUE_LENGTHS: std::ops::RangeInclusive<usize> = 20..=128;

pub(crate) async fn create_api_key(cx: Ctx, input: CreateApiKeyInput) -> Result<Shown> {
    let stages = input.stage_keys.as_ref().is_some_and(|stages| !stages.is_empty());
    not_honoured("CreateApiKey", &[("stageKeys", stages)])?;
    let value = input.value.unwrap_or_else(|| address::id(&cx.env, 40));
    if !VALUE_LENGTHS.contains(&value.len()) {
        return Err(bad_request("API Key value should be between 20 and 128 characters"));
    }
    let now_us = cx.env.now().as_micros();
    let api_key = ApiKey {
        format: FORMAT,
        value,
        name: input.name,
        description: input.description,
        customer_id: input.customer_id,
        enabled: input.enabled.unwrap_or(false),
        tags: input.tags.unwrap_or_default(),
        created_us: now_us,
        updated_us: now_us,
    };
    tags::check(&api_key.tags)?;
    let key = api::key(&cx, &address::id(&cx.env, 10));
    let by_value = api::key(&cx, &api_key.value);
    cx.kv
        .transact(|tx| {
            if KEY_VALUES.get(tx, &by_value)?.is_some() {
                return Err(errors::conflict_exception("API Key already exists"));
            }
            KEY_VALUES.put(tx, &by_value, &key.2)?;
            Ok(API_KEYS.put(tx, &key, &api_key)?)
        })
        .await?;
    Ok(shown(&api_key, &key.2, true))
}

/// # Errors
/// 404 without such a key.
pub(super) fn find(cx: &Ctx, reader: &impl Read, id: &str) -> Result<(RootKey, ApiKey)> {
    let key = api::key(cx, id);
    let found = API_KEYS.get(reader, &key)?.ok_or_else(|| no_part("API Key"))?;
    Ok((key, found))
}

pub(crate) async fn get_api_key(cx: Ctx, input: GetApiKeyInput) -> Result<Shown> {
    let (key, found) = find(&cx, &cx.kv.snapshot().await?, &input.api_key)?;
    Ok(shown(&found, &key.2, input.include_value == Some(true)))
}

pub(crate) async fn get_api_keys(cx: Ctx, input: GetApiKeysInput) -> Result<GetApiKeysOutput> {
    let (account, region) = (cx.caller.account.to_string(), cx.caller.region.to_string());
    let (rows, position) = page::rows(
        &cx.kv.snapshot().await?,
        &API_KEYS,
        Span::prefix(&(account, region)),
        (input.limit, input.position.as_deref()),
        |id| api::key(&cx, id),
        |key| &key.2,
    )?;
    let wanted = |key: &ApiKey| {
        let named = |query: &String| key.name.as_ref().is_some_and(|name| name.starts_with(query.as_str()));
        input.name_query.as_ref().is_none_or(named)
            && input.customer_id.as_ref().is_none_or(|id| key.customer_id.as_ref() == Some(id))
    };
    let wanted = rows.iter().filter(|(_, found)| wanted(found));
    let items = wanted.map(|(key, found)| shown(found, &key.2, input.include_values == Some(true))).collect();
    Ok(GetApiKeysOutput { warnings: None, items: Some(items), position })
}

pub(crate) async fn update_api_key(cx: Ctx, input: UpdateApiKeyInput) -> Result<Shown> {
    let patches = patch::read(input.patch_operations)?;
    let now_us = cx.env.now().as_micros();
    let (key, found) = cx
        .kv
        .transact(|tx| {
            let (key, mut found) = find(&cx, tx, &input.api_key)?;
            patches.iter().try_for_each(|patch| change(&mut found, patch))?;
            found.updated_us = now_us;
            API_KEYS.put(tx, &key, &found)?;
            Ok::<_, AwsError>((key, found))
        })
        .await?;
    Ok(shown(&found, &key.2, false))
}

pub(crate) async fn delete_api_key(cx: Ctx, input: DeleteApiKeyInput) -> Result<()> {
    cx.kv
        .transact(|tx| {
            let (key, found) = find(&cx, tx, &input.api_key)?;
            KEY_VALUES.delete(tx, &api::key(&cx, &found.value))?;
            let (account, region) = (key.0.clone(), key.1.clone());
            for (plan, _) in PLANS.all(tx, &Span::prefix(&(account, region)))? {
                PLAN_KEYS.delete(tx, &part(&plan, &key.2))?;
            }
            Ok::<_, AwsError>(API_KEYS.delete(tx, &key)?)
        })
        .await
}
