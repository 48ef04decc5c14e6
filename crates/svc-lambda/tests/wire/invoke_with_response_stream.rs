//! `InvokeWithResponseStream` over the wire.

use std::future::pending;

use aws_wire::event_stream::{Frame, read_frame};
use aws_wire::{Body, Pieces, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use testkit::{Answer, Lambda, Runtime, request, soon};

const FUNCTIONS: &str = "/2021-11-15/functions";

async fn open(lambda: &Lambda, name: &str, headers: &[(&str, &str)], payload: &str) -> Response {
    let (name, query) = name.split_once('?').unwrap_or((name, ""));
    let path = format!("{FUNCTIONS}/{name}/response-streaming-invocations?{query}");
    lambda.open(request("POST", &path, "lambda", headers, payload)).await
}

/// An answer that is no stream.
async fn refused(lambda: &Lambda, name: &str, headers: &[(&str, &str)], payload: &str) -> Answer {
    let Response { status, headers, body } = open(lambda, name, headers, payload).await;
    Answer { status, headers, body: body.whole().expect("no stream").clone() }
}

struct Events {
    pieces: Pieces,
    read: BytesMut,
}

impl Events {
    fn of(response: Response) -> Self {
        assert_eq!(response.status, 200);
        assert_eq!(response.headers["content-type"], "application/vnd.amazon.eventstream");
        let Body::Pieces(pieces) = response.body else { panic!("{response:?} is no stream") };
        Self { pieces, read: BytesMut::new() }
    }

    async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = read_frame(&mut self.read).expect("a sound frame") {
                return Some(frame);
            }
            let piece = soon("a piece", self.pieces.next()).await?;
            self.read.extend_from_slice(&piece.expect("it does not break off"));
        }
    }

    async fn chunk(&mut self) -> Bytes {
        let frame = self.next().await.expect("a frame");
        let header =
            |wanted: &str| frame.headers.iter().find(|(name, _)| name == wanted).map(|(_, v)| v.as_str());
        assert_eq!(header(":message-type"), Some("event"));
        assert_eq!(header(":event-type"), Some("PayloadChunk"));
        assert_eq!(header(":content-type"), Some("application/octet-stream"));
        frame.payload
    }

    /// The last event.
    async fn complete(&mut self) -> Value {
        let frame = self.next().await.expect("a frame");
        let header =
            |wanted: &str| frame.headers.iter().find(|(name, _)| name == wanted).map(|(_, v)| v.as_str());
        assert_eq!(header(":event-type"), Some("InvokeComplete"));
        assert_eq!(self.next().await, None);
        serde_json::from_slice(&frame.payload).expect("JSON")
    }
}

/// A platform with a function that writes, waits for the test, and writes again; then it fails if it is asked to.
async fn writing() -> Lambda {
    let lambda = Lambda::new().await;
    lambda.sandboxes.on("writing", |mut runtime: Runtime| async move {
        loop {
            let work = runtime.next().await;
            let mut answer = runtime.begin(&work.id, Some("text/plain")).await;
            answer.write("first").await;
            runtime.let_go_on().await;
            answer.write("second").await;
            if work.payload == b"\"fail\"" {
                answer.fail("TypeError", "eyJlcnJvclR5cGUiOiJUeXBlRXJyb3IifQ==").await;
            } else {
                answer.end().await;
            }
        }
    });
    lambda.function("f", "writing").await;
    lambda
}

#[tokio::test]
async fn chunks_come_while_the_function_writes() {
    let lambda = writing().await;
    let response = open(&lambda, "f", &[("x-amz-log-type", "Tail")], "1").await;
    assert_eq!(response.headers["x-amz-executed-version"], "$LATEST");
    assert_eq!(response.headers["x-amzn-requestid"].len(), 36);
    let mut events = Events::of(response);
    assert_eq!(events.chunk().await, "first");
    // The function goes on only now.
    lambda.sandboxes.let_go_on(1);
    assert_eq!(events.chunk().await, "second");
    let complete = events.complete().await;
    let log = BASE64.decode(complete["LogResult"].as_str().expect("a log")).expect("base64");
    assert!(String::from_utf8_lossy(&log).contains("REPORT RequestId"));
    assert_eq!(complete.as_object().map(|members| members.len()), Some(1));
}

#[tokio::test]
async fn a_failure_halfway_is_in_the_last_event() {
    let lambda = writing().await;
    lambda.sandboxes.let_go_on(1);
    let mut events = Events::of(open(&lambda, "f", &[], "\"fail\"").await);
    assert_eq!(events.chunk().await, "first");
    assert_eq!(events.chunk().await, "second");
    let expected = json!({ "ErrorCode": "Unhandled", "ErrorDetails": r#"{"errorType":"TypeError"}"# });
    assert_eq!(events.complete().await, expected);
}

#[tokio::test]
async fn an_answer_in_one_piece_is_one_chunk_and_a_failure_is_none() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    lambda.function("g", "raise").await;
    let mut events = Events::of(open(&lambda, "f", &[], "[7]").await);
    assert_eq!(events.chunk().await, "[7]");
    assert_eq!(events.complete().await, json!({}));
    let mut events = Events::of(open(&lambda, "g", &[], "1").await);
    let expected = json!({
        "ErrorCode": "Unhandled", "ErrorDetails": r#"{"errorType":"ValueError","errorMessage":"bad"}"#
    });
    assert_eq!(events.complete().await, expected);
}

#[tokio::test]
async fn a_client_that_goes_away_stops_nothing() {
    let lambda = writing().await;
    let mut events = Events::of(open(&lambda, "f", &[], "1").await);
    assert_eq!(events.chunk().await, "first");
    drop(events);
    lambda.sandboxes.let_go_on(2);
    let finished = async {
        while lambda.pools.idle() == 0 {
            tokio::task::yield_now().await;
        }
    };
    soon("the function to finish", finished).await;
    let mut events = Events::of(open(&lambda, "f", &[], "1").await);
    assert_eq!((events.chunk().await, events.chunk().await), ("first".into(), "second".into()));
    assert_eq!(lambda.sandboxes.asked(), 1, "the environment had finished the first");
}

#[tokio::test]
async fn what_invoke_refuses_is_refused() {
    let lambda = Lambda::with(|options| execution::Options { concurrency_max: 0, ..options }).await;
    lambda.function("f", "echo").await;
    refused(&lambda, "nothing", &[], "1").await.refuses(
        404,
        "ResourceNotFoundException",
        "Function not found: arn:aws:lambda:us-east-1:000000000000:function:nothing:$LATEST",
    );
    let message = "Could not parse request body into json: Could not parse payload into json: expected value at line 1 column 1";
    refused(&lambda, "f", &[], "x").await.refuses(400, "InvalidRequestContentException", message);
    let throttled = refused(&lambda, "f", &[], "1").await;
    throttled.refuses(429, "TooManyRequestsException", "Rate Exceeded.");
    assert_eq!(throttled.header("retry-after"), "1");
    let dry = refused(&lambda, "f", &[("x-amz-invocation-type", "DryRun")], "1").await;
    assert_eq!((dry.status, dry.body.len()), (204, 0));
    let event = refused(&lambda, "f", &[("x-amz-invocation-type", "Event")], "1").await;
    event.refuses(
        400,
        "ValidationException",
        "1 validation error detected: Value 'Event' at 'invocationType' failed to satisfy constraint: Member must satisfy enum value set: [RequestResponse, DryRun]",
    );
    let tenant = refused(&lambda, "f", &[("x-amz-tenant-id", "t")], "1").await;
    tenant.refuses(
        501,
        "NotImplementedException",
        "Lambent's InvokeWithResponseStream does not honour TenantId yet, so it refuses it.",
    );
}

#[tokio::test]
async fn an_alias_streams_its_version() {
    let lambda = Lambda::new().await;
    lambda.sandboxes.on("arn", |mut runtime: Runtime| async move {
        let work = runtime.next().await;
        let arn = work.reply.header("lambda-runtime-invoked-function-arn").unwrap_or_default().to_owned();
        let mut answer = runtime.begin(&work.id, None).await;
        answer.write(arn).await;
        answer.end().await;
        pending().await
    });
    lambda.function("f", "arn").await;
    lambda.call("POST", "/2015-03-31/functions/f/versions", &json!({})).await.ok();
    let alias = json!({ "Name": "live", "FunctionVersion": "1" });
    lambda.call("POST", "/2015-03-31/functions/f/aliases", &alias).await.ok();
    let response = open(&lambda, "f?Qualifier=live", &[], "1").await;
    assert_eq!(response.headers["x-amz-executed-version"], "1");
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:f:live";
    assert_eq!(Events::of(response).chunk().await, arn);
}
