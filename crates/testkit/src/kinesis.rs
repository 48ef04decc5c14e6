//! Kinesis in memory, and what its tests begin with.

use std::ops::Deref;
use std::time::Duration;

use aws_wire::Pieces;
use aws_wire::event_stream::{Frame, read_frame};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::BytesMut;
use futures_util::StreamExt as _;
use serde_json::{Value as Json, json};
use service::Service;
use svc_kinesis::Config;

use crate::{Answer, Ground, Wire, request, soon};

/// A platform with nothing but Kinesis; its jobs do not run until a test starts them.
pub struct Kinesis(Wire);

impl Deref for Kinesis {
    type Target = Wire;

    fn deref(&self) -> &Wire {
        &self.0
    }
}

impl Kinesis {
    #[expect(clippy::new_without_default, reason = "it is no value, it is where a test begins")]
    pub fn new() -> Self {
        Self::with(Config::default())
    }

    pub fn with(config: Config) -> Self {
        Self::upon(Ground::new(), config)
    }

    pub fn upon(ground: Ground, config: Config) -> Self {
        Self::beside(ground, config, Vec::new())
    }

    /// With other services beside it.
    pub fn beside(ground: Ground, config: Config, mut services: Vec<Service>) -> Self {
        services.push(svc_kinesis::service(config));
        Self(ground.serve(services))
    }

    /// With a stream `s` of so many shards.
    pub async fn with_stream(shards: u32) -> Self {
        let kinesis = Self::new();
        kinesis.call("CreateStream", json!({ "StreamName": "s", "ShardCount": shards })).await.ok();
        kinesis
    }

    pub async fn call(&self, operation: &str, body: Json) -> Answer {
        self.json("kinesis", operation, &body).await
    }

    /// An operation on the stream `s`.
    pub async fn on(&self, operation: &str, mut body: Json) -> Answer {
        body["StreamName"] = "s".into();
        self.call(operation, body).await
    }

    /// The ARN of the stream `s`.
    pub fn arn() -> String {
        "arn:aws:kinesis:us-east-1:000000000000:stream/s".to_owned()
    }

    /// Puts a text and gives its sequence number.
    pub async fn put(&self, key: &str, text: &str) -> String {
        let put =
            self.on("PutRecord", json!({ "PartitionKey": key, "Data": BASE64.encode(text) })).await.ok();
        put["SequenceNumber"].as_str().expect("a number").to_owned()
    }

    /// An iterator of shard `shard`.
    pub async fn iterator(&self, shard: u32, kind: &str, mut more: Json) -> String {
        more["ShardId"] = shard_name(shard).into();
        more["ShardIteratorType"] = kind.into();
        let answer = self.on("GetShardIterator", more).await.ok();
        answer["ShardIterator"].as_str().expect("an iterator").to_owned()
    }

    pub async fn records(&self, iterator: &str) -> Json {
        self.call("GetRecords", json!({ "ShardIterator": iterator })).await.ok()
    }

    /// The texts of all of a shard that is there now.
    pub async fn texts(&self, shard: u32) -> Vec<String> {
        let mut iterator = self.iterator(shard, "TRIM_HORIZON", json!({})).await;
        let mut all = Vec::new();
        loop {
            let page = self.records(&iterator).await;
            let found = texts(&page["Records"]);
            let more = !found.is_empty();
            all.extend(found);
            match page["NextShardIterator"].as_str() {
                Some(next) if more => next.clone_into(&mut iterator),
                _ => return all,
            }
        }
    }

    /// Registers a consumer and gives its ARN.
    pub async fn register(&self, name: &str) -> String {
        let body = json!({ "StreamARN": Self::arn(), "ConsumerName": name });
        let answer = self.call("RegisterStreamConsumer", body).await.ok();
        answer["Consumer"]["ConsumerARN"].as_str().expect("an ARN").to_owned()
    }

    /// Subscribes; the events as they come.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn subscribe(&self, consumer: &str, shard: u32, position: Json) -> Events {
        let body =
            json!({ "ConsumerARN": consumer, "ShardId": shard_name(shard), "StartingPosition": position });
        let headers = [
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", "Kinesis_20131202.SubscribeToShard"),
        ];
        let response = self.open(request("POST", "/", "kinesis", &headers, body.to_string())).await;
        assert_eq!(response.status, 200, "{:?}", response.body);
        assert_eq!(response.headers["content-type"], "application/vnd.amazon.eventstream");
        let aws_wire::Body::Pieces(pieces) = response.body else { panic!("an answer that goes on") };
        let mut events = Events { pieces, buffer: BytesMut::new() };
        let first = events.frame().await.expect("a first event");
        assert_eq!(header(&first, ":event-type"), "initial-response");
        events
    }

    pub fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

fn shard_name(shard: u32) -> String {
    format!("shardId-{shard:012}")
}

/// What records hold, as texts.
fn texts(records: &Json) -> Vec<String> {
    let data = records.as_array().expect("records").iter().map(|record| {
        let bytes = BASE64.decode(record["Data"].as_str().expect("data")).expect("Base64");
        String::from_utf8(bytes).expect("text")
    });
    data.collect()
}

/// The events of a subscription.
pub struct Events {
    pieces: Pieces,
    buffer: BytesMut,
}

fn header<'f>(frame: &'f Frame, name: &str) -> &'f str {
    frame.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
}

impl Events {
    async fn frame(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = read_frame(&mut self.buffer).expect("whole frames") {
                return Some(frame);
            }
            let piece = soon("an event", self.pieces.next()).await?;
            self.buffer.extend_from_slice(&piece.expect("it does not break off"));
        }
    }

    /// The next event; none at the end.
    ///
    /// # Panics
    /// When an exception comes.
    pub async fn next(&mut self) -> Option<Json> {
        let frame = self.frame().await?;
        assert_eq!(header(&frame, ":event-type"), "SubscribeToShardEvent", "{frame:?}");
        Some(serde_json::from_slice(&frame.payload).expect("JSON"))
    }

    /// The texts of the next event.
    pub async fn texts(&mut self) -> Vec<String> {
        texts(&self.next().await.expect("an event")["Records"])
    }

    /// The exception that comes next, and what it says.
    ///
    /// # Panics
    /// When an event comes.
    pub async fn exception(&mut self) -> (String, Json) {
        let frame = self.frame().await.expect("an exception");
        assert_eq!(header(&frame, ":message-type"), "exception", "{frame:?}");
        let kind = header(&frame, ":exception-type").to_owned();
        (kind, serde_json::from_slice(&frame.payload).expect("JSON"))
    }
}
