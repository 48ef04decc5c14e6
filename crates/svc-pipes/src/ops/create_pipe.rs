//! `CreatePipe`: stores a pipe; its polling begins beside the request.

use api_pipes::{CreatePipeInput, CreatePipeOutput};
use aws_wire::{AwsError, Result};

use crate::keys::PIPES;
use crate::pipe::{self, Desired, Pipe, State};
use crate::{Ctx, enrichment, source, tags, target};

const OPERATION: &str = "CreatePipe";

pub(crate) async fn create_pipe(cx: Ctx, input: CreatePipeInput) -> Result<CreatePipeOutput> {
    super::update_pipe::refuse_unserved(
        OPERATION,
        input.log_configuration.is_some(),
        input.kms_key_identifier.as_deref(),
    )?;
    let key = pipe::key(&cx, &input.name);
    pipe::check_role(&cx, &input.role_arn)?;
    let kind = source::kind(OPERATION, &input.source)?;
    let settings = source::settings(kind, &input.source, input.source_parameters)?;
    let enrichment = enrichment::check(&cx, OPERATION, input.enrichment, input.enrichment_parameters).await?;
    let target = target::check(&cx, OPERATION, input.target, input.target_parameters).await?;
    let tags = input.tags.unwrap_or_default();
    tags::check(&tags)?;
    let now_ms = cx.env.now().as_millis();
    let pipe = Pipe {
        id: cx.env.uuid().to_string(),
        description: input.description,
        desired: Desired::of(input.desired_state).unwrap_or(Desired::Running),
        state: State::Creating,
        reason: None,
        kind,
        source: input.source,
        settings,
        enrichment,
        target,
        role: input.role_arn,
        created_ms: now_ms,
        modified_ms: now_ms,
        tags,
    };
    cx.kv
        .transact(|tx| match PIPES.get(tx, &key)? {
            Some(_) => Err(pipe::conflict(&key.2, &format!("Pipe {} already exists.", key.2))),
            None => Ok::<_, AwsError>(PIPES.put(tx, &key, &pipe)?),
        })
        .await?;
    cx.state.changes.tell(key.clone()).await?;
    Ok(CreatePipeOutput {
        arn: Some(pipe::arn(&key)),
        name: Some(key.2),
        desired_state: Some(pipe.desired.shown()),
        current_state: Some(pipe.state.shown()),
        creation_time: pipe.created(),
        last_modified_time: pipe.modified(),
    })
}
