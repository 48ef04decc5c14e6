//! Stages of an API.

use std::collections::BTreeMap;

use api_apigatewayv2::{
    CreateStageInput, CreateStageOutput, DeleteStageInput, GetStageInput, GetStageOutput, GetStagesInput,
    GetStagesOutput, ProtocolType, RouteSettings, UpdateStageInput, UpdateStageOutput, errors,
};
use aws_wire::{AwsError, Result};
use execute_api::throttle::Limits;
use kv::{Read, Span};

use super::apis::changed;
use super::apis::check_unmapped;
use super::recast;
use crate::api::{self, FORMAT};
use crate::deployment::{self, Change};
use crate::keys::{ApiKey, DEPLOYMENTS, STAGES, part};
use crate::refusal::{bad_request, no_part, not_honoured, too_many};
use crate::stage::{self, Stage, check_limits};
use crate::websocket::Connection;
use crate::{Ctx, page, tags};

const STAGES_MAX: usize = 10;

fn limits(settings: Option<&RouteSettings>, protocol: ProtocolType, operation: &str) -> Result<Limits> {
    let limits = settings.map(|settings| check_limits(settings, protocol, operation));
    limits.transpose().map(Option::unwrap_or_default)
}

fn route_limits(
    settings: Option<BTreeMap<String, RouteSettings>>,
    protocol: ProtocolType,
    operation: &str,
) -> Result<BTreeMap<String, Limits>> {
    let settings = settings.unwrap_or_default().into_iter();
    settings.map(|(key, settings)| Ok((key, check_limits(&settings, protocol, operation)?))).collect()
}

fn check_deployment(tx: &impl Read, api: &ApiKey, id: Option<&str>, auto_deploy: bool) -> Result<()> {
    let Some(id) = id else { return Ok(()) };
    if auto_deploy {
        return Err(bad_request("Deployment ID cannot be set on a stage with auto-deploy enabled"));
    }
    DEPLOYMENTS.get(tx, &part(api, id))?.map(drop).ok_or_else(|| no_part("Deployment", id))
}

pub(crate) async fn create_stage(cx: Ctx, input: CreateStageInput) -> Result<CreateStageOutput> {
    not_honoured(
        "CreateStage",
        &[
            ("AccessLogSettings", input.access_log_settings.is_some()),
            ("ClientCertificateId", input.client_certificate_id.is_some()),
        ],
    )?;
    let protocol = api::protocol(&cx, &input.api_id).await?;
    stage::check_name(&input.stage_name, protocol)?;
    stage::check_auto_deploy(input.auto_deploy, protocol)?;
    let change = Change::new(&cx.env);
    let stage = Stage {
        format: FORMAT,
        description: input.description,
        deployment: input.deployment_id,
        auto_deploy: input.auto_deploy.unwrap_or(false),
        variables: input.stage_variables.unwrap_or_default(),
        limits: limits(input.default_route_settings.as_ref(), protocol, "CreateStage")?,
        route_limits: route_limits(input.route_settings, protocol, "CreateStage")?,
        tags: input.tags.unwrap_or_default(),
        managed: false,
        created_us: change.now.as_micros(),
        updated_us: change.now.as_micros(),
    };
    stage::check_variables(&stage.variables)?;
    tags::check(&stage.tags)?;
    let stage = cx
        .kv
        .transact(|tx| {
            let (api, _) = api::find(&cx, tx, &input.api_id)?;
            let key = part(&api, &input.stage_name);
            if STAGES.get(tx, &key)?.is_some() {
                return Err(errors::conflict_exception("Stage already exists"));
            }
            if STAGES.all(tx, &Span::prefix(&api))?.len() >= STAGES_MAX {
                return Err(too_many("stages"));
            }
            check_deployment(tx, &api, stage.deployment.as_deref(), stage.auto_deploy)?;
            STAGES.put(tx, &key, &stage)?;
            if stage.auto_deploy {
                changed(tx, &api, &change)?;
            }
            find(tx, &api, &input.stage_name)
        })
        .await?;
    Ok(recast(stage.shown(&input.stage_name)))
}

fn find(tx: &impl Read, api: &ApiKey, name: &str) -> Result<Stage> {
    STAGES.get(tx, &part(api, name))?.ok_or_else(|| no_part("stage", name))
}

pub(crate) async fn get_stage(cx: Ctx, input: GetStageInput) -> Result<GetStageOutput> {
    let snapshot = cx.kv.snapshot().await?;
    let (api, _) = api::find(&cx, &snapshot, &input.api_id)?;
    Ok(recast(find(&snapshot, &api, &input.stage_name)?.shown(&input.stage_name)))
}

pub(crate) async fn get_stages(cx: Ctx, input: GetStagesInput) -> Result<GetStagesOutput> {
    let snapshot = cx.kv.snapshot().await?;
    let (api, _) = api::find(&cx, &snapshot, &input.api_id)?;
    let page = (input.max_results.as_deref(), input.next_token.as_deref());
    let (rows, next_token) =
        page::rows(&snapshot, &STAGES, Span::prefix(&api), page, |name| part(&api, name), |key| &key.3)?;
    let items = rows.iter().map(|(key, stage)| stage.shown(&key.3)).collect();
    Ok(GetStagesOutput { items: Some(items), next_token })
}

pub(crate) async fn update_stage(cx: Ctx, input: UpdateStageInput) -> Result<UpdateStageOutput> {
    not_honoured(
        "UpdateStage",
        &[
            ("AccessLogSettings", input.access_log_settings.is_some()),
            ("ClientCertificateId", input.client_certificate_id.is_some()),
        ],
    )?;
    let protocol = api::protocol(&cx, &input.api_id).await?;
    stage::check_auto_deploy(input.auto_deploy, protocol)?;
    let change = Change::new(&cx.env);
    let check = |settings: &RouteSettings| check_limits(settings, protocol, "UpdateStage");
    let default = input.default_route_settings.as_ref().map(check).transpose()?;
    let route = input.route_settings.map(|settings| route_limits(Some(settings), protocol, "UpdateStage"));
    let route = route.transpose()?;
    if let Some(variables) = &input.stage_variables {
        stage::check_variables(variables)?;
    }
    let stage = cx
        .kv
        .transact(|tx| {
            let (api, _) = api::find(&cx, tx, &input.api_id)?;
            let mut stage = find(tx, &api, &input.stage_name)?;
            stage.auto_deploy = input.auto_deploy.unwrap_or(stage.auto_deploy);
            check_deployment(tx, &api, input.deployment_id.as_deref(), stage.auto_deploy)?;
            if input.deployment_id.is_some() {
                stage.deployment.clone_from(&input.deployment_id);
            }
            if input.description.is_some() {
                stage.description.clone_from(&input.description);
            }
            // Variables and settings of routes are given one by one; an empty variable is none.
            for (name, value) in input.stage_variables.iter().flatten() {
                stage.variables.insert(name.clone(), value.clone());
            }
            stage.variables.retain(|_, value| !value.is_empty());
            stage.limits = default.unwrap_or(stage.limits);
            for (key, limits) in route.iter().flatten() {
                stage.route_limits.insert(key.clone(), *limits);
            }
            stage.updated_us = change.now.as_micros();
            STAGES.put(tx, &part(&api, &input.stage_name), &stage)?;
            if input.auto_deploy == Some(true) {
                change.deploy(tx, &api)?;
            }
            deployment::forget_unserved(tx, &api)?;
            find(tx, &api, &input.stage_name)
        })
        .await?;
    Ok(recast(stage.shown(&input.stage_name)))
}

pub(crate) async fn delete_stage(cx: Ctx, input: DeleteStageInput) -> Result<()> {
    cx.kv
        .transact(|tx| {
            let (api, _) = api::find(&cx, tx, &input.api_id)?;
            find(tx, &api, &input.stage_name)?;
            check_unmapped(tx, &api, Some(&input.stage_name))?;
            STAGES.delete(tx, &part(&api, &input.stage_name))?;
            deployment::forget_unserved(tx, &api)
        })
        .await?;
    cx.state.verdicts.forget(&input.api_id, &input.stage_name);
    let is_on = |connection: &Connection| {
        connection.api.2 == input.api_id && connection.stage_name == input.stage_name
    };
    cx.state.connections.close_all(is_on);
    Ok::<_, AwsError>(())
}
