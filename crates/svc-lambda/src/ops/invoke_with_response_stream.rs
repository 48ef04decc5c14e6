//! `InvokeWithResponseStream`: runs a function and passes on what it writes, as it writes it.

use api_lambda::{
    InvocationType, InvokeResponseStreamUpdate, InvokeWithResponseStreamCompleteEvent,
    InvokeWithResponseStreamInput, InvokeWithResponseStreamOutput, InvokeWithResponseStreamResponseEvent,
    LogType, ResponseStreamingInvocationType,
};
use aws_wire::{EventStream, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use execution::{AnswerStream, Outcome, Streamed};
use futures_util::stream;

use crate::Ctx;
use crate::ops::invoke::{check_payload, decode_client_context, invocation, not_found_of_latest, refused};
use crate::policy;
use crate::settings;
use crate::trace::Trace;

pub(crate) async fn invoke_with_response_stream(
    cx: Ctx,
    input: InvokeWithResponseStreamInput,
) -> Result<InvokeWithResponseStreamOutput> {
    let name = policy::named(&cx, "InvokeFunction", &input.function_name, input.qualifier.as_deref()).await?;
    settings::refuse_asked("InvokeWithResponseStream", &[("TenantId", input.tenant_id.is_some())])?;
    let payload = check_payload(input.payload.unwrap_or_default(), InvocationType::RequestResponse)?;
    let client_context = input.client_context.as_deref().map(decode_client_context).transpose()?;
    let target =
        cx.state.versions.get(&cx, &name).await.map_err(|error| not_found_of_latest(error, &name))?;
    if input.invocation_type == Some(ResponseStreamingInvocationType::DryRun) {
        let status_code = Some(204);
        return Ok(InvokeWithResponseStreamOutput {
            status_code,
            ..InvokeWithResponseStreamOutput::default()
        });
    }
    let trace = Trace::of(&cx);
    let invocation = invocation(&cx, &name, &target, payload, client_context, &trace).await?;

    let version = target.pick(&cx.env);
    let streamed = cx.state.pools.stream(version, invocation).await.map_err(refused)?;

    Ok(InvokeWithResponseStreamOutput {
        status_code: Some(200),
        executed_version: Some(version.version.clone()),
        event_stream: Some(events(streamed, input.log_type == Some(LogType::Tail))),
        // AWS gives the content type of the stream itself here, which the wire sets.
        response_stream_content_type: None,
    })
}

/// What is still to be told.
enum Rest {
    Whole(Outcome),
    Begun(AnswerStream),
    End(Outcome),
    Nothing,
}

fn events(streamed: Streamed, wants_log: bool) -> EventStream<InvokeWithResponseStreamResponseEvent> {
    let rest = match streamed {
        Streamed::Whole(outcome) => Rest::Whole(outcome),
        Streamed::Begun(answer) => Rest::Begun(answer),
    };
    EventStream::new(stream::unfold(rest, move |rest| async move {
        Some(match rest {
            Rest::Whole(mut outcome) if !outcome.failed && !outcome.payload.is_empty() => {
                (chunk(std::mem::take(&mut outcome.payload)), Rest::End(outcome))
            }
            Rest::Begun(mut answer) => match answer.next().await {
                Some(bytes) => (chunk(bytes), Rest::Begun(answer)),
                None => (complete(&answer.outcome().await, wants_log), Rest::Nothing),
            },
            Rest::Whole(outcome) | Rest::End(outcome) => (complete(&outcome, wants_log), Rest::Nothing),
            Rest::Nothing => return None,
        })
    }))
}

fn chunk(bytes: Bytes) -> InvokeWithResponseStreamResponseEvent {
    let update = InvokeResponseStreamUpdate { payload: Some(bytes) };
    InvokeWithResponseStreamResponseEvent { payload_chunk: Some(update), invoke_complete: None }
}

fn complete(outcome: &Outcome, wants_log: bool) -> InvokeWithResponseStreamResponseEvent {
    let details = outcome.failed.then(|| String::from_utf8_lossy(&outcome.payload).into_owned());
    let complete = InvokeWithResponseStreamCompleteEvent {
        error_code: outcome.failed.then(|| "Unhandled".to_owned()),
        error_details: details,
        log_result: wants_log.then(|| BASE64.encode(&outcome.log_tail)),
    };
    InvokeWithResponseStreamResponseEvent { payload_chunk: None, invoke_complete: Some(complete) }
}
