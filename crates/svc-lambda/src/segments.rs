//! An invocation's part in a trace: whether it is sampled, what the function is told, and what X-Ray is told after.
//!
//! Of a sampled invocation two segments are kept, as on Lambda: `AWS::Lambda` from the request on, and
//! `AWS::Lambda::Function` below it with Initialization, Invocation and Overhead. They, and what functions send to
//! their X-Ray daemon, go to X-Ray in batches, beside the invocations.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use api_xray::PutTraceSegmentsInput;
use env::{Env, Timestamp};
use execution::{Sampled, SegmentSink, Traced, Version};
use serde_json::{Value as Json, json};
use service::Caller;
use tokio::sync::mpsc;

use crate::Ctx;
use crate::trace::{self, Trace};

/// Segments on their way; beyond it they are dropped, and counted.
const SEGMENTS_MAX: usize = 10_000;
/// Segments in one call.
const BATCH_MAX: usize = 50;
/// Of an error's message.
const MESSAGE_CHARACTERS_MAX: usize = 1000;
/// Of what is not first in its second, one in so many: X-Ray's default rule.
const ONE_IN: u8 = 20;

/// Whether a function's invocations are sampled when whoever calls has not decided: with Active, the first of each
/// second and one in twenty beyond.
#[derive(Debug)]
pub(crate) struct Sampler {
    is_active: bool,
    /// The last second of which an invocation was sampled.
    second: AtomicI64,
}

impl Sampler {
    pub(crate) fn new(is_active: bool) -> Self {
        Self { is_active, second: AtomicI64::new(0) }
    }

    fn samples(&self, env: &Env) -> bool {
        if !self.is_active {
            return false;
        }
        let now = env.now().as_secs();
        if self.second.swap(now, Ordering::AcqRel) != now {
            return true;
        }
        let mut random = [0; 4];
        env.fill(&mut random);
        u32::from_le_bytes(random) % u32::from(ONE_IN) == 0
    }
}

/// The header that a function of this trace gets, and where the invocation belongs if the trace is kept. Whoever calls
/// with `Sampled` has decided, for functions of both modes.
pub(crate) fn enter(
    env: &Env,
    trace: &Trace,
    sampler: &Sampler,
    function_arn: &str,
) -> (String, Option<Sampled>) {
    if !trace.sampled().unwrap_or_else(|| sampler.samples(env)) {
        return (trace.through(function_arn), None);
    }
    let sampled = Sampled {
        root: trace.root().to_owned(),
        request_segment: trace::random_hex(env, 8),
        function_segment: trace::random_hex(env, 8),
        parent: trace.parent().map(str::to_owned),
        accepted: env.now(),
    };
    (trace.below(&sampled.function_segment).through(function_arn), Some(sampled))
}

struct Item {
    account: Arc<str>,
    region: Arc<str>,
    document: String,
}

/// The end that environments tell. Cheap to clone.
#[derive(Clone)]
pub struct SegmentShipper {
    items: mpsc::Sender<Item>,
    dropped: Arc<AtomicU64>,
    env: Env,
}

/// The end that the service ships from.
pub struct Segments {
    items: mpsc::Receiver<Item>,
    dropped: Arc<AtomicU64>,
}

impl SegmentShipper {
    pub fn new(env: Env) -> (Self, Segments) {
        let (sender, items) = mpsc::channel(SEGMENTS_MAX);
        let dropped = Arc::<AtomicU64>::default();
        (Self { items: sender, dropped: Arc::clone(&dropped), env }, Segments { items, dropped })
    }

    fn offer(&self, version: &Version, document: String) {
        let (account, region) = (Arc::clone(&version.account), Arc::clone(&version.region));
        if self.items.try_send(Item { account, region, document }).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl SegmentSink for SegmentShipper {
    fn invocation(&self, version: &Version, traced: Traced) {
        for document in documents(&self.env, version, &traced) {
            self.offer(version, document.to_string());
        }
    }

    fn throttled(&self, version: &Version, sampled: &Sampled, request_id: &str) {
        let mut request = request(version, sampled, request_id, (sampled.accepted, self.env.now()), 429);
        request["throttle"] = true.into();
        place(&mut request, version, sampled, sampled.parent.as_deref(), "AWS::Lambda");
        self.offer(version, request.to_string());
    }

    fn document(&self, version: &Version, document: &str) {
        self.offer(version, document.to_owned());
    }
}

fn documents(env: &Env, version: &Version, traced: &Traced) -> [Json; 2] {
    let Traced { sampled, began, answered, ended, .. } = traced;
    let id = || trace::random_hex(env, 8);
    let mut subsegments = Vec::new();
    let mut start = *began;
    if let Some(init) = traced.init {
        start = Timestamp::from_micros(began.as_micros() - i64::try_from(init.as_micros()).unwrap_or(0));
        let mut initialization = span("Initialization", &id(), start, *began);
        if let Some(cold_start) = traced.cold_start {
            let steps = cold_start.steps().into_iter();
            let steps = steps.map(|(name, took)| (name.to_owned(), Json::from(took.as_secs_f64() * 1e3)));
            initialization["metadata"] = json!({ "lambent_ms": steps.collect::<serde_json::Map<_, _>>() });
        }
        subsegments.push(initialization);
    }
    subsegments.push(span("Invocation", &id(), *began, *answered));
    subsegments.push(span("Overhead", &id(), *answered, *ended));
    let mut function = span(&version.function_name, &sampled.function_segment, start, *ended);
    function["subsegments"] = subsegments.into();
    function["aws"] = json!({ "account_id": &*version.account, "function_arn": version.function_arn });
    let mut request =
        request(version, sampled, &traced.request_id, (sampled.accepted.min(start), *ended), 200);
    if let Some((error_type, payload)) = &traced.failure {
        let exception = json!({ "id": id(), "type": error_type, "message": message(payload) });
        function["cause"] = json!({ "exceptions": [exception] });
        function["fault"] = true.into();
        request["fault"] = true.into();
    }
    place(&mut request, version, sampled, sampled.parent.as_deref(), "AWS::Lambda");
    place(&mut function, version, sampled, Some(&sampled.request_segment), "AWS::Lambda::Function");
    [request, function]
}

/// What the service did with a request.
fn request(
    version: &Version,
    sampled: &Sampled,
    request_id: &str,
    (start, end): (Timestamp, Timestamp),
    status: u16,
) -> Json {
    let mut request = span(&version.function_name, &sampled.request_segment, start, end);
    request["aws"] = json!({ "request_id": request_id, "resource_names": [version.function_name] });
    request["http"] = json!({ "response": { "status": status } });
    request
}

/// Says where in its trace a segment belongs.
fn place(segment: &mut Json, version: &Version, sampled: &Sampled, parent: Option<&str>, origin: &str) {
    segment["trace_id"] = sampled.root.clone().into();
    segment["origin"] = origin.into();
    segment["resource_arn"] = version.function_arn.clone().into();
    if let Some(parent) = parent {
        segment["parent_id"] = parent.into();
    }
}

fn span(name: &str, id: &str, start: Timestamp, end: Timestamp) -> Json {
    json!({ "name": name, "id": id, "start_time": seconds(start), "end_time": seconds(end.max(start)) })
}

#[expect(clippy::cast_precision_loss, reason = "microseconds since the epoch fit into 52 bits until 2112")]
fn seconds(at: Timestamp) -> f64 {
    at.as_micros() as f64 / 1e6
}

fn message(payload: &[u8]) -> String {
    let error = serde_json::from_slice::<Json>(payload).unwrap_or_default();
    let message = error["errorMessage"].as_str().unwrap_or_default();
    message.chars().take(MESSAGE_CHARACTERS_MAX).collect()
}

pub(crate) async fn run(cx: Ctx) {
    let mut segments = cx.state.segments.lock().await;
    let mut items = Vec::new();
    while segments.items.recv_many(&mut items, BATCH_MAX).await > 0 {
        let dropped = segments.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            tracing::warn!(dropped, "segments of traces come faster than they are kept; some were dropped");
        }
        let mut batches = HashMap::<(Arc<str>, Arc<str>), Vec<String>>::new();
        for Item { account, region, document } in items.drain(..) {
            batches.entry((account, region)).or_default().push(document);
        }
        for ((account, region), trace_segment_documents) in batches {
            let cx = cx.as_caller(Caller::root(&account, &region));
            if let Err(error) = cx.call(PutTraceSegmentsInput { trace_segment_documents }).await {
                tracing::warn!(%error, cause = ?error.cause, "keep segments of traces");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_a_second_is_sampled_and_some_beyond() {
        let clock = Arc::new(env::ManualClock::new(Timestamp::from_micros(1_000_000)));
        let env = Env::manual(clock.clone(), 7);
        let sampler = Sampler::new(true);
        let count = |times: usize| (0..times).filter(|_| sampler.samples(&env)).count();
        assert_eq!(count(1), 1);
        let beyond = count(2000);
        // Four standard deviations around a twentieth.
        assert!((61..=139).contains(&beyond), "{beyond}");
        clock.advance(std::time::Duration::from_secs(1));
        assert_eq!(count(1), 1);
        assert!((0..100).all(|_| !Sampler::new(false).samples(&env)));
    }
}
