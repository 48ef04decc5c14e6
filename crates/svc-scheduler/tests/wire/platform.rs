//! The Scheduler with queues, buses and a box that stands for functions.

use std::ops::Deref;
use std::time::Duration;

use serde_json::{Value as Json, json};
use testkit::{Answer, Ground, Mailbox, Wire};

pub const ACCOUNT: &str = "000000000000";
pub const ROLE: &str = "arn:aws:iam::000000000000:role/scheduler";
pub const MINUTE: Duration = Duration::from_secs(60);

pub struct Scheduler {
    pub wire: Wire,
    /// What functions are sent.
    pub functions: Mailbox,
}

impl Deref for Scheduler {
    type Target = Wire;

    fn deref(&self) -> &Wire {
        &self.wire
    }
}

impl Scheduler {
    pub fn new() -> Self {
        Self::on(Ground::new())
    }

    fn on(ground: Ground) -> Self {
        let functions = Mailbox::new();
        let services = vec![
            svc_events::service(),
            svc_scheduler::service(),
            svc_sqs::service(),
            functions.service("lambda"),
        ];
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

    pub async fn ask(&self, method: &str, path: &str, body: Json) -> Answer {
        self.rest(method, path, "scheduler", &body).await
    }

    /// Makes a schedule of a function; `more` has its expression and whatever else.
    pub async fn schedule(&self, name: &str, more: Json) -> Answer {
        self.ask("POST", &format!("/schedules/{name}"), request(name, more)).await
    }

    /// Lets the jobs come to where they wait for the clock.
    pub async fn idle(&self) {
        self.until("the outbox to be empty", || async { self.rows(738).await == 0 }).await;
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }

    /// What functions were sent so far, of inputs that say when they were scheduled.
    pub fn times(&self) -> Vec<String> {
        let received = self.functions.received();
        received.iter().map(|it| body(it)["at"].as_str().expect("a time").to_owned()).collect()
    }
}

pub fn function(name: &str) -> String {
    format!("arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}")
}

/// A schedule of a function that is told when it was scheduled.
pub fn request(name: &str, more: Json) -> Json {
    let target = json!({ "Arn": function(name), "RoleArn": ROLE, "Input": r#"{"at":"<aws.scheduler.scheduled-time>"}"# });
    let mut whole = json!({ "Target": target, "FlexibleTimeWindow": { "Mode": "OFF" } });
    for (member, value) in more.as_object().expect("an object") {
        whole[member] = value.clone();
    }
    whole
}

pub fn body(delivery: &service::Delivery) -> Json {
    serde_json::from_slice(&delivery.payload).expect("JSON")
}
