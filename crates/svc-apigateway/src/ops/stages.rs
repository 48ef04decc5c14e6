//! Stages of an API.

use std::collections::BTreeMap;

use api_apigateway::{
    CreateStageInput, DeleteStageInput, GetStageInput, GetStagesInput, GetStagesOutput, Stage as Shown,
    UpdateStageInput, errors,
};
use aws_wire::{AwsError, Result};
use kv::{Read, Span};

use super::Part;
use super::apis::check_unmapped;
use crate::api::{self, FORMAT};
use crate::keys::{DEPLOYMENTS, RootKey, STAGES, part};
use crate::patch::{self, Change};
use crate::refusal::{bad_request, no_part, not_honoured, too_many};
use crate::stage::{self, Canary, Stage};
use crate::{Ctx, tags};

const STAGES_MAX: usize = 10;

/// Whether all that a stage serves is there.
fn is_deployed(reader: &impl Read, api: &RootKey, stage: &Stage) -> Result<bool> {
    for id in stage.deployments() {
        if DEPLOYMENTS.get(reader, &part(api, id))?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

pub(crate) async fn create_stage(cx: Ctx, input: CreateStageInput) -> Result<Shown> {
    not_honoured(
        "CreateStage",
        &[
            ("cacheClusterEnabled", input.cache_cluster_enabled == Some(true)),
            ("cacheClusterSize", input.cache_cluster_size.is_some()),
            (
                "canarySettings useStageCache",
                input.canary_settings.as_ref().is_some_and(|canary| canary.use_stage_cache == Some(true)),
            ),
            ("documentationVersion", input.documentation_version.is_some()),
            ("tracingEnabled", input.tracing_enabled == Some(true)),
        ],
    )?;
    stage::check_name(&input.stage_name)?;
    let now_us = cx.env.now().as_micros();
    let canary = input.canary_settings.map(|given| {
        let canary = Canary {
            deployment: given.deployment_id.unwrap_or_else(|| input.deployment_id.clone()),
            percent: given.percent_traffic.unwrap_or_default(),
            variables: given.stage_variable_overrides.unwrap_or_default(),
        };
        canary.check()
    });
    let stage = Stage {
        format: FORMAT,
        canary: canary.transpose()?,
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
            if !is_deployed(tx, &api, &stage)? {
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
    let wanted = |stage: &Stage| {
        input.deployment_id.as_ref().is_none_or(|id| stage.deployments().any(|own| own == id))
    };
    let stages = stages.filter(|(_, stage)| wanted(stage)).map(|(key, stage)| stage.shown(&key.3));
    Ok(GetStagesOutput { item: Some(stages.collect()) })
}

pub(crate) async fn update_stage(cx: Ctx, input: UpdateStageInput) -> Result<Shown> {
    let changes = patch::read_with_copies(input.patch_operations)?;
    let id = &input.stage_name;
    let part_of = Part { table: &STAGES, api_id: &input.rest_api_id, id, what: "Stage" };
    let now_us = cx.env.now().as_micros();
    let stage = cx
        .kv
        .transact(|tx| {
            let (api, mut stage) = part_of.find(&cx, tx)?;
            for change in &changes {
                match change {
                    Change::Patch(patch) => stage.patch(patch)?,
                    Change::Copy { from, to } => stage.copy(from, to)?,
                }
            }
            if !is_deployed(tx, &api, &stage)? {
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
    let stage = Part { table: &STAGES, api_id: &input.rest_api_id, id, what: "Stage" };
    cx.kv
        .transact(|tx| {
            let (api, _) = stage.find(&cx, tx)?;
            check_unmapped(tx, &api, Some(id))?;
            Ok::<_, AwsError>(STAGES.delete(tx, &part(&api, id))?)
        })
        .await?;
    cx.state.verdicts.forget(&input.rest_api_id, id);
    Ok(())
}
