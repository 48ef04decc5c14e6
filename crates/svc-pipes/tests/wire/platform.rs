//! A platform with queues, streams, tables, buses, and functions that record what they are sent.

use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use event_sources::Pollers;
use serde_json::{Value as Json, json};
use testkit::{Answer, Lambda, dynamo_table, soon};
use tokio::sync::watch;

pub const ROLE: &str = "arn:aws:iam::000000000000:role/pipes";

/// What a function does with an event.
pub enum Does {
    Answers(Json),
    Fails,
}

#[derive(Clone)]
pub struct Platform {
    lambda: Arc<Lambda>,
    events: watch::Sender<Vec<Json>>,
    script: Arc<Mutex<VecDeque<Does>>>,
}

impl Deref for Platform {
    type Target = Lambda;

    fn deref(&self) -> &Lambda {
        &self.lambda
    }
}

impl Platform {
    /// With the functions `f`, which records events and answers as it is told, and `double`, which gives back each event
    /// twice.
    pub async fn new() -> Self {
        let pollers = Arc::new(Pollers::default());
        let mut services = vec![
            svc_sqs::service(),
            svc_sns::service(),
            svc_events::service(),
            svc_kinesis::service(svc_kinesis::Config::default()),
            svc_pipes::service(Arc::clone(&pollers)),
        ];
        services.extend(svc_dynamodb::services(svc_dynamodb::Config::default()));
        let lambda = Lambda::polling(pollers, services).await;
        let platform =
            Self { lambda: Arc::new(lambda), events: watch::Sender::default(), script: Arc::default() };
        let (events, script) = (platform.events.clone(), Arc::clone(&platform.script));
        platform.sandboxes.on("record", move |mut runtime| {
            let (events, script) = (events.clone(), Arc::clone(&script));
            async move {
                loop {
                    let work = runtime.next().await;
                    let event = serde_json::from_slice::<Json>(&work.payload).expect("events are JSON");
                    events.send_modify(|events| events.push(event));
                    let does = script.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                    match does.unwrap_or(Does::Answers(json!({ "statusCode": 200 }))) {
                        Does::Answers(answer) => {
                            runtime.respond(&work.id, answer.to_string().as_bytes()).await;
                        }
                        Does::Fails => {
                            runtime.fail(&work.id, "Error", r#"{"errorMessage":"bad"}"#).await;
                        }
                    }
                }
            }
        });
        platform.sandboxes.on("double", |mut runtime| async move {
            loop {
                let work = runtime.next().await;
                let event = serde_json::from_slice::<Json>(&work.payload).expect("events are JSON");
                let events = event.as_array().expect("a list");
                let twice = events.iter().flat_map(|event| [event.clone(), event.clone()]).collect::<Json>();
                runtime.respond(&work.id, twice.to_string().as_bytes()).await;
            }
        });
        platform.function("f", "record").await;
        platform.function("double", "double").await;
        platform
    }

    /// What `f` does next.
    pub fn then(&self, does: Does) -> &Self {
        self.script.lock().unwrap_or_else(PoisonError::into_inner).push_back(does);
        self
    }

    /// Waits until `f` has had so many events.
    pub async fn events(&self, count: usize) -> Vec<Json> {
        let mut events = self.events.subscribe();
        let events = soon("events", events.wait_for(|events| events.len() >= count)).await;
        events.expect("the sender is here").clone()
    }

    pub async fn ask(&self, method: &str, path: &str, body: Json) -> Answer {
        self.rest(method, path, "pipes", &body).await
    }

    /// Makes a pipe, and waits until it runs.
    pub async fn pipe(&self, name: &str, source: &str, target: &str, more: Json) {
        self.ask("POST", &format!("/v1/pipes/{name}"), request(source, target, more)).await.ok();
        self.until_state(name, "RUNNING").await;
    }

    pub async fn shown(&self, name: &str) -> Json {
        self.ask("GET", &format!("/v1/pipes/{name}"), Json::Null).await.ok()
    }

    pub async fn until_state(&self, name: &str, state: &str) {
        self.until(state, || async { self.shown(name).await["CurrentState"] == state }).await;
    }

    pub async fn sqs(&self, operation: &str, body: Json) -> Json {
        self.json("sqs", operation, &body).await.ok()
    }

    /// As [`Platform::sqs`], for another account.
    pub async fn sqs_of(&self, account: &str, operation: &str, body: &Json) -> Json {
        let until = self.env.now().after(Duration::from_secs(3600));
        let token = self.sessions().mint(&format!("arn:aws:iam::{account}:role/r"), "s", account, until);
        let target = format!("AmazonSQS.{operation}");
        let headers = [
            ("content-type", "application/x-amz-json-1.0"),
            ("x-amz-target", target.as_str()),
            ("x-amz-security-token", token.session_token.as_str()),
        ];
        self.send(testkit::request("POST", "/", "sqs", &headers, body.to_string())).await.ok()
    }

    /// A queue's ARN.
    pub async fn queue(&self, name: &str, attributes: Json) -> String {
        self.sqs("CreateQueue", json!({ "QueueName": name, "Attributes": attributes })).await;
        format!("arn:aws:sqs:us-east-1:000000000000:{name}")
    }

    /// A queue into which every service may send.
    pub async fn open_queue(&self, name: &str) -> String {
        let policy = json!({ "Statement": [{
            "Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*" }] });
        self.queue(name, json!({ "Policy": policy.to_string() })).await
    }

    pub async fn send_to(&self, queue: &str, body: &str) -> String {
        let sent = self.sqs("SendMessage", json!({ "QueueUrl": url(queue), "MessageBody": body })).await;
        sent["MessageId"].as_str().expect("an id").to_owned()
    }

    /// Waits for so many messages and takes them.
    pub async fn received(&self, queue: &str, count: usize) -> Vec<Json> {
        let mut received = Vec::new();
        while received.len() < count {
            let asked = json!({
                "QueueUrl": url(queue), "MaxNumberOfMessages": 10, "AttributeNames": ["All"],
                "WaitTimeSeconds": 20,
            });
            let answer = soon("messages", self.sqs("ReceiveMessage", asked)).await;
            received.extend(answer["Messages"].as_array().cloned().unwrap_or_default());
        }
        received
    }

    /// Visible messages and those in flight.
    pub async fn left(&self, queue: &str) -> (u32, u32) {
        let body = json!({ "QueueUrl": url(queue), "AttributeNames": ["All"] });
        let attributes = self.sqs("GetQueueAttributes", body).await["Attributes"].clone();
        let count =
            |name: &str| attributes[name].as_str().and_then(|count| count.parse().ok()).expect("a count");
        (count("ApproximateNumberOfMessages"), count("ApproximateNumberOfMessagesNotVisible"))
    }

    pub async fn until_left(&self, queue: &str, left: (u32, u32)) {
        self.until("messages to go", || async { self.left(queue).await == left }).await;
    }

    /// A table `tab` of a partition key `h`; its stream's ARN.
    pub async fn table(&self) -> String {
        let mut table = dynamo_table("tab", "h:S", None);
        table["StreamSpecification"] =
            json!({ "StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES" });
        let made = self.json("DynamoDB", "CreateTable", &table).await.ok();
        self.until("an active table", || async {
            let described = self.json("DynamoDB", "DescribeTable", &json!({ "TableName": "tab" })).await.ok();
            described["Table"]["TableStatus"] == "ACTIVE"
        })
        .await;
        made["TableDescription"]["LatestStreamArn"].as_str().expect("a stream").to_owned()
    }

    pub async fn put(&self, key: &str, value: &str) {
        let item = json!({ "h": { "S": key }, "v": { "S": value } });
        self.json("DynamoDB", "PutItem", &json!({ "TableName": "tab", "Item": item })).await.ok();
    }

    /// A Kinesis stream's ARN.
    pub async fn stream(&self, name: &str) -> String {
        let made = json!({ "StreamName": name, "ShardCount": 1 });
        self.json("kinesis", "CreateStream", &made).await.ok();
        format!("arn:aws:kinesis:us-east-1:000000000000:stream/{name}")
    }
}

pub fn request(source: &str, target: &str, more: Json) -> Json {
    let mut body = json!({ "Source": source, "Target": target, "RoleArn": ROLE });
    body.as_object_mut().expect("made here").extend(more.as_object().expect("an object").clone());
    body
}

pub fn function(name: &str) -> String {
    format!("arn:aws:lambda:us-east-1:000000000000:function:{name}")
}

pub fn url(queue: &str) -> String {
    format!("http://localhost:4566/000000000000/{queue}")
}

/// The bodies of messages.
pub fn bodies(messages: &[Json]) -> Vec<String> {
    messages.iter().map(|message| message["Body"].as_str().expect("a body").to_owned()).collect()
}
