//! Export of traces by the OpenTelemetry protocol (OTLP over HTTP, protobuf), beside keeping them.
//!
//! Whole segments become spans of the service that they name, subsegments spans below them; what is in progress is
//! exported when it is whole. Best effort: a collector that is away for longer than some tries loses what it misses,
//! and the log says how much. X-Ray stays the record.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use env::Env;
use http::{Request, Uri, header};
use http_client::Client;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span, status};
use prost::Message as _;
use serde_json::Value as Json;
use tokio::sync::mpsc;

/// Segments that wait to be exported; beyond that they are left out.
const WAITING_MAX: usize = 10_000;
/// Segments in one request.
const BATCH_MAX: usize = 500;
/// How long a request may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Pauses between the tries of one request.
const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// Where spans are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collector(Uri);

impl Collector {
    /// Reads an endpoint such as `http://127.0.0.1:4318`; spans go to `/v1/traces` below it.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn parse(endpoint: &str) -> Result<Self, String> {
        let no_url = |error: &dyn std::fmt::Display| format!("{endpoint:?} is no URL: {error}");
        let uri = endpoint.parse::<Uri>().map_err(|error| no_url(&error))?;
        let (Some(scheme @ ("http" | "https")), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(format!("{endpoint:?}: spans go out by http:// or https://"));
        };
        // OTLP's own port, whatever the scheme.
        let port = authority.port_u16().unwrap_or(4318);
        let path = uri.path().trim_end_matches('/');
        let url = format!("{scheme}://{}:{port}{path}/v1/traces", authority.host());
        url.parse().map(Self).map_err(|error| no_url(&error))
    }
}

/// Takes segments for export; cheap to clone.
#[derive(Clone)]
pub(crate) struct Exporter(mpsc::Sender<String>);

/// The other end of an [`Exporter`], and where it sends to.
pub(crate) struct Runner {
    collector: Collector,
    client: Client,
    waiting: mpsc::Receiver<String>,
}

pub(crate) fn new(collector: Collector) -> (Exporter, Runner) {
    let (sender, waiting) = mpsc::channel(WAITING_MAX);
    (Exporter(sender), Runner { collector, client: Client::default(), waiting })
}

impl Exporter {
    /// Has a stored document exported, if there is room.
    pub(crate) fn offer(&self, document: &str) {
        if self.0.try_send(document.to_owned()).is_err() {
            tracing::warn!("a segment is not exported: too many wait for the collector");
        }
    }
}

impl Runner {
    pub(crate) async fn run(&mut self, env: &Env) {
        let mut batch = Vec::new();
        while self.waiting.recv_many(&mut batch, BATCH_MAX).await > 0 {
            let request = request(batch.drain(..));
            if request.resource_spans.is_empty() {
                continue;
            }
            let body = Bytes::from(request.encode_to_vec());
            let mut pauses = PAUSES.iter();
            while let Err(error) = self.post(env, body.clone()).await {
                let Some(pause) = pauses.next() else {
                    tracing::warn!(error, collector = %self.collector.0, "spans are lost");
                    break;
                };
                env.sleep(*pause).await;
            }
        }
    }

    async fn post(&self, env: &Env, body: Bytes) -> Result<(), String> {
        let request = Request::post(&self.collector.0).header(header::CONTENT_TYPE, "application/x-protobuf");
        let request = request.body(body).map_err(|error| error.to_string())?;
        let answer = self.client.head_of(env, request, TIMEOUT).await.map_err(|error| error.to_string())?;
        let status = answer.status();
        if status.is_success() { Ok(()) } else { Err(format!("the collector answered {status}")) }
    }
}

/// The spans of whole segments, by the service that each names.
fn request(documents: impl Iterator<Item = String>) -> ExportTraceServiceRequest {
    let mut services = BTreeMap::<String, Vec<Span>>::new();
    for document in documents {
        let Ok(document) = serde_json::from_str::<Json>(&document) else { continue };
        if document["in_progress"] == Json::Bool(true) {
            continue;
        }
        let name = document["name"].as_str().unwrap_or_default().to_owned();
        let trace_id =
            document["trace_id"].as_str().unwrap_or_default().trim_start_matches("1-").replace('-', "");
        let parent = document["parent_id"].as_str().unwrap_or_default().to_owned();
        let kind =
            if document["type"] == "subsegment" { span::SpanKind::Internal } else { span::SpanKind::Server };
        add_spans(services.entry(name).or_default(), &document, &bytes(&trace_id), &bytes(&parent), kind);
    }
    let resource_spans = services.into_iter().map(|(name, spans)| ResourceSpans {
        resource: Some(Resource { attributes: vec![text("service.name", &name)], ..Resource::default() }),
        scope_spans: vec![ScopeSpans {
            scope: Some(InstrumentationScope {
                name: "lambent".to_owned(),
                ..InstrumentationScope::default()
            }),
            spans,
            ..ScopeSpans::default()
        }],
        ..ResourceSpans::default()
    });
    ExportTraceServiceRequest { resource_spans: resource_spans.collect() }
}

fn add_spans(spans: &mut Vec<Span>, part: &Json, trace_id: &[u8], parent: &[u8], kind: span::SpanKind) {
    let id = bytes(part["id"].as_str().unwrap_or_default());
    let remote = matches!(part["namespace"].as_str(), Some("remote" | "aws"));
    let failed = ["fault", "error", "throttle"].iter().any(|flag| part[flag] == Json::Bool(true));
    let start = nanos(&part["start_time"]);
    spans.push(Span {
        trace_id: trace_id.to_owned(),
        span_id: id.clone(),
        parent_span_id: parent.to_owned(),
        name: part["name"].as_str().unwrap_or_default().to_owned(),
        kind: if remote { span::SpanKind::Client } else { kind } as i32,
        start_time_unix_nano: start,
        end_time_unix_nano: nanos(&part["end_time"]).max(start),
        attributes: attributes(part),
        status: failed.then(|| Status {
            code: status::StatusCode::Error as i32,
            message: part["cause"]["exceptions"][0]["message"].as_str().unwrap_or_default().to_owned(),
        }),
        ..Span::default()
    });
    for below in part["subsegments"].as_array().into_iter().flatten() {
        add_spans(spans, below, trace_id, &id, span::SpanKind::Internal);
    }
}

/// OpenTelemetry's names for what X-Ray has names for; annotations under their own.
fn attributes(part: &Json) -> Vec<KeyValue> {
    let known = [
        ("http.request.method", &part["http"]["request"]["method"]),
        ("url.full", &part["http"]["request"]["url"]),
        ("user_agent.original", &part["http"]["request"]["user_agent"]),
        ("client.address", &part["http"]["request"]["client_ip"]),
        ("http.response.status_code", &part["http"]["response"]["status"]),
        ("enduser.id", &part["user"]),
        ("aws.xray.origin", &part["origin"]),
        ("cloud.resource_id", &part["resource_arn"]),
        ("faas.invocation_id", &part["aws"]["request_id"]),
    ];
    let annotations = part["annotations"].as_object().into_iter().flatten();
    let annotations = annotations.map(|(key, value)| (key.as_str(), value));
    known.into_iter().chain(annotations).filter_map(|(key, value)| attribute(key, value)).collect()
}

fn attribute(key: &str, value: &Json) -> Option<KeyValue> {
    let value = match value {
        Json::String(value) => any_value::Value::StringValue(value.clone()),
        Json::Bool(value) => any_value::Value::BoolValue(*value),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => any_value::Value::IntValue(whole),
            None => any_value::Value::DoubleValue(number.as_f64()?),
        },
        Json::Null | Json::Array(_) | Json::Object(_) => return None,
    };
    Some(KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    })
}

fn text(key: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(any_value::Value::StringValue(value.to_owned())) };
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "negative and absurd times saturate"
)]
fn nanos(seconds: &Json) -> u64 {
    (seconds.as_f64().unwrap_or_default() * 1e9) as u64
}

/// The bytes of a hexadecimal id; those of no id are none.
fn bytes(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks_exact(2).filter_map(|pair| std::str::from_utf8(pair).ok());
    pairs.filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_read_or_refused() {
        let check = |endpoint: &str, expected: Option<&str>| {
            let found = Collector::parse(endpoint).ok().map(|collector| collector.0.to_string());
            assert_eq!(found.as_deref(), expected, "{endpoint}");
        };
        check("http://127.0.0.1:4318", Some("http://127.0.0.1:4318/v1/traces"));
        check("https://collector", Some("https://collector:4318/v1/traces"));
        check("http://collector:80/otlp/", Some("http://collector:80/otlp/v1/traces"));
        check("grpc://collector", None);
        check("collector", None);
    }

    #[test]
    fn segments_become_spans_and_what_is_in_progress_waits() {
        let whole = r#"{"name":"shop","id":"70de5b6f19ff9a0a","trace_id":"1-581cf771-a006649127e371903a2de979",
            "parent_id":"00000000000000ff","start_time":1.5,"end_time":2.0,"annotations":{"amount":3,"deep":{}},
            "subsegments":[{"name":"call","id":"70de5b6f19ff9a0b","start_time":1.6,"end_time":1.7,"namespace":"aws",
            "fault":true,"cause":{"exceptions":[{"message":"away"}]}}]}"#;
        let begun = r#"{"name":"late","id":"70de5b6f19ff9a0c","trace_id":"1-581cf771-a006649127e371903a2de979","start_time":1,"in_progress":true}"#;
        let request = request([whole.to_owned(), begun.to_owned()].into_iter());
        assert_eq!(request.resource_spans.len(), 1);
        let spans = &request.resource_spans[0].scope_spans[0].spans;
        let [server, client] = spans.as_slice() else { panic!("{spans:?}") };
        assert_eq!((server.trace_id.len(), server.span_id.len(), server.parent_span_id[7]), (16, 8, 255));
        assert_eq!((server.start_time_unix_nano, server.end_time_unix_nano), (1_500_000_000, 2_000_000_000));
        assert_eq!(
            (server.kind, client.kind),
            (span::SpanKind::Server as i32, span::SpanKind::Client as i32)
        );
        assert_eq!(server.attributes, [attribute("amount", &Json::from(3)).expect("a number")]);
        assert_eq!(client.parent_span_id, server.span_id);
        assert_eq!(client.status.as_ref().map(|status| status.message.as_str()), Some("away"));
    }
}
