//! API mappings: which stages are below the paths of a custom domain name.

use api_apigateway::GetStageInput;
use api_apigatewayv2::{
    CreateApiMappingInput, CreateApiMappingOutput, DeleteApiMappingInput, GetApiMappingInput,
    GetApiMappingOutput, GetApiMappingsInput, GetApiMappingsOutput, ProtocolType, UpdateApiMappingInput,
    UpdateApiMappingOutput,
};
use aws_wire::Result;
use execute_api::address::Kind;
use execute_api::domain::{self as domains, FORMAT, Mapping, Protocol, Refused};
use execute_api::keys::{DomainKey, MAPPINGS, mapping};
use kv::{Read, Span};

use super::recast;
use crate::domain::{key, shown_mapping};
use crate::keys::{APIS, STAGES, part};
use crate::refusal::{bad_request, of_domain};
use crate::{Ctx, api, page};

const TAKEN: &str = "ApiMapping key already exists for this domain name";

/// # Errors
/// 400 where a REST API or its stage is not there; the service that has it is asked.
async fn check_rest(cx: &Ctx, api_id: &str, stage: &str) -> Result<()> {
    if Kind::of(api_id) != Kind::Rest {
        return Ok(());
    }
    let input = GetStageInput { rest_api_id: api_id.to_owned(), stage_name: stage.to_owned() };
    let found = cx.stateless().call(input).await;
    found.map(drop).map_err(|error| {
        if error.status == 404 { bad_request(error.message.unwrap_or_default()) } else { error }
    })
}

/// What an API speaks.
///
/// # Errors
/// 400 where it or its stage is not there; REST APIs were looked for before.
fn protocol(cx: &Ctx, reader: &impl Read, api_id: &str, stage: &str) -> Result<Protocol, Refused> {
    if Kind::of(api_id) == Kind::Rest {
        return Ok(Protocol::Rest);
    }
    let missing = |what: &str| Refused::Invalid(format!("Invalid {what} identifier specified"));
    let key = api::key(cx, api_id);
    let api = APIS.get(reader, &key)?.ok_or_else(|| missing("API"))?;
    STAGES.get(reader, &part(&key, stage))?.ok_or_else(|| missing("stage"))?;
    Ok(match api.protocol() {
        ProtocolType::Http => Protocol::Http,
        ProtocolType::Websocket => Protocol::Websocket,
    })
}

/// A mapping by its id, and its path.
fn find(reader: &impl Read, key: &DomainKey, id: &str) -> Result<(String, Mapping), Refused> {
    domains::find(reader, key)?;
    let all = MAPPINGS.all(reader, &Span::prefix(key))?.into_iter();
    let found = all.map(|(key, mapping)| (key.3, mapping)).find(|(_, mapping)| mapping.id == id);
    found.ok_or(Refused::NotFound("Invalid API mapping identifier specified"))
}

pub(crate) async fn create_api_mapping(
    cx: Ctx,
    input: CreateApiMappingInput,
) -> Result<CreateApiMappingOutput> {
    let (key, path) = (key(&cx, &input.domain_name), input.api_mapping_key.unwrap_or_default());
    domains::find(&cx.kv.snapshot().await?, &key).map_err(of_domain)?;
    check_rest(&cx, &input.api_id, &input.stage).await?;
    let id = domains::mapping_id(&cx.env);
    let created = cx
        .kv
        .transact(|tx| {
            let new = Mapping {
                format: FORMAT,
                id: id.clone(),
                api_id: input.api_id.clone(),
                protocol: protocol(&cx, tx, &input.api_id, &input.stage)?,
                stage: Some(input.stage.clone()),
            };
            domains::map(tx, &key, (None, &path), &new, TAKEN)?;
            Ok::<_, Refused>(new)
        })
        .await;
    let created = created.map_err(of_domain)?;
    cx.state.front.domains.changed(&cx.kv, &key).await?;
    Ok(recast(shown_mapping(&path, &created)))
}

pub(crate) async fn get_api_mapping(cx: Ctx, input: GetApiMappingInput) -> Result<GetApiMappingOutput> {
    let key = key(&cx, &input.domain_name);
    let found = find(&cx.kv.snapshot().await?, &key, &input.api_mapping_id);
    let (path, mapping) = found.map_err(of_domain)?;
    Ok(recast(shown_mapping(&path, &mapping)))
}

pub(crate) async fn get_api_mappings(cx: Ctx, input: GetApiMappingsInput) -> Result<GetApiMappingsOutput> {
    let key = key(&cx, &input.domain_name);
    let snapshot = cx.kv.snapshot().await?;
    domains::find(&snapshot, &key).map_err(of_domain)?;
    let (rows, next_token) = page::rows(
        &snapshot,
        &MAPPINGS,
        Span::prefix(&key),
        (input.max_results.as_deref(), input.next_token.as_deref()),
        |path| mapping(&key, path),
        |key| &key.3,
    )?;
    let items = rows.iter().map(|(key, mapping)| shown_mapping(&key.3, mapping)).collect();
    Ok(GetApiMappingsOutput { items: Some(items), next_token })
}

pub(crate) async fn update_api_mapping(
    cx: Ctx,
    input: UpdateApiMappingInput,
) -> Result<UpdateApiMappingOutput> {
    let key = key(&cx, &input.domain_name);
    let (_, before) = find(&cx.kv.snapshot().await?, &key, &input.api_mapping_id).map_err(of_domain)?;
    let stage = input.stage.or(before.stage).unwrap_or_default();
    check_rest(&cx, &input.api_id, &stage).await?;
    let changed = cx
        .kv
        .transact(|tx| {
            let (before, old) = find(tx, &key, &input.api_mapping_id)?;
            let path = input.api_mapping_key.clone().unwrap_or_else(|| before.clone());
            let changed = Mapping {
                api_id: input.api_id.clone(),
                protocol: protocol(&cx, tx, &input.api_id, &stage)?,
                stage: Some(stage.clone()),
                ..old
            };
            domains::map(tx, &key, (Some(&before), &path), &changed, TAKEN)?;
            Ok::<_, Refused>((path, changed))
        })
        .await;
    let (path, changed) = changed.map_err(of_domain)?;
    cx.state.front.domains.changed(&cx.kv, &key).await?;
    Ok(recast(shown_mapping(&path, &changed)))
}

pub(crate) async fn delete_api_mapping(cx: Ctx, input: DeleteApiMappingInput) -> Result<()> {
    let key = key(&cx, &input.domain_name);
    let deleted = cx
        .kv
        .transact(|tx| {
            let (path, _) = find(tx, &key, &input.api_mapping_id)?;
            Ok::<_, Refused>(MAPPINGS.delete(tx, &mapping(&key, &path))?)
        })
        .await;
    deleted.map_err(of_domain)?;
    Ok(cx.state.front.domains.changed(&cx.kv, &key).await?)
}
