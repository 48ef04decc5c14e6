//! SQS alone, and what its tests begin with.

use std::ops::Deref;
use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::{Answer, Ground, Wire, request};

/// A platform with nothing but SQS; its jobs do not run until a test starts them.
pub struct Sqs(Wire);

impl Deref for Sqs {
    type Target = Wire;

    fn deref(&self) -> &Wire {
        &self.0
    }
}

impl Sqs {
    #[expect(clippy::new_without_default, reason = "it is no value, it is where a test begins")]
    pub fn new() -> Self {
        Self(Ground::new().serve(vec![svc_sqs::service()]))
    }

    /// With these queues; those whose names end in `.fifo` are FIFO queues.
    pub async fn with(queues: &[&str]) -> Self {
        let sqs = Self::new();
        for name in queues {
            let fifo = name.ends_with(".fifo");
            sqs.create(name, if fifo { json!({ "FifoQueue": "true" }) } else { json!({}) }).await.ok();
        }
        sqs
    }

    pub async fn create(&self, name: &str, attributes: Json) -> Answer {
        self.call("CreateQueue", json!({ "QueueName": name, "Attributes": attributes })).await
    }

    pub async fn call(&self, operation: &str, body: Json) -> Answer {
        self.json("sqs", operation, &body).await
    }

    /// An operation on the queue of this name.
    pub async fn on(&self, queue: &str, operation: &str, mut body: Json) -> Answer {
        body["QueueUrl"] = Self::url(queue).into();
        self.call(operation, body).await
    }

    pub fn url(queue: &str) -> String {
        format!("http://localhost:4566/000000000000/{queue}")
    }

    pub fn arn(queue: &str) -> String {
        format!("arn:aws:sqs:us-east-1:000000000000:{queue}")
    }

    pub async fn send_text(&self, queue: &str, body: &str) -> Json {
        self.on(queue, "SendMessage", json!({ "MessageBody": body })).await.ok()
    }

    /// Sends to a FIFO queue.
    pub async fn send_in(&self, queue: &str, group: &str, id: &str, body: &str) -> Json {
        let body = json!({ "MessageBody": body, "MessageGroupId": group, "MessageDeduplicationId": id });
        self.on(queue, "SendMessage", body).await.ok()
    }

    /// What a receive of up to ten answers.
    pub async fn receive(&self, queue: &str) -> Vec<Json> {
        let body =
            json!({ "MaxNumberOfMessages": 10, "AttributeNames": ["All"], "MessageAttributeNames": ["All"] });
        let answer = self.on(queue, "ReceiveMessage", body).await.ok();
        answer["Messages"].as_array().cloned().unwrap_or_default()
    }

    /// The bodies of a receive of up to ten.
    pub async fn bodies(&self, queue: &str) -> Vec<String> {
        let text = |message: &Json| message["Body"].as_str().expect("a body").to_owned();
        self.receive(queue).await.iter().map(text).collect()
    }

    /// Deletes what was received.
    pub async fn delete(&self, queue: &str, message: &Json) -> Answer {
        self.on(queue, "DeleteMessage", json!({ "ReceiptHandle": message["ReceiptHandle"] })).await
    }

    /// Visible, not visible, delayed.
    pub async fn counts(&self, queue: &str) -> [String; 3] {
        let attributes = self.attributes(queue).await;
        ["", "NotVisible", "Delayed"].map(|kind| {
            attributes[format!("ApproximateNumberOfMessages{kind}")].as_str().expect("a count").to_owned()
        })
    }

    pub async fn attributes(&self, queue: &str) -> Json {
        self.on(queue, "GetQueueAttributes", json!({ "AttributeNames": ["All"] })).await.ok()["Attributes"]
            .clone()
    }

    pub fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// A form of the query protocol, sent to a path.
    pub async fn form_to(&self, path: &str, form: &str) -> Answer {
        let headers = [("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
        self.send(request("POST", path, "sqs", &headers, form)).await
    }
}
