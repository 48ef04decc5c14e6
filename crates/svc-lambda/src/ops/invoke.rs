//! `Invoke`: runs a function and answers what it returned.

use std::sync::Arc;

use api_lambda::{InvocationType, InvokeInput, InvokeOutput, LogType, errors};
use aws_wire::{AwsError, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use execution::{Invocation, PAYLOAD_BYTES_MAX, Refused, RestoreFailure, Throttled};

use crate::Ctx;
use crate::asynchronous::{self, EVENT_BYTES_MAX, config};
use crate::name::{FunctionName, LATEST};
use crate::policy;
use crate::segments;
use crate::settings;
use crate::trace::Trace;
use crate::versions::Target;

/// Of the base64 text.
const CLIENT_CONTEXT_BYTES_MAX: usize = 3583;

pub(crate) async fn invoke(cx: Ctx, input: InvokeInput) -> Result<InvokeOutput> {
    let name = policy::named(&cx, "InvokeFunction", &input.function_name, input.qualifier.as_deref()).await?;
    let invocation_type = input.invocation_type.unwrap_or(InvocationType::RequestResponse);
    settings::refuse_asked(
        "Invoke",
        &[
            ("DurableExecutionName", input.durable_execution_name.is_some()),
            ("TenantId", input.tenant_id.is_some()),
        ],
    )?;
    let payload = check_payload(input.payload.unwrap_or_default(), invocation_type)?;
    let client_context = input.client_context.as_deref().map(decode_client_context).transpose()?;
    let target =
        cx.state.versions.get(&cx, &name).await.map_err(|error| not_found_of_latest(error, &name))?;
    if invocation_type == InvocationType::DryRun {
        return Ok(InvokeOutput { status_code: Some(204), ..InvokeOutput::default() });
    }
    let trace = Trace::of(&cx);
    if invocation_type == InvocationType::Event {
        Box::pin(asynchronous::accept(&cx, &name, &cx.request_id, &payload, &trace)).await?;
        return Ok(InvokeOutput { status_code: Some(202), ..InvokeOutput::default() });
    }
    let invocation = invocation(&cx, &name, &target, payload, client_context, &trace).await?;

    let version = target.pick(&cx.env);
    let outcome = cx.state.pools.invoke(version, invocation).await.map_err(refused)?;

    let wants_log = input.log_type == Some(LogType::Tail);
    Ok(InvokeOutput {
        status_code: Some(200),
        function_error: outcome.failed.then(|| "Unhandled".to_owned()),
        log_result: wants_log.then(|| BASE64.encode(&outcome.log_tail)),
        payload: Some(outcome.payload),
        executed_version: Some(version.version.clone()),
        durable_execution_arn: None,
    })
}

/// What a function is called with by somebody who waits for its answer.
///
/// # Errors
/// 400 for a chain that has passed the function too often.
pub(crate) async fn invocation(
    cx: &Ctx,
    name: &FunctionName,
    target: &Target,
    payload: Bytes,
    client_context: Option<String>,
    trace: &Trace,
) -> Result<Invocation> {
    if config::is_loop(cx, name, trace).await? {
        return Err(errors::recursive_invocation_exception(
            "Lambda has detected your function being invoked in a recursive loop with other AWS resources and stopped \
             your function's invocation.",
        ));
    }
    let (trace_id, sampled) = segments::enter(&cx.env, trace, &target.sampler, &name.arn());
    Ok(Invocation {
        request_id: Arc::clone(&cx.request_id),
        invoked_function_arn: name.qualified_arn(),
        payload,
        client_context,
        trace_id: Some(trace_id),
        sink: None,
        sampled,
    })
}

/// An invoke of a function that is missing names the version it would have run.
pub(crate) fn not_found_of_latest(error: AwsError, name: &FunctionName) -> AwsError {
    if error.status == 404 && name.qualifier.is_none() {
        return errors::resource_not_found_exception(format!("Function not found: {}:{LATEST}", name.arn()));
    }
    error
}

pub(crate) fn check_payload(payload: Bytes, invocation_type: InvocationType) -> Result<Bytes> {
    match invocation_type {
        InvocationType::Event => asynchronous::check_size(&payload, "Event", EVENT_BYTES_MAX)?,
        _ => asynchronous::check_size(&payload, "RequestResponse", PAYLOAD_BYTES_MAX)?,
    }
    check_json(payload)
}

/// # Errors
/// 400 for what is no JSON.
pub(super) fn check_json(payload: Bytes) -> Result<Bytes> {
    if payload.is_empty() {
        return Ok(Bytes::from_static(b"{}"));
    }
    match serde_json::from_slice::<serde::de::IgnoredAny>(&payload) {
        Ok(_) => Ok(payload),
        Err(error) => Err(errors::invalid_request_content_exception(format!(
            "Could not parse request body into json: Could not parse payload into json: {error}"
        ))),
    }
}

pub(crate) fn decode_client_context(text: &str) -> Result<String> {
    if text.len() > CLIENT_CONTEXT_BYTES_MAX {
        return Err(errors::invalid_request_content_exception(format!(
            "Client context must be no more than {CLIENT_CONTEXT_BYTES_MAX} bytes in size."
        )));
    }
    let decoded = BASE64.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let json = decoded.filter(|text| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok());
    json.ok_or_else(|| {
        errors::invalid_request_content_exception(
            "Client context must be a valid Base64-encoded JSON object.",
        )
    })
}

pub(crate) fn refused(refused: Refused) -> AwsError {
    match refused {
        Refused::Throttled(Throttled(reason)) => errors::too_many_requests_exception("Rate Exceeded.")
            .with("Reason", reason.as_str())
            .with("retryAfterSeconds", "1"),
        Refused::Sandbox(cause) => {
            errors::service_exception("The execution environment could not be started.").because(cause)
        }
        Refused::Restore(RestoreFailure::TimedOut) => errors::snap_start_timeout_exception(
            "Lambda couldn't restore the snapshot within the timeout limit.",
        ),
        Refused::Restore(RestoreFailure::Failed(error_type)) => errors::snap_start_exception(
            "The afterRestore() runtime hook encountered an error. For more information, check the Amazon CloudWatch \
             logs.",
        )
        .because(error_type),
    }
}
