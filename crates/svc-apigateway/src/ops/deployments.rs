//! Deployments of an API.

use std::collections::BTreeMap;

use api_apigateway::{
    CreateDeploymentInput, DeleteDeploymentInput, Deployment as Shown, GetDeploymentInput,
    GetDeploymentsInput, GetDeploymentsOutput, UpdateDeploymentInput,
};
use aws_wire::Result;
use execute_api::address;
use kv::Span;

use super::{ID_LENGTH, Part, list};
use crate::Ctx;
use crate::api::{self, FORMAT};
use crate::deployment::Deployment;
use crate::keys::{DEPLOYMENTS, STAGES, part};
use crate::refusal::{bad_request, not_honoured};
use crate::stage::{self, Canary, Stage};

pub(crate) async fn create_deployment(cx: Ctx, input: CreateDeploymentInput) -> Result<Shown> {
    not_honoured(
        "CreateDeployment",
        &[
            ("cacheClusterEnabled", input.cache_cluster_enabled == Some(true)),
            ("cacheClusterSize", input.cache_cluster_size.is_some()),
            (
                "canarySettings useStageCache",
                input.canary_settings.as_ref().is_some_and(|canary| canary.use_stage_cache == Some(true)),
            ),
            ("tracingEnabled", input.tracing_enabled == Some(true)),
        ],
    )?;
    let stage_name = input.stage_name.filter(|name| !name.is_empty());
    if let Some(name) = &stage_name {
        stage::check_name(name)?;
    }
    let variables = input.variables.unwrap_or_default();
    stage::check_variables(&variables)?;
    let canary = input.canary_settings.map(|given| {
        let canary = Canary {
            deployment: String::new(),
            percent: given.percent_traffic.unwrap_or_default(),
            variables: given.stage_variable_overrides.unwrap_or_default(),
        };
        canary.check()
    });
    let canary = canary.transpose()?;
    if canary.is_some() && stage_name.is_none() {
        return Err(bad_request("Canary deployments must have a stage name"));
    }
    let (now, id) = (cx.env.now(), address::id(&cx.env, ID_LENGTH));
    let deployment = cx
        .kv
        .transact(|tx| {
            let (key, api) = api::find(&cx, tx, &input.rest_api_id)?;
            let deployment = Deployment::of(tx, &key, &api, input.description.clone(), now)?;
            deployment.check()?;
            DEPLOYMENTS.put(tx, &part(&key, &id), &deployment)?;
            if let Some(name) = &stage_name {
                let stage = STAGES.get(tx, &part(&key, name))?;
                if canary.is_some() && stage.is_none() {
                    return Err(bad_request("Canary deployments must be to a stage that is there"));
                }
                let mut stage = stage.unwrap_or_else(|| Stage {
                    format: FORMAT,
                    deployment: String::new(),
                    description: input.stage_description.clone(),
                    variables: BTreeMap::new(),
                    limits: BTreeMap::new(),
                    tags: BTreeMap::new(),
                    created_us: now.as_micros(),
                    updated_us: 0,
                    canary: None,
                });
                match &canary {
                    Some(canary) => stage.canary = Some(Canary { deployment: id.clone(), ..canary.clone() }),
                    None => stage.deployment.clone_from(&id),
                }
                stage.variables.extend(variables.clone());
                stage.updated_us = now.as_micros();
                STAGES.put(tx, &part(&key, name), &stage)?;
            }
            Ok::<_, aws_wire::AwsError>(deployment)
        })
        .await?;
    Ok(deployment.shown(&id, false))
}

pub(crate) async fn get_deployment(cx: Ctx, input: GetDeploymentInput) -> Result<Shown> {
    let id = &input.deployment_id;
    let found =
        Part { table: &DEPLOYMENTS, api_id: &input.rest_api_id, id, what: "Deployment" }.get(&cx).await?;
    let summarised = input.embed.iter().flatten().any(|one| one == "apisummary");
    Ok(found.shown(id, summarised))
}

pub(crate) async fn get_deployments(cx: Ctx, input: GetDeploymentsInput) -> Result<GetDeploymentsOutput> {
    let page = (input.limit, input.position.as_deref());
    let (rows, position) = list(&cx, &DEPLOYMENTS, &input.rest_api_id, page).await?;
    let items = rows.iter().map(|(key, deployment)| deployment.shown(&key.3, false)).collect();
    Ok(GetDeploymentsOutput { items: Some(items), position })
}

pub(crate) async fn update_deployment(cx: Ctx, input: UpdateDeploymentInput) -> Result<Shown> {
    let id = &input.deployment_id;
    let part = Part { table: &DEPLOYMENTS, api_id: &input.rest_api_id, id, what: "Deployment" };
    let changed = part
        .patch(&cx, input.patch_operations, |deployment, patch| match patch.segments()[..] {
            ["description"] => Ok(Deployment { description: patch.optional(), ..deployment }),
            _ => Err(patch.invalid()),
        })
        .await?;
    Ok(changed.shown(id, false))
}

pub(crate) async fn delete_deployment(cx: Ctx, input: DeleteDeploymentInput) -> Result<()> {
    let id = &input.deployment_id;
    let deployment = Part { table: &DEPLOYMENTS, api_id: &input.rest_api_id, id, what: "Deployment" };
    cx.kv
        .transact(|tx| {
            let (api, _) = deployment.find(&cx, tx)?;
            let stages = STAGES.all(tx, &Span::prefix(&api))?;
            if stages.iter().any(|(_, stage)| stage.deployments().any(|own| own == id)) {
                return Err(bad_request(
                    "Active stages pointing to this deployment must be moved or deleted",
                ));
            }
            Ok(DEPLOYMENTS.delete(tx, &part(&api, id))?)
        })
        .await
}
