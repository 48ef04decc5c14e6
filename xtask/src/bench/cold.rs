//! Cold starts: the first call after a change of configuration, and the steps that it is made of.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value as Json, json};

use super::http::Connection;
use super::{COLD_SAMPLES, Platform, Samples, invoke_path, is_settled, run_to_end};
use crate::Error;

/// Until the last environment has ended, and the runtime that it began in is replaced: what others do meanwhile is not
/// to be measured with a start.
const PAUSE: Duration = Duration::from_millis(300);
/// A JVM takes longer to be ready again.
const JVM_PAUSE: Duration = Duration::from_millis(1200);
/// Starts that are taken apart.
const TRACED: usize = 15;
const STEPS: [&str; 5] = ["sandbox", "bounds", "mounts", "environment", "load"];
const XRAY: &str = "Authorization: AWS4-HMAC-SHA256 Credential=bench/20260101/us-east-1/xray/aws4_request, \
    SignedHeaders=host;x-amz-date, Signature=0000000000000000000000000000000000000000000000000000000000000000\r\n\
    X-Amz-Date: 20260101T000000Z\r\n";

/// A start of the bare `floor` comes before each sample, so that both see the same machine whatever else it does; the
/// second samples are those.
pub fn starts(platform: &Platform, name: &str, floor: &[&str]) -> Result<(Samples, Samples), Error> {
    let mut connection = Connection::open(&platform.address)?;
    let (program, arguments) = floor.split_first().ok_or("a floor has a program")?;
    let mut bare = Vec::new();
    let mut count = 0;
    let cold = Samples::take(COLD_SAMPLES, || {
        let began = Instant::now();
        run_to_end(Command::new(program).args(arguments).env_clear())?;
        bare.push(began.elapsed());
        count += 1;
        change(&mut connection, name, count)?;
        connection.timed("POST", &invoke_path(name), b"{}")
    })?;
    let mut bare = bare.into_iter();
    Ok((cold, Samples::take(COLD_SAMPLES, || bare.next().ok_or_else(|| "one floor a sample".into()))?))
}

/// Has a function begin anew with its next call.
pub(super) fn change(connection: &mut Connection, name: &str, count: usize) -> Result<(), Error> {
    let path = format!("/2015-03-31/functions/{name}/configuration");
    let change = json!({ "Description": format!("cold start {count}") }).to_string();
    connection.expect("PUT", &path, change.as_bytes())?;
    while !is_settled(&connection.expect("GET", &path, b"")?) {}
    std::thread::park_timeout(if name.ends_with("-java") { JVM_PAUSE } else { PAUSE });
    Ok(())
}

/// The heading of the rows of `steps`.
pub fn steps_heading() -> String {
    let names = STEPS.join(" | ");
    format!("\n| steps of a cold start, p50 ms | {names} |\n|---|---|---|---|---|---|\n")
}

/// How long the steps of a cold start take, by the traces of some: a row.
pub fn steps(platform: &Platform, name: &str, what: &str) -> Result<String, Error> {
    let mut connection = Connection::open(&platform.address)?;
    let mut roots = Vec::new();
    for count in 0..TRACED {
        change(&mut connection, name, 1000 + count)?;
        let second = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let root = format!("1-{second:08x}-{:024x}", count + 1);
        let header = format!("X-Amzn-Trace-Id: Root={root};Sampled=1\r\n");
        connection.call_with("POST", &invoke_path(name), &header, b"{}")?;
        roots.push(root);
    }
    let mut took = BTreeMap::<&str, Vec<f64>>::new();
    for root in roots {
        let steps = initialization(&mut connection, &root)?;
        for step in STEPS {
            took.entry(step).or_default().extend(steps[step].as_f64());
        }
    }
    let mut row = format!("| {what} |");
    for step in STEPS {
        let mut samples = took.remove(step).unwrap_or_default();
        samples.sort_by(f64::total_cmp);
        match samples.get(samples.len() / 2) {
            Some(median) => write!(row, " {median:.2} |")?,
            None => row.push_str(" – |"),
        }
    }
    row.push('\n');
    Ok(row)
}

/// The steps of the start that a trace tells of; waits until the trace is there.
fn initialization(connection: &mut Connection, root: &str) -> Result<Json, Error> {
    let body = json!({ "TraceIds": [root] }).to_string();
    loop {
        let (_, answer) = connection.call_with("POST", "/Traces", XRAY, body.as_bytes())?;
        let traces = serde_json::from_slice::<Json>(&answer)?;
        let segments = traces["Traces"][0]["Segments"].as_array().cloned().unwrap_or_default();
        for segment in segments {
            let document = serde_json::from_str::<Json>(segment["Document"].as_str().unwrap_or_default())?;
            let parts = document["subsegments"].as_array().cloned().unwrap_or_default();
            if let Some(part) = parts.into_iter().find(|part| part["name"] == "Initialization") {
                return Ok(part["metadata"]["lambent_ms"].clone());
            }
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
}
