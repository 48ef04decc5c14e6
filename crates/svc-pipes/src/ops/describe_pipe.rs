//! `DescribePipe`

use api_pipes::{DescribePipeInput, DescribePipeOutput};
use aws_wire::Result;

use crate::enrichment::Enrichment;
use crate::{Ctx, pipe, source};

pub(crate) async fn describe_pipe(cx: Ctx, input: DescribePipeInput) -> Result<DescribePipeOutput> {
    let key = pipe::key(&cx, &input.name);
    let pipe = pipe::find(&cx.kv.snapshot().await?, &key)?;
    let (enrichment, enrichment_parameters) = Enrichment::shown(pipe.enrichment.as_ref());
    Ok(DescribePipeOutput {
        arn: Some(pipe::arn(&key)),
        name: Some(key.2),
        desired_state: Some(pipe.desired_shown()),
        current_state: Some(pipe.state.shown()),
        creation_time: pipe.created(),
        last_modified_time: pipe.modified(),
        source_parameters: Some(source::shown(pipe.kind, &pipe.settings)),
        target_parameters: Some(pipe.target.shown()),
        description: pipe.description,
        state_reason: pipe.reason,
        source: Some(pipe.source),
        enrichment,
        enrichment_parameters,
        target: Some(pipe.target.arn),
        role_arn: Some(pipe.role),
        tags: Some(pipe.tags).filter(|tags| !tags.is_empty()),
        log_configuration: None,
        kms_key_identifier: None,
    })
}
