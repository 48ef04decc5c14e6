//! REST APIs from documents, and as documents.

use std::collections::BTreeMap;

use api_apigateway::{
    GetExportInput, GetExportOutput, ImportRestApiInput, PutMode, PutRestApiInput, RestApi as Shown,
};
use aws_wire::{AwsError, Result, timestamp};
use env::Timestamp;
use execute_api::address::{self, Kind};
use execute_api::owner::Owner;
use kv::{Span, Tx};

use super::ID_LENGTH;
use super::apis::models_at_first;
use crate::Ctx;
use crate::api::{self, FORMAT, RestApi};
use crate::keys::{
    APIS, AUTHORIZERS, DEPLOYMENTS, MODELS, OWNERS, RESOURCES, RESPONSES, RootKey, STAGES, VALIDATORS, part,
};
use crate::openapi::{self, Exported, Extensions, Imported, Options};
use crate::refusal::{bad_request, no_part};

const RESOURCES_MAX: usize = 300;
const JSON: &str = "application/json";
const YAML: &str = "application/yaml";

/// # Errors
/// 400 for more than an API may have, and for warnings where its client wants none.
fn check(imported: &Imported, fail_on_warnings: Option<bool>) -> Result<()> {
    if fail_on_warnings == Some(true) && !imported.warnings.is_empty() {
        return Err(bad_request(format!(
            "Warnings found during import:\n\t{}",
            imported.warnings.join("\n\t")
        )));
    }
    if imported.resources.len() > RESOURCES_MAX {
        return Err(crate::refusal::too_many("resources"));
    }
    Ok(())
}

/// Stores a document's parts in the place of those that there are.
fn put(tx: &mut Tx, api: &RootKey, imported: &Imported) -> Result<()> {
    let all = || Span::prefix(api);
    RESOURCES.delete_all(tx, &all())?;
    AUTHORIZERS.delete_all(tx, &all())?;
    MODELS.delete_all(tx, &all())?;
    VALIDATORS.delete_all(tx, &all())?;
    RESPONSES.delete_all(tx, &all())?;
    for (id, resource) in &imported.resources {
        RESOURCES.put(tx, &part(api, id), resource)?;
    }
    for (id, authorizer) in &imported.authorizers {
        AUTHORIZERS.put(tx, &part(api, id), authorizer)?;
    }
    for (name, model) in &imported.models {
        MODELS.put(tx, &part(api, name), model)?;
    }
    for (id, validator) in &imported.validators {
        VALIDATORS.put(tx, &part(api, id), validator)?;
    }
    for (kind, response) in &imported.responses {
        RESPONSES.put(tx, &part(api, kind), response)?;
    }
    Ok(())
}

fn shown(api: &RestApi, id: &str, imported: Imported) -> Shown {
    Shown { warnings: Some(imported.warnings).filter(|all| !all.is_empty()), ..api.shown(id) }
}

pub(crate) async fn import_rest_api(cx: Ctx, input: ImportRestApiInput) -> Result<Shown> {
    let options = Options::check(&input.parameters.unwrap_or_default(), "ImportRestApi")?;
    let (id, root_id) = (Kind::Rest.new_id(&cx.env), address::id(&cx.env, 10));
    let mut imported = openapi::read(&cx.env, &input.body, &options, (&id, &root_id), "ImportRestApi")?;
    check(&imported, input.fail_on_warnings)?;
    for (name, model) in models_at_first(|| address::id(&cx.env, ID_LENGTH)) {
        imported.models.entry(name.to_owned()).or_insert(model);
    }
    let api = RestApi {
        format: FORMAT,
        name: imported.name.clone(),
        description: imported.description.clone(),
        version: imported.version.clone(),
        binary_media_types: imported.binary_media_types.clone(),
        keys_from_authorizer: imported.keys_from_authorizer,
        endpoint_type: options.endpoint_type.unwrap_or_else(|| "EDGE".to_owned()),
        dual_stack: false,
        disable_execute_api_endpoint: imported.disable_execute_api_endpoint,
        root_id,
        tags: BTreeMap::new(),
        created_us: cx.env.now().as_micros(),
    };
    let (key, owner) = (api::key(&cx, &id), Owner::of(&cx.caller));
    cx.kv
        .transact(|tx| {
            OWNERS.put(tx, &key.2, &owner)?;
            APIS.put(tx, &key, &api)?;
            put(tx, &key, &imported)
        })
        .await?;
    Ok(shown(&api, &id, imported))
}

pub(crate) async fn put_rest_api(cx: Ctx, input: PutRestApiInput) -> Result<Shown> {
    if input.mode != Some(PutMode::Overwrite) {
        // Without a mode AWS merges.
        return Err(AwsError::parameter_not_implemented("PutRestApi", "mode merge"));
    }
    let options = Options::check(&input.parameters.unwrap_or_default(), "PutRestApi")?;
    let id = &input.rest_api_id;
    let (_, before) = api::find(&cx, &cx.kv.snapshot().await?, id)?;
    let ids = (id.as_str(), before.root_id.as_str());
    let imported = openapi::read(&cx.env, &input.body, &options, ids, "PutRestApi")?;
    check(&imported, input.fail_on_warnings)?;
    let api = cx
        .kv
        .transact(|tx| {
            let (key, mut api) = api::find(&cx, tx, id)?;
            api.name.clone_from(&imported.name);
            api.description.clone_from(&imported.description);
            api.version.clone_from(&imported.version);
            api.binary_media_types.clone_from(&imported.binary_media_types);
            api.keys_from_authorizer = imported.keys_from_authorizer;
            api.disable_execute_api_endpoint = imported.disable_execute_api_endpoint;
            if let Some(kind) = &options.endpoint_type {
                api.endpoint_type.clone_from(kind);
            }
            APIS.put(tx, &key, &api)?;
            put(tx, &key, &imported)?;
            Ok::<_, AwsError>(api)
        })
        .await?;
    Ok(shown(&api, id, imported))
}

pub(crate) async fn get_export(cx: Ctx, input: GetExportInput) -> Result<GetExportOutput> {
    let is_swagger = match input.export_type.as_str() {
        "swagger" => true,
        "oas30" => false,
        _ => return Err(bad_request("Invalid export type specified. Must be one of: [oas30, swagger]")),
    };
    let content_type = input.accepts.as_deref().filter(|kind| *kind != "*/*").unwrap_or(JSON);
    let (is_yaml, ending) = match content_type {
        JSON => (false, "json"),
        YAML => (true, "yaml"),
        _ => {
            return Err(bad_request(format!(
                "Invalid content type specified. Must be one of: [{JSON}, {YAML}]"
            )));
        }
    };
    let mut extensions = Extensions::default();
    for (name, value) in input.parameters.iter().flatten() {
        for extension in value.split(',').map(str::trim) {
            match (name.as_str(), extension) {
                ("extensions", "integrations" | "apigateway") => extensions.integrations = true,
                ("extensions", "authorizers") => extensions.authorizers = true,
                ("extensions", "postman") => {
                    return Err(AwsError::parameter_not_implemented("GetExport", "extensions postman"));
                }
                _ => {
                    return Err(bad_request(format!(
                        "Invalid export parameter specified: {name}={extension}"
                    )));
                }
            }
        }
    }
    let snapshot = cx.kv.snapshot().await?;
    let (key, api) = api::find(&cx, &snapshot, &input.rest_api_id)?;
    let stage = STAGES.get(&snapshot, &part(&key, &input.stage_name))?.ok_or_else(|| no_part("Stage"))?;
    let parts = DEPLOYMENTS.get(&snapshot, &part(&key, &stage.deployment))?;
    let parts = parts.ok_or_else(|| no_part("Deployment"))?;
    let deployed = timestamp::iso8601(Timestamp::from_secs(parts.created_us / 1_000_000));
    let document = openapi::write(&Exported {
        api: &api,
        api_id: &key.2,
        stage: &input.stage_name,
        parts: &parts,
        url: address::endpoint(&key.2, &cx.host),
        version: api.version.clone().unwrap_or_else(|| deployed.clone()),
        is_swagger,
        extensions,
    });
    let body = execute_api::openapi::written(&document, is_yaml)?;
    let file = format!("{}_{deployed}.{ending}", input.export_type);
    Ok(GetExportOutput {
        content_type: Some(content_type.to_owned()),
        content_disposition: Some(format!("attachment; filename=\"{file}\"")),
        body: Some(body.into()),
    })
}
