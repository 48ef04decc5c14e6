//! Export by OTLP to a collector that a test plays.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use serde_json::json;
use svc_xray::Collector;
use testkit::{Ground, soon};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// Answers the first request by 503 and all others by 200; tells what it got.
async fn collector() -> (String, mpsc::UnboundedReceiver<(String, Bytes)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    let (sender, received) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        for number in 0.. {
            let (stream, _) = listener.accept().await.expect("a connection");
            let sender = sender.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                let sender = sender.clone();
                async move {
                    let path = request.uri().path().to_owned();
                    let body = request.into_body().collect().await.expect("a body").to_bytes();
                    sender.send((path, body)).expect("the test listens");
                    let status = if number == 0 { 503 } else { 200 };
                    Response::builder().status(status).body(Full::<Bytes>::default())
                }
            });
            let served =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::spawn(served);
        }
    });
    (endpoint, received)
}

#[tokio::test]
async fn spans_reach_the_collector_at_the_second_try() {
    let (endpoint, mut received) = collector().await;
    let wire = Ground::new().serve(vec![svc_xray::service(Collector::parse(&endpoint).ok())]);
    wire.start_jobs();
    let document = json!({
        "name": "shop", "id": "70de5b6f19ff9a0a", "trace_id": "1-581cf771-a006649127e371903a2de979",
        "start_time": 10.0, "end_time": 12.5,
    });
    let body = json!({ "TraceSegmentDocuments": [document.to_string()] });
    wire.rest("POST", "/TraceSegments", "xray", &body).await.ok();
    let (path, first) = soon("the first try", received.recv()).await.expect("it listens");
    assert_eq!(path, "/v1/traces");
    let second = async {
        loop {
            tokio::select! {
                received = received.recv() => break received.expect("it listens"),
                () = tokio::task::yield_now() => wire.clock.advance(std::time::Duration::from_millis(10)),
            }
        }
    };
    let (_, second) = soon("the second try", second).await;
    assert_eq!(first, second);
    let request = ExportTraceServiceRequest::decode(second).expect("protobuf");
    assert_eq!(request.resource_spans[0].scope_spans[0].spans[0].name, "shop");
}
