//! HTTP APIs from documents, and documents of HTTP APIs.

use api_apigatewayv2::{
    ExportApiInput, ExportApiOutput, ImportApiInput, ImportApiOutput, ProtocolType, ReimportApiInput,
    ReimportApiOutput,
};
use aws_wire::{AwsError, Result, timestamp};
use env::Timestamp;
use execute_api::address::{self, Kind};
use execute_api::owner::Owner;
use kv::{Span, Tx};

use super::recast;
use crate::api::{self, Api, FORMAT};
use crate::deployment::{Change, Deployment};
use crate::keys::{APIS, AUTHORIZERS, ApiKey, DEPLOYMENTS, INTEGRATIONS, OWNERS, ROUTES, STAGES, part};
use crate::openapi::{self, Basepath, Exported, Imported};
use crate::ops::apis::changed;
use crate::refusal::{bad_request, no_part};
use crate::route::DEFAULT;
use crate::{Ctx, tags};

/// Reads a document, as strictly as its client wants it.
fn read(
    cx: &Ctx,
    body: &str,
    basepath: Option<&str>,
    fail_on_warnings: Option<bool>,
    operation: &str,
) -> Result<Imported> {
    let basepath = Basepath::check(basepath, operation)?;
    let imported = openapi::read(&cx.env, body, basepath, operation)?;
    tags::check(&imported.tags)?;
    if fail_on_warnings == Some(true) && !imported.warnings.is_empty() {
        return Err(bad_request(format!(
            "Warnings found during import:\n\t{}",
            imported.warnings.join("\n\t")
        )));
    }
    Ok(imported)
}

/// Stores a document's parts in the place of those that there are.
fn put(tx: &mut Tx, api: &ApiKey, imported: &Imported) -> Result<()> {
    let all = || Span::prefix(api);
    ROUTES.delete_all(tx, &all())?;
    INTEGRATIONS.delete_all(tx, &all())?;
    AUTHORIZERS.delete_all(tx, &all())?;
    for (id, authorizer) in &imported.authorizers {
        AUTHORIZERS.put(tx, &part(api, id), authorizer)?;
    }
    for (id, integration) in &imported.integrations {
        INTEGRATIONS.put(tx, &part(api, id), integration)?;
    }
    for (id, route) in &imported.routes {
        ROUTES.put(tx, &part(api, id), route)?;
    }
    Ok(())
}

fn shown(api: &Api, key: &ApiKey, cx: &Ctx, imported: Imported) -> api_apigatewayv2::Api {
    let mut shown = api.shown(key, &cx.host);
    shown.import_info = Some(imported.info).filter(|info| !info.is_empty());
    shown.warnings = Some(imported.warnings).filter(|warnings| !warnings.is_empty());
    shown
}

pub(crate) async fn import_api(cx: Ctx, input: ImportApiInput) -> Result<ImportApiOutput> {
    let basepath = input.basepath.as_deref();
    let imported = read(&cx, &input.body, basepath, input.fail_on_warnings, "ImportApi")?;
    let api = Api {
        format: FORMAT,
        name: imported.name.clone(),
        description: imported.description.clone(),
        version: imported.version.clone(),
        cors: imported.cors.clone(),
        route_selection: None,
        keys_from_authorizer: false,
        disable_execute_api_endpoint: false,
        dual_stack: false,
        tags: imported.tags.clone(),
        created_us: cx.env.now().as_micros(),
    };
    let key = api::key(&cx, &Kind::Http.new_id(&cx.env));
    let owner = Owner::of(&cx.caller);
    cx.kv
        .transact(|tx| {
            OWNERS.put(tx, &key.2, &owner)?;
            APIS.put(tx, &key, &api)?;
            put(tx, &key, &imported)
        })
        .await?;
    Ok(recast(shown(&api, &key, &cx, imported)))
}

pub(crate) async fn reimport_api(cx: Ctx, input: ReimportApiInput) -> Result<ReimportApiOutput> {
    check_protocol(api::protocol(&cx, &input.api_id).await?)?;
    let basepath = input.basepath.as_deref();
    let imported = read(&cx, &input.body, basepath, input.fail_on_warnings, "ReimportApi")?;
    let change = Change::new(&cx.env);
    let (key, api) = cx
        .kv
        .transact(|tx| {
            let (key, before) = api::find(&cx, tx, &input.api_id)?;
            let api = Api {
                name: imported.name.clone(),
                description: imported.description.clone(),
                version: imported.version.clone(),
                cors: imported.cors.clone(),
                tags: imported.tags.clone(),
                ..before
            };
            APIS.put(tx, &key, &api)?;
            put(tx, &key, &imported)?;
            changed(tx, &key, &change)?;
            Ok::<_, AwsError>((key, api))
        })
        .await?;
    Ok(recast(shown(&api, &key, &cx, imported)))
}

/// AWS has no documents of WebSocket APIs.
fn check_protocol(protocol: ProtocolType) -> Result<()> {
    match protocol {
        ProtocolType::Http => Ok(()),
        ProtocolType::Websocket => {
            Err(bad_request("Import and export are not supported on protocolType WEBSOCKET"))
        }
    }
}

pub(crate) async fn export_api(cx: Ctx, input: ExportApiInput) -> Result<ExportApiOutput> {
    if input.specification != "OAS30" {
        return Err(bad_request("Invalid specification: OAS30 is the only one"));
    }
    if input.export_version.as_deref().is_some_and(|version| version != "1.0") {
        return Err(bad_request("Invalid exportVersion: 1.0 is the only one"));
    }
    let snapshot = cx.kv.snapshot().await?;
    let (key, api) = api::find(&cx, &snapshot, &input.api_id)?;
    check_protocol(api.protocol())?;
    let endpoint = address::endpoint(&key.2, &cx.host);
    let (parts, url) = match input.stage_name.as_deref() {
        None => (Deployment::of(&snapshot, &key, None, cx.env.now())?, endpoint),
        Some(name) => {
            let stage = STAGES.get(&snapshot, &part(&key, name))?.ok_or_else(|| no_part("stage", name))?;
            let missing = || bad_request(format!("Stage {name} has no deployment"));
            let id = stage.deployment.ok_or_else(missing)?;
            let parts = DEPLOYMENTS.get(&snapshot, &part(&key, &id))?.ok_or_else(missing)?;
            (parts, if name == DEFAULT { endpoint } else { format!("{endpoint}/{name}") })
        }
    };
    let created = Timestamp::from_secs(api.created_us / 1_000_000);
    let exported = Exported {
        version: api.version.clone().unwrap_or_else(|| timestamp::iso8601(created)),
        api: &api,
        parts: &parts,
        url,
        extensions: input.include_extensions.unwrap_or(true),
    };
    let document = openapi::write(&exported);
    let is_yaml = match input.output_type.as_str() {
        "JSON" => false,
        "YAML" => true,
        _ => return Err(bad_request("Invalid outputType: JSON or YAML")),
    };
    let body = execute_api::openapi::written(&document, is_yaml)?;
    Ok(ExportApiOutput { body: Some(body.into()) })
}
