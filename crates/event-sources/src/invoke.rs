//! A function invoked with a batch, and what came of it.

use api_lambda::InvokeInput;
use bytes::Bytes;

use crate::Polled;

/// A function's answer, and a request that had none, may have this many bytes of JSON.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 6 * 1024 * 1024;

/// What mappings show as their last result.
pub(crate) const OK: &str = "OK";
const FAILED: &str = "PROBLEM: Function call failed";
const THROTTLED: &str = "PROBLEM: Function throttled";
const UNAVAILABLE: &str = "PROBLEM: Function could not be invoked";

/// One invocation.
pub(crate) struct Invoked {
    pub request_id: String,
    pub outcome: Outcome,
}

#[derive(Debug)]
pub(crate) enum Outcome {
    Answered {
        payload: Bytes,
        executed_version: Option<String>,
    },
    /// The function failed, or refused what it was sent.
    Failed {
        executed_version: Option<String>,
    },
    /// It was not run; the same may work later.
    NotRun,
    /// It was not run, for the records come from itself by way of others.
    Recursive,
}

/// Invokes the mapping's function with an event and waits for its answer. `trace` is the records' own, if they have one.
pub(crate) async fn invoke(polled: &Polled, event: Bytes, trace: Option<&str>) -> Invoked {
    let request_id = polled.cx.env.uuid().to_string();
    let cx = polled.cx.clone().with_request_id(request_id.as_str().into()).with_trace(trace.map(Into::into));
    let input = InvokeInput {
        function_name: polled.mapping.function_arn.clone(),
        payload: Some(event),
        ..InvokeInput::default()
    };
    let outcome = match cx.call(input).await {
        Ok(answer) if answer.function_error.is_some() => {
            Outcome::Failed { executed_version: answer.executed_version }
        }
        Ok(answer) => Outcome::Answered {
            payload: answer.payload.unwrap_or_default(),
            executed_version: answer.executed_version,
        },
        Err(error) if error.code == "RecursiveInvocationException" => Outcome::Recursive,
        Err(error) if matches!(error.status, 400 | 413) => {
            tracing::warn!(%error, mapping = polled.mapping.uuid, "a function refused a batch");
            Outcome::Failed { executed_version: None }
        }
        Err(error) => {
            tracing::debug!(%error, mapping = polled.mapping.uuid, "a batch can't be handed to its function now");
            let throttled = error.status == 429;
            polled.results.tell(&polled.mapping.uuid, if throttled { THROTTLED } else { UNAVAILABLE });
            return Invoked { request_id, outcome: Outcome::NotRun };
        }
    };
    let answered = matches!(outcome, Outcome::Answered { .. });
    polled.results.tell(&polled.mapping.uuid, if answered { OK } else { FAILED });
    Invoked { request_id, outcome }
}
