//! The platform's own log lines, to the letter: log scrapers and power tuning match on them.

use std::fmt::Write as _;
use std::time::Duration;

use crate::{Failure, RestoreFailure, Version};

/// What REPORT tells of an invocation.
pub(crate) struct Report<'a> {
    pub request_id: &'a str,
    pub trace_id: Option<&'a str>,
    pub duration: Duration,
    /// Set on a cold start.
    pub init: Option<Duration>,
    /// Set on a start from a snapshot.
    pub restore: Option<Duration>,
    pub memory_mb: u32,
    pub memory_used_bytes: Option<u64>,
    pub failure: Option<&'a Failure>,
}

impl Report<'_> {
    /// INIT is billed since August 2025: a cold start's bill is the sum, rounded up once.
    pub(crate) fn billed_ms(&self) -> u64 {
        let whole = self.duration + self.init.unwrap_or_default();
        u64::try_from(whole.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
    }

    pub(crate) fn memory_used_mb(&self) -> Option<u64> {
        let used = self.memory_used_bytes?.div_ceil(1024 * 1024);
        Some(used.min(u64::from(self.memory_mb)))
    }
}

pub(crate) fn init_start(version: &Version) -> String {
    starting("INIT_START", version)
}

pub(crate) fn restore_start(version: &Version) -> String {
    starting("RESTORE_START", version)
}

fn starting(what: &str, version: &Version) -> String {
    let region = &version.region;
    let running = version.interpreter.version_text();
    let mut line = format!(
        "{what} Runtime Version: {running}\tRuntime Version ARN: arn:aws:lambda:{region}::runtime:{running}"
    );
    if let Some(substitution) = &version.substitution {
        let _ = write!(line, "\t{substitution}");
    }
    line
}

pub(crate) fn start(request_id: &str, version: &str) -> String {
    format!("START RequestId: {request_id} Version: {version}")
}

pub(crate) fn end(request_id: &str) -> String {
    format!("END RequestId: {request_id}")
}

/// The line of an INIT that failed, or ran ahead; `phase` is `init`, or `invoke` when it was repeated for an
/// invocation.
pub(crate) fn init_report(duration: Duration, phase: &str, failure: Option<&Failure>) -> String {
    let duration = millis(duration);
    let status = match failure {
        None => "success".to_owned(),
        Some(Failure::TimedOut { .. }) => "timeout".to_owned(),
        Some(other) => format!("error\tError Type: {}", other.error_type()),
    };
    format!("INIT_REPORT Init Duration: {duration:.2} ms\tPhase: {phase}\tStatus: {status}")
}

/// Ours: Lambda's own snapshots are of whole machines and always possible.
pub(crate) fn no_snapshot(reason: &str) -> String {
    format!("SnapStart: no snapshot can be taken of this function: {reason}. Each environment runs INIT.")
}

pub(crate) fn restore_report(duration: Duration, failure: Option<&Failure>) -> String {
    let mut line = format!("RESTORE_REPORT Restore Duration: {:.2} ms", millis(duration));
    match failure {
        None => {}
        Some(Failure::Restore(RestoreFailure::TimedOut)) => line.push_str("\tStatus: timeout"),
        Some(failure) => {
            let _ = write!(line, "\tStatus: error\tError Type: {}", failure.error_type());
        }
    }
    line
}

pub(crate) fn report(report: &Report<'_>) -> String {
    let Report { request_id, duration, init, memory_mb, .. } = report;
    let billed = report.billed_ms();
    let duration = millis(*duration);
    let mut line = format!(
        "REPORT RequestId: {request_id}\tDuration: {duration:.2} ms\tBilled Duration: {billed} ms\tMemory Size: {memory_mb} MB\t"
    );
    if let Some(used) = report.memory_used_mb() {
        let _ = write!(line, "Max Memory Used: {used} MB\t");
    }
    if let Some(init) = init {
        let _ = write!(line, "Init Duration: {:.2} ms\t", millis(*init));
    }
    if let Some(restore) = report.restore.map(millis) {
        let billed = restore.ceil();
        let _ = write!(line, "Restore Duration: {restore:.2} ms\tBilled Restore Duration: {billed:.0} ms\t");
    }
    match report.failure {
        Some(Failure::TimedOut { .. }) => line.push_str("Status: timeout"),
        Some(failure) => {
            let _ = write!(line, "Status: error\tError Type: {}", failure.error_type());
        }
        None => {}
    }
    if let Some((root, segment)) = report.trace_id.and_then(kept_trace) {
        let _ = write!(line, "\nXRAY TraceId: {root}\tSegmentId: {segment}\tSampled: true\t");
    }
    line
}

/// The trace and the segment that a header names, if the trace is kept.
fn kept_trace(header: &str) -> Option<(&str, &str)> {
    let field = |name: &str| header.split(';').find_map(|field| field.strip_prefix(name));
    field("Sampled=").filter(|sampled| *sampled == "1")?;
    field("Root=").zip(field("Parent="))
}

pub(crate) fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_awss_to_the_letter() {
        let mut told = Report {
            request_id: "id-1",
            trace_id: None,
            duration: Duration::from_micros(3010),
            init: Some(Duration::from_micros(110_100)),
            restore: None,
            memory_mb: 128,
            memory_used_bytes: Some(36 << 20),
            failure: None,
        };
        assert_eq!(
            report(&told),
            "REPORT RequestId: id-1\tDuration: 3.01 ms\tBilled Duration: 114 ms\tMemory Size: 128 MB\t\
             Max Memory Used: 36 MB\tInit Duration: 110.10 ms\t"
        );
        let failure = Failure::TimedOut { seconds: 3.0 };
        told.init = None;
        told.failure = Some(&failure);
        assert_eq!(
            report(&told),
            "REPORT RequestId: id-1\tDuration: 3.01 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\t\
             Max Memory Used: 36 MB\tStatus: timeout"
        );
        told.failure = None;
        told.restore = Some(Duration::from_micros(342_060));
        assert_eq!(
            report(&told),
            "REPORT RequestId: id-1\tDuration: 3.01 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\t\
             Max Memory Used: 36 MB\tRestore Duration: 342.06 ms\tBilled Restore Duration: 343 ms\t"
        );
        assert_eq!(
            restore_report(Duration::from_micros(342_060), None),
            "RESTORE_REPORT Restore Duration: 342.06 ms"
        );
        assert_eq!(
            init_report(Duration::from_micros(10_008_640), "init", Some(&failure)),
            "INIT_REPORT Init Duration: 10008.64 ms\tPhase: init\tStatus: timeout"
        );
        assert_eq!(
            init_report(Duration::from_micros(110_100), "init", None),
            "INIT_REPORT Init Duration: 110.10 ms\tPhase: init\tStatus: success"
        );
    }
}
