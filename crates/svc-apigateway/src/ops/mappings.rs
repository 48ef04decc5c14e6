//! Base path mappings: which stages are below the paths of a custom domain name.

use api_apigateway::{
    BasePathMapping, CreateBasePathMappingInput, DeleteBasePathMappingInput, GetBasePathMappingInput,
    GetBasePathMappingsInput, GetBasePathMappingsOutput, UpdateBasePathMappingInput,
};
use aws_wire::Result;
use execute_api::domain::{self as domains, FORMAT, Mapping, Protocol, Refused};
use execute_api::keys::{DomainKey, MAPPINGS, mapping};
use kv::{Read, Span};

use crate::api;
use crate::domain::{key, path_of, shown_mapping};
use crate::keys::{APIS, STAGES, part};
use crate::refusal::{not_honoured, of_domain};
use crate::{Ctx, page, patch};

const TAKEN: &str = "Base path already exists for this domain name";

/// # Errors
/// 400 where a mapping would be to nothing.
fn check_target(cx: &Ctx, reader: &impl Read, target: &Mapping) -> Result<(), Refused> {
    let missing = |what: &str| Refused::Invalid(format!("Invalid {what} identifier specified"));
    let key = api::key(cx, &target.api_id);
    APIS.get(reader, &key)?.ok_or_else(|| missing("REST API"))?;
    if let Some(stage) = &target.stage {
        STAGES.get(reader, &part(&key, stage))?.ok_or_else(|| missing("stage"))?;
    }
    Ok(())
}

fn find(reader: &impl Read, key: &DomainKey, path: &str) -> Result<Mapping, Refused> {
    domains::find(reader, key)?;
    let found = MAPPINGS.get(reader, &mapping(key, path))?;
    found.ok_or(Refused::NotFound("Invalid base path mapping identifier specified"))
}

pub(crate) async fn create_base_path_mapping(
    cx: Ctx,
    input: CreateBasePathMappingInput,
) -> Result<BasePathMapping> {
    not_honoured("CreateBasePathMapping", &[("domainNameId", input.domain_name_id.is_some())])?;
    let (key, path) = (key(&cx, &input.domain_name), path_of(input.base_path.as_deref())?);
    let new = Mapping {
        format: FORMAT,
        id: domains::mapping_id(&cx.env),
        api_id: input.rest_api_id,
        protocol: Protocol::Rest,
        stage: input.stage.filter(|stage| !stage.is_empty()),
    };
    let created = cx
        .kv
        .transact(|tx| {
            domains::find(tx, &key)?;
            check_target(&cx, tx, &new)?;
            domains::map(tx, &key, (None, &path), &new, TAKEN)
        })
        .await;
    created.map_err(of_domain)?;
    cx.state.front.domains.changed(&cx.kv, &key).await?;
    Ok(shown_mapping(&path, &new))
}

pub(crate) async fn get_base_path_mapping(
    cx: Ctx,
    input: GetBasePathMappingInput,
) -> Result<BasePathMapping> {
    not_honoured("GetBasePathMapping", &[("domainNameId", input.domain_name_id.is_some())])?;
    let (key, path) = (key(&cx, &input.domain_name), path_of(Some(&input.base_path))?);
    let found = find(&cx.kv.snapshot().await?, &key, &path).map_err(of_domain)?;
    Ok(shown_mapping(&path, &found))
}

pub(crate) async fn get_base_path_mappings(
    cx: Ctx,
    input: GetBasePathMappingsInput,
) -> Result<GetBasePathMappingsOutput> {
    not_honoured("GetBasePathMappings", &[("domainNameId", input.domain_name_id.is_some())])?;
    let key = key(&cx, &input.domain_name);
    let snapshot = cx.kv.snapshot().await?;
    domains::find(&snapshot, &key).map_err(of_domain)?;
    let (rows, position) = page::rows(
        &snapshot,
        &MAPPINGS,
        Span::prefix(&key),
        (input.limit, input.position.as_deref()),
        |path| mapping(&key, path),
        |key| &key.3,
    )?;
    // This API has no words for paths of several levels.
    let plain = rows.iter().filter(|(key, _)| !key.3.contains('/'));
    let items = plain.map(|(key, mapping)| shown_mapping(&key.3, mapping)).collect();
    Ok(GetBasePathMappingsOutput { items: Some(items), position })
}

pub(crate) async fn update_base_path_mapping(
    cx: Ctx,
    input: UpdateBasePathMappingInput,
) -> Result<BasePathMapping> {
    not_honoured("UpdateBasePathMapping", &[("domainNameId", input.domain_name_id.is_some())])?;
    let patches = patch::read(input.patch_operations)?;
    let (key, before) = (key(&cx, &input.domain_name), path_of(Some(&input.base_path))?);
    let changed = cx
        .kv
        .transact(|tx| {
            let mut changed = find(tx, &key, &before)?;
            let mut path = before.clone();
            for patch in &patches {
                match patch.segments()[..] {
                    ["basePath"] => path = path_of(patch.optional().as_deref())?,
                    ["stage"] => changed.stage = patch.optional().filter(|stage| !stage.is_empty()),
                    ["restapiId" | "restApiId"] => {
                        changed.api_id = patch.text()?;
                        changed.protocol = Protocol::Rest;
                    }
                    _ => return Err(patch.invalid().into()),
                }
            }
            check_target(&cx, tx, &changed)?;
            domains::map(tx, &key, (Some(&before), &path), &changed, TAKEN)?;
            Ok::<_, Refused>((path, changed))
        })
        .await;
    let (path, changed) = changed.map_err(of_domain)?;
    cx.state.front.domains.changed(&cx.kv, &key).await?;
    Ok(shown_mapping(&path, &changed))
}

pub(crate) async fn delete_base_path_mapping(cx: Ctx, input: DeleteBasePathMappingInput) -> Result<()> {
    not_honoured("DeleteBasePathMapping", &[("domainNameId", input.domain_name_id.is_some())])?;
    let (key, path) = (key(&cx, &input.domain_name), path_of(Some(&input.base_path))?);
    let deleted = cx
        .kv
        .transact(|tx| {
            find(tx, &key, &path)?;
            Ok::<_, Refused>(MAPPINGS.delete(tx, &mapping(&key, &path))?)
        })
        .await;
    deleted.map_err(of_domain)?;
    Ok(cx.state.front.domains.changed(&cx.kv, &key).await?)
}
