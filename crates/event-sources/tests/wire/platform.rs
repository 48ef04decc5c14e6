//! A platform with queues, tables and a function that records its events and answers as a test says.

use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use event_sources::Pollers;
use serde_json::{Value as Json, json};
use testkit::{Lambda, dynamo_table, soon};
use tokio::sync::watch;

const MAPPINGS: &str = "/2015-03-31/event-source-mappings";

/// What the function does with an event.
pub enum Does {
    Answers(Json),
    Fails,
    /// Fails for every event in which this text is, from now on.
    FailsFor(&'static str),
}

#[derive(Default)]
struct Script {
    next: VecDeque<Does>,
    poison: Option<&'static str>,
}

#[derive(Clone)]
pub struct Platform {
    lambda: Arc<Lambda>,
    events: watch::Sender<Vec<Json>>,
    script: Arc<Mutex<Script>>,
}

impl Deref for Platform {
    type Target = Lambda;

    fn deref(&self) -> &Lambda {
        &self.lambda
    }
}

impl Platform {
    /// With the function `f`.
    pub async fn new() -> Self {
        let mut services = vec![svc_sqs::service(), svc_kinesis::service(svc_kinesis::Config::default())];
        services.extend(svc_dynamodb::services(svc_dynamodb::Config::default()));
        let lambda = Lambda::polling(Arc::new(Pollers::default()), services).await;
        let platform =
            Self { lambda: Arc::new(lambda), events: watch::Sender::default(), script: Arc::default() };
        let (events, script) = (platform.events.clone(), Arc::clone(&platform.script));
        platform.sandboxes.on("record", move |mut runtime| {
            let (events, script) = (events.clone(), Arc::clone(&script));
            async move {
                loop {
                    let work = runtime.next().await;
                    let event = serde_json::from_slice::<Json>(&work.payload).expect("events are JSON");
                    let does = plan(&mut script.lock().unwrap_or_else(PoisonError::into_inner), &event);
                    events.send_modify(|events| events.push(event));
                    match does {
                        Some(answer) => runtime.respond(&work.id, answer.to_string().as_bytes()).await,
                        None => runtime.fail(&work.id, "Error", r#"{"errorMessage":"bad"}"#).await,
                    };
                }
            }
        });
        platform.function("f", "record").await;
        platform
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the function does next; after that it answers nothing in particular.
    pub fn then(&self, does: Does) -> &Self {
        self.script().next.push_back(does);
        self
    }

    /// Waits until the function has had so many events.
    pub async fn events(&self, count: usize) -> Vec<Json> {
        let mut events = self.events.subscribe();
        let events = soon("events", events.wait_for(|events| events.len() >= count)).await;
        events.expect("the sender is here").clone()
    }

    /// How many events the function has had.
    pub fn count(&self) -> usize {
        self.events.borrow().len()
    }

    pub async fn sqs(&self, operation: &str, body: Json) -> Json {
        self.json("sqs", operation, &body).await.ok()
    }

    pub async fn queue(&self, name: &str, attributes: Json) -> String {
        self.sqs("CreateQueue", json!({ "QueueName": name, "Attributes": attributes })).await;
        format!("arn:aws:sqs:us-east-1:000000000000:{name}")
    }

    pub async fn send_to(&self, queue: &str, body: &str) -> String {
        let sent = self.sqs("SendMessage", json!({ "QueueUrl": url(queue), "MessageBody": body })).await;
        sent["MessageId"].as_str().expect("an id").to_owned()
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
    pub async fn stream(&self) -> String {
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

    /// An enabled mapping of `f`; its UUID.
    pub async fn mapping(&self, source: &str, more: Json) -> String {
        let mut body = json!({ "FunctionName": "f", "EventSourceArn": source });
        body.as_object_mut().expect("made here").extend(more.as_object().expect("an object").clone());
        let made = self.call("POST", &format!("{MAPPINGS}/"), &body).await.ok();
        let uuid = made["UUID"].as_str().expect("a UUID").to_owned();
        self.until_state(&uuid, "Enabled").await;
        uuid
    }

    pub async fn shown(&self, uuid: &str) -> Json {
        self.get(&format!("{MAPPINGS}/{uuid}")).await.ok()
    }

    pub async fn until_state(&self, uuid: &str, state: &str) {
        self.until(state, || async { self.shown(uuid).await["State"] == state }).await;
    }

    pub async fn switch(&self, uuid: &str, on: bool) {
        self.call("PUT", &format!("{MAPPINGS}/{uuid}"), &json!({ "Enabled": on })).await.ok();
        self.until_state(uuid, if on { "Enabled" } else { "Disabled" }).await;
    }

    pub async fn delete(&self, uuid: &str) {
        self.call("DELETE", &format!("{MAPPINGS}/{uuid}"), &Json::Null).await.ok();
        self.until("no mapping", || async { self.get(&format!("{MAPPINGS}/{uuid}")).await.status == 404 })
            .await;
    }
}

/// What is answered; nothing when it fails.
fn plan(script: &mut Script, event: &Json) -> Option<Json> {
    while let Some(does) = script.next.pop_front() {
        match does {
            Does::Answers(answer) => return Some(answer),
            Does::Fails => return None,
            Does::FailsFor(text) => script.poison = Some(text),
        }
    }
    let poisoned = script.poison.is_some_and(|poison| event.to_string().contains(poison));
    (!poisoned).then(|| json!({}))
}

pub fn url(queue: &str) -> String {
    format!("http://localhost:4566/000000000000/{queue}")
}

/// What the records of an event are about: bodies of messages, or new values of items.
pub fn values(event: &Json) -> Vec<String> {
    let value = |record: &Json| match &record["body"] {
        Json::String(body) => body.clone(),
        _ => record["dynamodb"]["NewImage"]["v"]["S"].as_str().expect("a value").to_owned(),
    };
    event["Records"].as_array().expect("records").iter().map(value).collect()
}
