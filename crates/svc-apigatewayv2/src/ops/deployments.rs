//! Deployments of an API.

use api_apigatewayv2::{
    CreateDeploymentInput, CreateDeploymentOutput, DeleteDeploymentInput, GetDeploymentInput,
    GetDeploymentOutput, GetDeploymentsInput, GetDeploymentsOutput, UpdateDeploymentInput,
    UpdateDeploymentOutput,
};
use aws_wire::{AwsError, Result};
use kv::{Read, Span};

use super::recast;
use crate::deployment::{self, Deployment};
use crate::keys::{ApiKey, DEPLOYMENTS, STAGES, part};
use crate::refusal::{bad_request, no_part};
use crate::{Ctx, api, page};

pub(crate) async fn create_deployment(
    cx: Ctx,
    input: CreateDeploymentInput,
) -> Result<CreateDeploymentOutput> {
    let (now, id) = (cx.env.now(), deployment::new_id(&cx.env));
    let deployment = cx
        .kv
        .transact(|tx| {
            let (api, _) = api::find(&cx, tx, &input.api_id)?;
            let deployment = Deployment::of(tx, &api, input.description.clone(), now)?;
            if deployment.routes.is_empty() {
                return Err(bad_request("At least one route is required before deploying the Api."));
            }
            if let Some(name) = &input.stage_name {
                let key = part(&api, name);
                let mut stage = STAGES.get(tx, &key)?.ok_or_else(|| no_part("stage", name))?;
                if stage.auto_deploy {
                    return Err(bad_request(format!(
                        "Deployment cannot be created for stage {name} because it has auto-deploy enabled"
                    )));
                }
                stage.deployment = Some(id.clone());
                stage.updated_us = now.as_micros();
                STAGES.put(tx, &key, &stage)?;
            }
            DEPLOYMENTS.put(tx, &part(&api, &id), &deployment)?;
            deployment::forget_unserved(tx, &api)?;
            Ok(deployment)
        })
        .await?;
    Ok(recast(deployment.shown(&id)))
}

fn find(tx: &impl Read, api: &ApiKey, id: &str) -> Result<Deployment> {
    DEPLOYMENTS.get(tx, &part(api, id))?.ok_or_else(|| no_part("Deployment", id))
}

pub(crate) async fn get_deployment(cx: Ctx, input: GetDeploymentInput) -> Result<GetDeploymentOutput> {
    let snapshot = cx.kv.snapshot().await?;
    let (api, _) = api::find(&cx, &snapshot, &input.api_id)?;
    Ok(recast(find(&snapshot, &api, &input.deployment_id)?.shown(&input.deployment_id)))
}

pub(crate) async fn get_deployments(cx: Ctx, input: GetDeploymentsInput) -> Result<GetDeploymentsOutput> {
    let snapshot = cx.kv.snapshot().await?;
    let (api, _) = api::find(&cx, &snapshot, &input.api_id)?;
    let page = (input.max_results.as_deref(), input.next_token.as_deref());
    let (rows, next_token) =
        page::rows(&snapshot, &DEPLOYMENTS, Span::prefix(&api), page, |id| part(&api, id), |key| &key.3)?;
    let items = rows.iter().map(|(key, deployment)| deployment.shown(&key.3)).collect();
    Ok(GetDeploymentsOutput { items: Some(items), next_token })
}

pub(crate) async fn update_deployment(
    cx: Ctx,
    input: UpdateDeploymentInput,
) -> Result<UpdateDeploymentOutput> {
    let deployment = cx
        .kv
        .transact(|tx| {
            let (api, _) = api::find(&cx, tx, &input.api_id)?;
            let mut deployment = find(tx, &api, &input.deployment_id)?;
            if input.description.is_some() {
                deployment.description.clone_from(&input.description);
            }
            DEPLOYMENTS.put(tx, &part(&api, &input.deployment_id), &deployment)?;
            Ok::<_, AwsError>(deployment)
        })
        .await?;
    Ok(recast(deployment.shown(&input.deployment_id)))
}

pub(crate) async fn delete_deployment(cx: Ctx, input: DeleteDeploymentInput) -> Result<()> {
    cx.kv
        .transact(|tx| {
            let (api, _) = api::find(&cx, tx, &input.api_id)?;
            find(tx, &api, &input.deployment_id)?;
            let stages = STAGES.all(tx, &Span::prefix(&api))?;
            if stages.iter().any(|(_, stage)| stage.deployment.as_ref() == Some(&input.deployment_id)) {
                return Err(bad_request(
                    "Active stages pointing to this deployment must be moved or deleted",
                ));
            }
            Ok(DEPLOYMENTS.delete(tx, &part(&api, &input.deployment_id))?)
        })
        .await
}
