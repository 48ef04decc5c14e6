//! What ends an invocation: its last lines in the log, and what its caller gets.

use std::time::Duration;

use env::Timestamp;

use crate::dates::iso8601;
use crate::environment::InitFailure;
use crate::invocation::{Failure, Invocation, Outcome};
use crate::output::Output;
use crate::platform_event::PlatformEvent;
use crate::report::Report;
use crate::version::Version;

/// The outcome of an invocation whose INIT failed twice.
pub(crate) fn failed_in_init(
    version: &Version,
    failed: &InitFailure,
    invocation: &Invocation,
    duration: Duration,
    now: Timestamp,
) -> Outcome {
    let request_id = &*invocation.request_id;
    let payload = failed.failure.payload(request_id);
    let error_type = Some(failed.failure.error_type().to_owned());
    let Some(output) = &failed.output else {
        return Outcome { payload, failed: true, error_type, log_tail: Vec::new() };
    };
    let mut output = output.lock().expect("no panic while held");
    let trace_id = invocation.trace_id.as_deref();
    output.tell(&PlatformEvent::Start { request_id, version: &version.version, trace_id });
    let failure = Some(&failed.failure);
    let report = Report {
        request_id,
        trace_id,
        duration,
        init: None,
        restore: None,
        memory_mb: version.memory_mb,
        memory_used_bytes: None,
        failure,
    };
    close(&mut output, &report, now);
    Outcome { payload, failed: true, error_type, log_tail: output.tail() }
}

/// Writes an invocation's last lines.
pub(crate) fn close(output: &mut Output, report: &Report<'_>, now: Timestamp) {
    let request_id = report.request_id;
    match report.failure {
        Some(failure @ Failure::TimedOut { .. }) => {
            let at = iso8601(now);
            output.say(format!("{at} {request_id} {}", failure.message().unwrap_or_default()));
        }
        Some(failure) => {
            if let Some(message) = failure.message() {
                output.say(format!("RequestId: {request_id} Error: {message}"));
                output.say(failure.error_type().to_owned());
            }
        }
        None => {}
    }
    output.tell(&PlatformEvent::Report(report));
}
