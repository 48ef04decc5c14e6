//! One invocation: what goes in, what comes out, and how it can fail.

use std::sync::Arc;

use bytes::Bytes;
use sandbox::Exit;
use serde_json::json;

use crate::limits::RESPONSE_BYTES_MAX;
use crate::segments::Sampled;
use crate::stream::Sink;

/// What a function is called with.
#[derive(Clone, Debug)]
pub struct Invocation {
    pub request_id: Arc<str>,
    /// As the caller named the function, with the qualifier they used.
    pub invoked_function_arn: String,
    pub payload: Bytes,
    /// The caller's client context: JSON, already taken out of its base64.
    pub client_context: Option<String>,
    pub trace_id: Option<String>,
    /// Where the answer goes while it is written; without one it is waited for as a whole. Set by [`Pools::stream`].
    ///
    /// [`Pools::stream`]: crate::Pools::stream
    pub sink: Option<Sink>,
    /// Set where the trace is kept.
    pub sampled: Option<Sampled>,
}

/// What became of an invocation that reached its function.
#[derive(Debug)]
pub struct Outcome {
    pub payload: Bytes,
    /// Whether the function, or its runtime, failed; `payload` then describes it.
    pub failed: bool,
    /// AWS's name for the failure, or the function's own.
    pub error_type: Option<String>,
    /// The last of the invocation's log.
    pub log_tail: Vec<u8>,
}

/// Why a function gave no answer of its own.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// The function or its runtime reported this error, as the JSON it posted.
    Reported {
        error_type: String,
        payload: Bytes,
    },
    TimedOut {
        seconds: f64,
    },
    Exited(Exit),
    ResponseTooLarge,
    /// A streamed answer went beyond this bound.
    StreamTooLarge {
        bytes_max: u64,
    },
    /// A streamed answer broke off.
    Truncated,
    /// `provided.*` without a `bootstrap`.
    NoBootstrap,
    /// An extension gave up or ended; the invocation, or INIT, with it.
    Extension {
        /// `Extension.Crash` and the like.
        error_type: &'static str,
        message: String,
    },
    /// An image without the program that it is to be started with.
    InvalidEntrypoint(String),
    InvalidWorkingDir(String),
    /// Ours: no sandbox could be made.
    Sandbox(String),
    Restore(RestoreFailure),
}

/// Why an environment could not be started from its snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RestoreFailure {
    TimedOut,
    /// A hook failed, or the runtime ended: AWS's name for what happened.
    Failed(String),
}

impl Failure {
    /// AWS's name for the failure, as REPORT lines give it.
    pub fn error_type(&self) -> &str {
        match self {
            Self::Reported { error_type, .. } => error_type,
            Self::TimedOut { .. } => "Sandbox.Timedout",
            Self::Exited(Exit::OutOfMemory) => "Runtime.OutOfMemory",
            Self::Exited(_) => "Runtime.ExitError",
            Self::ResponseTooLarge | Self::StreamTooLarge { .. } => "Function.ResponseSizeTooLarge",
            Self::Truncated => "Runtime.TruncatedResponse",
            Self::NoBootstrap | Self::InvalidEntrypoint(_) => "Runtime.InvalidEntrypoint",
            Self::Extension { error_type, .. } => error_type,
            Self::InvalidWorkingDir(_) => "Runtime.InvalidWorkingDir",
            Self::Sandbox(_) => "Sandbox.Failure",
            Self::Restore(RestoreFailure::TimedOut) => "Sandbox.Timedout",
            Self::Restore(RestoreFailure::Failed(error_type)) => error_type,
        }
    }

    /// Whether the environment can't go on after it.
    pub(crate) fn is_fatal(&self) -> bool {
        !matches!(self, Self::Reported { .. } | Self::ResponseTooLarge)
    }

    /// AWS's words for the failure; `None` when the function gave its own.
    pub fn message(&self) -> Option<String> {
        Some(match self {
            Self::Reported { .. } => return None,
            Self::TimedOut { seconds } => format!("Task timed out after {seconds:.2} seconds"),
            Self::Exited(Exit::Code(0)) => "Runtime exited without providing a reason".to_owned(),
            Self::Exited(Exit::Code(code)) => format!("Runtime exited with error: exit status {code}"),
            Self::Exited(Exit::Signal(signal)) => {
                format!("Runtime exited with error: signal: {}", signal_name(*signal))
            }
            Self::Exited(Exit::OutOfMemory) => "Runtime exited with error: signal: killed".to_owned(),
            Self::ResponseTooLarge => {
                format!(
                    "Response payload size exceeded maximum allowed payload size ({RESPONSE_BYTES_MAX} bytes)."
                )
            }
            Self::StreamTooLarge { bytes_max } => {
                format!("Response payload size exceeded maximum allowed payload size ({bytes_max} bytes).")
            }
            Self::Truncated => "Runtime ended its response before it was complete".to_owned(),
            Self::NoBootstrap => {
                "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]".to_owned()
            }
            Self::Extension { message, .. } => message.clone(),
            Self::InvalidEntrypoint(why) | Self::InvalidWorkingDir(why) => why.clone(),
            Self::Sandbox(_) => "The execution environment could not be started".to_owned(),
            Self::Restore(_) => "The snapshot could not be restored".to_owned(),
        })
    }

    /// The payload that the caller gets.
    pub fn payload(&self, request_id: &str) -> Bytes {
        let message = match (self, self.message()) {
            (Self::Reported { payload, .. }, _) => return payload.clone(),
            (Self::ResponseTooLarge | Self::StreamTooLarge { .. }, Some(message)) => message,
            (_, message) => format!("RequestId: {request_id} Error: {}", message.unwrap_or_default()),
        };
        json!({ "errorType": self.error_type(), "errorMessage": message }).to_string().into()
    }
}

/// As Go's runtime, in which AWS's supervisor is written, prints a signal.
pub(crate) fn signal_name(signal: i32) -> String {
    match signal {
        1 => "hangup",
        2 => "interrupt",
        3 => "quit",
        4 => "illegal instruction",
        5 => "trace/breakpoint trap",
        6 => "aborted",
        7 => "bus error",
        8 => "floating point exception",
        9 => "killed",
        11 => "segmentation fault",
        13 => "broken pipe",
        14 => "alarm clock",
        15 => "terminated",
        other => return format!("signal {other}"),
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_read_as_awss() {
        let check = |failure: Failure, expected: &str| {
            assert_eq!(failure.payload("id-1"), expected);
        };
        check(
            Failure::TimedOut { seconds: 3.0 },
            r#"{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: id-1 Error: Task timed out after 3.00 seconds"}"#,
        );
        check(
            Failure::Exited(Exit::Code(0)),
            r#"{"errorType":"Runtime.ExitError","errorMessage":"RequestId: id-1 Error: Runtime exited without providing a reason"}"#,
        );
        check(
            Failure::Exited(Exit::Signal(9)),
            r#"{"errorType":"Runtime.ExitError","errorMessage":"RequestId: id-1 Error: Runtime exited with error: signal: killed"}"#,
        );
        check(
            Failure::ResponseTooLarge,
            r#"{"errorType":"Function.ResponseSizeTooLarge","errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes)."}"#,
        );
        check(Failure::Reported { error_type: "E".into(), payload: "{}".into() }, "{}");
    }
}
