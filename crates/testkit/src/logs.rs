//! Logs alone, and what its tests begin with.

use std::ops::Deref;

use serde_json::{Value as Json, json};
use service::Service;

use crate::{Answer, Ground, Wire};

/// A platform with nothing but Logs; its jobs do not run.
pub struct Logs(Wire);

impl Deref for Logs {
    type Target = Wire;

    fn deref(&self) -> &Wire {
        &self.0
    }
}

impl Logs {
    #[expect(clippy::new_without_default, reason = "it is no value, it is where a test begins")]
    pub fn new() -> Self {
        Self(Ground::new().serve(vec![svc_logs::service()]))
    }

    /// With others beside, and jobs that run.
    pub fn beside(others: Vec<Service>) -> Self {
        let mut services = vec![svc_logs::service()];
        services.extend(others);
        let logs = Self(Ground::new().serve(services));
        logs.start_jobs();
        logs
    }

    /// With one group `g` that has these streams.
    pub async fn with_streams(streams: &[&str]) -> Self {
        let logs = Self::new();
        logs.group("g").await;
        for stream in streams {
            logs.stream("g", stream).await;
        }
        logs
    }

    pub async fn call(&self, operation: &str, body: Json) -> Answer {
        self.json("logs", operation, &body).await
    }

    pub async fn group(&self, name: &str) {
        self.call("CreateLogGroup", json!({ "logGroupName": name })).await.is(200, "{}");
    }

    pub async fn stream(&self, group: &str, name: &str) {
        let body = json!({ "logGroupName": group, "logStreamName": name });
        self.call("CreateLogStream", body).await.is(200, "{}");
    }

    /// Puts events of the group `g`: milliseconds since the epoch, and messages.
    pub async fn put(&self, stream: &str, events: &[(i64, &str)]) -> Answer {
        let events = events.iter().map(|(at, message)| json!({ "timestamp": at, "message": message }));
        let events = events.collect::<Json>();
        let body = json!({ "logGroupName": "g", "logStreamName": stream, "logEvents": events });
        self.call("PutLogEvents", body).await
    }
}
