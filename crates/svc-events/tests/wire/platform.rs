//! EventBridge with queues, logs and a box that stands for functions.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};
use testkit::{Answer, Ground, Mailbox, Wire};

pub const ACCOUNT: &str = "000000000000";

pub struct Events {
    pub wire: Wire,
    /// What functions are sent.
    pub functions: Mailbox,
}

impl Deref for Events {
    type Target = Wire;

    fn deref(&self) -> &Wire {
        &self.wire
    }
}

impl Events {
    pub fn new() -> Self {
        Self::on(Ground::new())
    }

    fn on(ground: Ground) -> Self {
        let functions = Mailbox::new();
        let services =
            vec![svc_events::service(), svc_logs::service(), svc_sqs::service(), functions.service("lambda")];
        let wire = ground.serve(services);
        wire.start_jobs();
        Self { wire, functions }
    }

    /// The platform stopped where it was, and started again on what it stored.
    pub async fn restarted(self) -> Self {
        self.stop_jobs().await;
        let Wire { clock, env, kv, .. } = self.wire;
        Self::on(Ground { clock, env, kv })
    }

    pub async fn ask(&self, operation: &str, body: Json) -> Json {
        self.send_to(operation, &body).await.ok()
    }

    pub async fn send_to(&self, operation: &str, body: &Json) -> Answer {
        self.json("events", operation, body).await
    }

    pub async fn rule(&self, name: &str, pattern: Json, targets: Json) {
        self.ask("PutRule", json!({ "Name": name, "EventPattern": pattern.to_string() })).await;
        self.ask("PutTargets", json!({ "Rule": name, "Targets": targets })).await;
    }

    /// One event of this type; it must be taken.
    pub async fn put(&self, detail_type: &str, detail: Json) {
        let entry = json!({ "Source": "shop", "DetailType": detail_type, "Detail": detail.to_string() });
        let answer = self.ask("PutEvents", json!({ "Entries": [entry] })).await;
        assert_eq!(answer["FailedEntryCount"], 0, "{answer}");
    }

    /// A queue that lets EventBridge in; gives its ARN.
    pub async fn queue(&self, name: &str) -> String {
        let arn = format!("arn:aws:sqs:us-east-1:{ACCOUNT}:{name}");
        let policy = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": { "Service": "events.amazonaws.com" },
            "Action": "sqs:SendMessage", "Resource": arn,
        }] });
        let mut attributes = json!({ "Policy": policy.to_string() });
        if name.ends_with(".fifo") {
            attributes["FifoQueue"] = "true".into();
        }
        let body = json!({ "QueueName": name, "Attributes": attributes });
        self.json("sqs", "CreateQueue", &body).await.ok();
        arn
    }

    /// What a queue has, once there are so many.
    pub async fn receive(&self, name: &str, count: usize) -> Vec<Json> {
        let body = json!({
            "QueueUrl": format!("http://localhost/{ACCOUNT}/{name}"), "MaxNumberOfMessages": 10,
            "AttributeNames": ["All"], "MessageAttributeNames": ["All"],
        });
        let found = std::sync::Mutex::new(Vec::new());
        self.until("the messages", || async {
            let answer = self.json("sqs", "ReceiveMessage", &body).await.ok();
            let mut found = found.lock().expect("no panic while held");
            found.extend(answer["Messages"].as_array().cloned().unwrap_or_default());
            found.len() >= count
        })
        .await;
        let found = found.into_inner().expect("no panic while held");
        assert_eq!(found.len(), count, "{found:?}");
        found
    }

    pub async fn settled(&self) {
        self.until("the outbox to be empty", || async { self.rows(724).await == 0 }).await;
    }

    /// Moves the clock on in steps, so that what waits meanwhile is seen to wait, until so much has passed.
    pub fn pass(&self, duration: Duration) {
        Arc::clone(&self.clock).advance(duration);
    }
}

pub fn function(name: &str) -> String {
    format!("arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}")
}

pub fn body(delivery: &service::Delivery) -> Json {
    serde_json::from_slice(&delivery.payload).expect("JSON")
}
