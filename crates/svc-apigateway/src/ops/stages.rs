//! Stages of an API.

use std::collections::BTreeMap;

use api_apigateway::{
    CreateStageInput, DeleteStageInput, GetStageInput, GetStagesInput, GetStagesOutput, Stage as Shown,
    UpdateStageInput, errors,
};
use aws_wire::{AwsError, Result};
use kv::Span;

use super::Part;
use crate::api::{self, FORMAT};
use crate::keys::{DEPLOYMENTS, STAGES, part};
use crate::refusal::{bad_request, no_part, not_honoured, too_many};
use crate::stage::{self, Stage};
use crate::{Ctx, patch, tags};

const STAGES_MAX: usize = 10;

pub(crate) async fn create_stage(cx: Ctx, input: CreateStageInput) -> Result<Shown> {
    not_honoured(
        "CreateStage",
        &[
            ("cacheClusterEnabled", input.cache_cluster_enabled == Some(true)),
            ("cacheClusterSize", input.cache_cluster_size.is_some()),
            ("canarySettings", input.canary_settings.is_some()),
            ("documentationVersion", input.documentation_version.is_some()),
            ("tracingEnabled", input.tracing_enabled == Some(true)),
        ],
    )?;
    stage::check_name(&input.stage_name)?;
    let now_us = cx.env.now().as_micros();
    let stage = Stage {
        format: FORMAT,
        deployment: input.deployment_id,
        description: input.description,
        variables: input.variables.unwrap_or_default(),
        limits: BTreeMap::new(),
        tags: input.tags.unwrap_or_default(),
        created_us: now_us,
        updated_us: now_us,
    };
    stage::check_variables(&stage.variables)?;
    tags::check(&stage.tags)?;
    cx.kv
        .transact(|tx| {
            let (api, _) = api::find(&cx, tx, &input.rest_api_id)?;
            if DEPLOYMENTS.get(tx, &part(&api, &stage.deployment))?.is_none() {
                return Err(bad_request("Deployment id does not exist"));
            }
            if STAGES.get(tx, &part(&api, &input.stage_name))?.is_some() {
                return Err(errors::conflict_exception("Stage already exists"));
            }
            if STAGES.all(tx, &Span::prefix(&api))?.len() >= STAGES_MAX {
                return Err(too_many("stages"));
            }
            Ok(STAGES.put(tx, &part(&api, &input.stage_name), &stage)?)
        })
        .await?;
    Ok(stage.shown(&input.stage_name))
}

pub(crate) async fn get_stage(cx: Ctx, input: GetStageInput) -> Result<Shown> {
    let id = &input.stage_name;
    Ok(Part { table: &STAGES, api_id: &input.rest_api_id, id, what: "Stage" }.get(&cx).await?.shown(id))
}

pub(crate) async fn get_stages(cx: Ctx, input: GetStagesInput) -> Result<GetStagesOutput> {
    let snapshot = cx.kv.snapshot().await?;
    let (api, _) = api::find(&cx, &snapshot, &input.rest_api_id)?;
    let stages = STAGES.all(&snapshot, &Span::prefix(&api))?.into_iter();
    let wanted = |stage: &Stage| input.deployment_id.as_ref().is_none_or(|id| stage.deployment == *id);
    let stages = stages.filter(|(_, stage)| wanted(stage)).map(|(key, stage)| stage.shown(&key.3));
    Ok(GetStagesOutput { item: Some(stages.collect()) })
}

pub(crate) async fn update_stage(cx: Ctx, input: UpdateStageInput) -> Result<Shown> {
    let patches = patch::read(input.patch_operations)?;
    let id = &input.stage_name;
    let part_of = Part { table: &STAGES, api_id: &input.rest_api_id, id, what: "Stage" };
    let now_us = cx.env.now().as_micros();
    let stage = cx
        .kv
        .transact(|tx| {
            let (api, mut stage) = part_of.find(&cx, tx)?;
            patches.iter().try_for_each(|patch| stage.patch(patch))?;
            if DEPLOYMENTS.get(tx, &part(&api, &stage.deployment))?.is_none() {
                return Err(no_part("Deployment"));
            }
            stage.updated_us = now_us;
            STAGES.put(tx, &part(&api, id), &stage)?;
            Ok::<_, AwsError>(stage)
        })
        .await?;
    Ok(stage.shown(id))
}

pub(crate) async fn delete_stage(cx: Ctx, input: DeleteStageInput) -> Result<()> {
    let id = &input.stage_name;
    Part { table: &STAGES, api_id: &input.rest_api_id, id, what: "Stage" }.delete(&cx).await?;
    cx.state.verdicts.forget(&input.rest_api_id, id);
    Ok(())
}
