//! What the platform tells of an environment: as lines of a text log, as records of a JSON log, and as telemetry.

use std::time::Duration;

use serde_json::{Map, Value as Json, json};

use crate::environment::Phase;
use crate::extensions::Occasion;
use crate::invocation::Failure;
use crate::logging::Level;
use crate::report::{self, Report, millis};
use crate::version::Version;

pub(crate) enum PlatformEvent<'a> {
    InitStart {
        version: &'a Version,
        phase: Phase,
        /// The environment's own name.
        instance: &'a str,
    },
    InitRuntimeDone {
        version: &'a Version,
        phase: Phase,
        failure: Option<&'a Failure>,
    },
    InitReport {
        version: &'a Version,
        phase: Phase,
        duration: Duration,
        failure: Option<&'a Failure>,
    },
    RestoreStart {
        version: &'a Version,
        instance: &'a str,
    },
    RestoreReport {
        duration: Duration,
        failure: Option<&'a Failure>,
    },
    /// Ours: a version with SnapStart that can't be copied.
    NoSnapshot {
        reason: &'a str,
    },
    Start {
        request_id: &'a str,
        version: &'a str,
        trace_id: Option<&'a str>,
    },
    RuntimeDone {
        request_id: &'a str,
        trace_id: Option<&'a str>,
        failure: Option<&'a Failure>,
        duration: Duration,
        produced_bytes: usize,
        /// Names, and when each began and how long it took after the invocation's beginning.
        spans: &'a [(&'static str, String, Duration)],
    },
    Report(&'a Report<'a>),
    Extension {
        name: &'a str,
        state: &'a str,
        occasions: &'a [Occasion],
        error_type: Option<&'a str>,
    },
    Subscription {
        name: &'a str,
        /// Of the Logs API, which has another name for it.
        of_logs: bool,
        types: &'a [&'static str],
    },
}

impl PlatformEvent<'_> {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::InitStart { .. } => "platform.initStart",
            Self::InitRuntimeDone { .. } => "platform.initRuntimeDone",
            Self::InitReport { .. } => "platform.initReport",
            Self::RestoreStart { .. } => "platform.restoreStart",
            Self::RestoreReport { .. } => "platform.restoreReport",
            Self::NoSnapshot { .. } => "platform.noSnapshot",
            Self::Start { .. } => "platform.start",
            Self::RuntimeDone { .. } => "platform.runtimeDone",
            Self::Report(_) => "platform.report",
            Self::Extension { .. } => "platform.extension",
            Self::Subscription { of_logs: false, .. } => "platform.telemetrySubscription",
            Self::Subscription { of_logs: true, .. } => "platform.logsSubscription",
        }
    }

    /// How severe it is to a JSON log.
    pub(crate) fn level(&self) -> Level {
        match self {
            Self::InitRuntimeDone { failure: Some(_), .. }
            | Self::InitReport { failure: Some(_), .. }
            | Self::RestoreReport { failure: Some(_), .. }
            | Self::NoSnapshot { .. }
            | Self::RuntimeDone { failure: Some(_), .. }
            | Self::Report(Report { failure: Some(_), .. })
            | Self::Extension { error_type: Some(_), .. } => Level::Warn,
            Self::InitRuntimeDone { .. } | Self::InitReport { .. } | Self::RuntimeDone { .. } => Level::Debug,
            Self::InitStart { .. }
            | Self::RestoreStart { .. }
            | Self::RestoreReport { .. }
            | Self::Start { .. }
            | Self::Report(_)
            | Self::Extension { .. }
            | Self::Subscription { .. } => Level::Info,
        }
    }

    /// The lines that a text log has for it.
    pub(crate) fn lines(&self) -> Vec<String> {
        match self {
            // An INIT that is repeated within an invocation has no line of its own.
            Self::InitStart { phase: Phase::Invoke, .. }
            | Self::InitRuntimeDone { .. }
            | Self::InitReport { phase: Phase::Init | Phase::Invoke, failure: None, .. }
            | Self::RuntimeDone { .. } => Vec::new(),
            Self::InitStart { version, .. } => vec![report::init_start(version)],
            Self::RestoreStart { version, .. } => vec![report::restore_start(version)],
            Self::RestoreReport { duration, failure } => vec![report::restore_report(*duration, *failure)],
            Self::NoSnapshot { reason } => vec![report::no_snapshot(reason)],
            // Of one that ran ahead of all invocations, no REPORT tells.
            Self::InitReport { phase, duration, failure, .. } => {
                vec![report::init_report(*duration, phase.name(), *failure)]
            }
            Self::Start { request_id, version, .. } => vec![report::start(request_id, version)],
            Self::Report(report) => vec![report::end(report.request_id), report::report(report)],
            Self::Extension { name, state, occasions, error_type } => {
                let events = occasions.iter().map(|one| one.name()).collect::<Vec<_>>().join(", ");
                let mut line = format!("EXTENSION\tName: {name}\tState: {state}\tEvents: [{events}]");
                if let Some(error_type) = error_type {
                    line.push_str("\tError Type: ");
                    line.push_str(error_type);
                }
                vec![line]
            }
            Self::Subscription { name, of_logs, types } => {
                let kind = if *of_logs { "LOGS" } else { "TELEMETRY" };
                let types = types.iter().map(|one| capitalised(one)).collect::<Vec<_>>().join(", ");
                vec![format!("{kind}\tName: {name}\tState: Subscribed\tTypes: [{types}]")]
            }
        }
    }

    pub(crate) fn record(&self) -> Json {
        match self {
            Self::InitStart { version, phase, instance } => init_start(version, *phase, instance),
            Self::InitRuntimeDone { version, phase, failure } => with_outcome(
                json!({ "initializationType": initialization_type(version, *phase), "phase": phase.name() }),
                *failure,
                json!({}),
            ),
            Self::RestoreStart { version, instance } => instance_of(version, instance),
            Self::RestoreReport { duration, failure } => {
                with_outcome(json!({}), *failure, json!({ "metrics": { "durationMs": rounded(*duration) } }))
            }
            Self::NoSnapshot { reason } => json!({ "reason": reason }),
            Self::InitReport { version, phase, duration, failure } => with_outcome(
                json!({ "initializationType": initialization_type(version, *phase), "phase": phase.name() }),
                *failure,
                json!({ "metrics": { "durationMs": rounded(*duration) } }),
            ),
            Self::Start { request_id, version, trace_id } => {
                with_trace(json!({ "requestId": request_id, "version": version }), *trace_id)
            }
            Self::RuntimeDone { request_id, trace_id, failure, duration, produced_bytes, spans } => {
                let spans = spans.iter().map(|(name, start, duration)| {
                    json!({ "name": name, "start": start, "durationMs": rounded(*duration) })
                });
                let rest = json!({
                    "metrics": { "durationMs": rounded(*duration), "producedBytes": produced_bytes },
                    "spans": spans.collect::<Vec<_>>(),
                });
                with_trace(with_outcome(json!({ "requestId": request_id }), *failure, rest), *trace_id)
            }
            Self::Report(report) => invocation_report(report),
            Self::Extension { name, state, occasions, error_type } => {
                let events = occasions.iter().map(|one| one.name()).collect::<Vec<_>>();
                let mut record = json!({ "name": name, "state": state, "events": events });
                if let Some(error_type) = error_type {
                    record["errorType"] = (*error_type).into();
                }
                record
            }
            Self::Subscription { name, types, .. } => {
                json!({ "name": name, "state": "Subscribed", "types": types })
            }
        }
    }
}

/// AWS's word for how an environment came to be.
fn initialization_type(version: &Version, phase: Phase) -> &'static str {
    if version.snap_start { "snap-start" } else { phase.initialization_type() }
}

fn init_start(version: &Version, phase: Phase, instance: &str) -> Json {
    let mut record = json!({
        "initializationType": initialization_type(version, phase),
        "phase": phase.name(),
    });
    if let (Json::Object(record), Json::Object(rest)) = (&mut record, instance_of(version, instance)) {
        record.extend(rest);
    }
    record
}

/// What runs where.
fn instance_of(version: &Version, instance: &str) -> Json {
    let running = version.interpreter.version_text();
    json!({
        "runtimeVersion": running,
        "runtimeVersionArn": format!("arn:aws:lambda:{}::runtime:{running}", version.region),
        "functionName": version.function_name,
        "functionVersion": version.version,
        "instanceId": instance,
        "instanceMaxMemory": u64::from(version.memory_mb) << 20,
    })
}

fn invocation_report(report: &Report<'_>) -> Json {
    let mut metrics = json!({
        "durationMs": rounded(report.duration),
        "billedDurationMs": report.billed_ms(),
        "memorySizeMB": report.memory_mb,
    });
    if let Some(used) = report.memory_used_mb() {
        metrics["maxMemoryUsedMB"] = used.into();
    }
    if let Some(init) = report.init {
        metrics["initDurationMs"] = rounded(init).into();
    }
    if let Some(restore) = report.restore {
        metrics["restoreDurationMs"] = rounded(restore).into();
        metrics["billedRestoreDurationMs"] = millis(restore).ceil().into();
    }
    let rest = json!({ "metrics": metrics });
    with_trace(with_outcome(json!({ "requestId": report.request_id }), report.failure, rest), report.trace_id)
}

/// AWS's word for how something ended.
fn status(failure: Option<&Failure>) -> &'static str {
    match failure {
        None => "success",
        Some(Failure::TimedOut { .. }) => "timeout",
        Some(Failure::Sandbox(_)) => "failure",
        Some(_) => "error",
    }
}

fn with_outcome(mut record: Json, failure: Option<&Failure>, rest: Json) -> Json {
    record["status"] = status(failure).into();
    if let Some(failure) = failure.filter(|failure| !matches!(failure, Failure::TimedOut { .. })) {
        record["errorType"] = told_type(failure.error_type()).into();
    }
    if let (Json::Object(record), Json::Object(rest)) = (&mut record, rest) {
        record.extend(rest);
    }
    record
}

/// A runtime may post any error type; telemetry has those of AWS's pattern, and one for all others.
fn told_type(error_type: &str) -> &str {
    let Some((kind, name)) = error_type.split_once('.') else { return "Function.Unknown" };
    let is_name = name.starts_with(|first: char| first.is_ascii_uppercase())
        && name.len() > 1
        && name.bytes().all(|byte| byte.is_ascii_alphabetic());
    match kind {
        "Runtime" if !is_name => "Runtime.Unknown",
        "Runtime" | "Function" | "Extension" | "Sandbox" if is_name => error_type,
        _ => "Function.Unknown",
    }
}

/// The trace that the invocation belongs to, as its header has it.
fn with_trace(mut record: Json, trace_id: Option<&str>) -> Json {
    let Some(value) = trace_id else { return record };
    let mut tracing = Map::new();
    let parent = value.split(';').find_map(|part| part.strip_prefix("Parent="));
    tracing.insert("type".to_owned(), "X-Amzn-Trace-Id".into());
    tracing.insert("value".to_owned(), value.into());
    if let Some(parent) = parent {
        tracing.insert("spanId".to_owned(), parent.into());
    }
    record["tracing"] = tracing.into();
    record
}

/// Milliseconds, to microseconds.
fn rounded(duration: Duration) -> f64 {
    (millis(duration) * 1000.0).round() / 1000.0
}

fn capitalised(word: &str) -> String {
    let (first, rest) = word.split_at(usize::from(!word.is_empty()));
    first.to_ascii_uppercase() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(event: &PlatformEvent<'_>, level: Level, line: Option<&str>, record: &str) {
        assert_eq!(event.level(), level, "{}", event.kind());
        assert_eq!(event.lines().last().map(String::as_str), line, "{}", event.kind());
        assert_eq!(event.record().to_string(), record, "{}", event.kind());
    }

    #[test]
    fn events_read_as_awss() {
        let timeout = Failure::TimedOut { seconds: 3.0 };
        let trace_id = Some("Root=1-0-0;Parent=53995c3f42cd8ad8;Sampled=0");
        let tracing = r#""tracing":{"type":"X-Amzn-Trace-Id","value":"Root=1-0-0;Parent=53995c3f42cd8ad8;Sampled=0","spanId":"53995c3f42cd8ad8"}"#;
        check(
            &PlatformEvent::Start { request_id: "id-1", version: "$LATEST", trace_id },
            Level::Info,
            Some("START RequestId: id-1 Version: $LATEST"),
            &format!(r#"{{"requestId":"id-1","version":"$LATEST",{tracing}}}"#),
        );
        let mut report = Report {
            request_id: "id-1",
            trace_id: None,
            duration: Duration::from_micros(3_010),
            init: Some(Duration::from_micros(110_100)),
            restore: None,
            memory_mb: 128,
            memory_used_bytes: Some(36 << 20),
            failure: None,
        };
        let metrics = r#""metrics":{"durationMs":3.01,"billedDurationMs":114,"memorySizeMB":128,"maxMemoryUsedMB":36,"initDurationMs":110.1}"#;
        assert_eq!(
            PlatformEvent::Report(&report).record().to_string(),
            format!(r#"{{"requestId":"id-1","status":"success",{metrics}}}"#)
        );
        assert_eq!(PlatformEvent::Report(&report).level(), Level::Info);
        report.failure = Some(&timeout);
        assert_eq!(
            PlatformEvent::Report(&report).record().to_string(),
            format!(r#"{{"requestId":"id-1","status":"timeout",{metrics}}}"#)
        );
        assert_eq!(PlatformEvent::Report(&report).level(), Level::Warn);
        check(
            &PlatformEvent::Extension {
                name: "e",
                state: "Ready",
                occasions: &[Occasion::Invoke, Occasion::Shutdown],
                error_type: None,
            },
            Level::Info,
            Some("EXTENSION\tName: e\tState: Ready\tEvents: [INVOKE, SHUTDOWN]"),
            r#"{"name":"e","state":"Ready","events":["INVOKE","SHUTDOWN"]}"#,
        );
        check(
            &PlatformEvent::Subscription { name: "e", of_logs: false, types: &["platform", "function"] },
            Level::Info,
            Some("TELEMETRY\tName: e\tState: Subscribed\tTypes: [Platform, Function]"),
            r#"{"name":"e","state":"Subscribed","types":["platform","function"]}"#,
        );
    }

    #[test]
    fn odd_error_types_are_counted_together() {
        for (given, told) in [
            ("Runtime.ExitError", "Runtime.ExitError"),
            ("Runtime.oops", "Runtime.Unknown"),
            ("ValueError", "Function.Unknown"),
            ("Function.Broken", "Function.Broken"),
            ("Sandbox.Timedout", "Sandbox.Timedout"),
        ] {
            assert_eq!(told_type(given), told);
        }
    }
}
