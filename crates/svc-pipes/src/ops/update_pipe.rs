//! `UpdatePipe`: source parameters, enrichment and target are replaced where they are given; the source stays.

use api_pipes::{UpdatePipeInput, UpdatePipeOutput};
use aws_wire::{AwsError, Result};

use crate::pipe::{self, Desired, State};
use crate::{Ctx, enrichment, source, target};

const OPERATION: &str = "UpdatePipe";

pub(crate) async fn update_pipe(cx: Ctx, input: UpdatePipeInput) -> Result<UpdatePipeOutput> {
    refuse_unserved(OPERATION, input.log_configuration.is_some(), input.kms_key_identifier.as_deref())?;
    let key = pipe::key(&cx, &input.name);
    let before = pipe::find(&cx.kv.snapshot().await?, &key)?;
    pipe::check_role(&cx, &input.role_arn)?;
    let settings = source::updated(before.kind, &before.source, &before.settings, input.source_parameters)?;
    let enrichment = if input.enrichment.is_some() || input.enrichment_parameters.is_some() {
        let known = || before.enrichment.as_ref().map(|enrichment| enrichment.arn.clone());
        let arn = input.enrichment.or_else(known);
        Some(enrichment::check(&cx, OPERATION, arn, input.enrichment_parameters).await?)
    } else {
        None
    };
    let target = if input.target.is_some() || input.target_parameters.is_some() {
        let arn = input.target.unwrap_or_else(|| before.target.arn.clone());
        let parameters = input.target_parameters.or_else(|| {
            // Another target of the same kind goes on with the parameters.
            let kind = |arn: &str| arn.split(':').nth(2).map(str::to_owned);
            (kind(&arn) == kind(&before.target.arn)).then(|| before.target.shown())
        });
        Some(target::check(&cx, OPERATION, arn, parameters).await?)
    } else {
        None
    };
    let after = pipe::change(&cx, &key, |pipe| {
        pipe.state = State::Updating;
        pipe.settings = settings.clone();
        if let Some(enrichment) = &enrichment {
            pipe.enrichment.clone_from(enrichment);
        }
        if let Some(target) = &target {
            pipe.target = target.clone();
        }
        if input.description.is_some() {
            pipe.description.clone_from(&input.description);
        }
        pipe.desired = Desired::of(input.desired_state).unwrap_or(pipe.desired);
        pipe.role.clone_from(&input.role_arn);
    })
    .await?;
    Ok(UpdatePipeOutput {
        arn: Some(pipe::arn(&key)),
        name: Some(key.2),
        desired_state: Some(after.desired.shown()),
        current_state: Some(after.state.shown()),
        creation_time: after.created(),
        last_modified_time: after.modified(),
    })
}

/// # Errors
/// 501 for what no pipe is served with here.
pub(super) fn refuse_unserved(operation: &str, logs: bool, key: Option<&str>) -> Result<()> {
    if logs {
        return Err(AwsError::parameter_not_implemented(operation, "LogConfiguration"));
    }
    match key.filter(|key| !key.is_empty()) {
        Some(_) => Err(AwsError::parameter_not_implemented(operation, "KmsKeyIdentifier")),
        None => Ok(()),
    }
}
