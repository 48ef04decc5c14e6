//! A service that only receives: what is sent to its ARNs lies in a box that the test looks into.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use aws_wire::schema::{Protocol, Service as Api};
use service::{Delivery, Service, TargetArn, Undelivered};
use tokio::sync::watch;

use crate::soon;

/// An API without operations: nobody calls it, it is sent to.
static API: Api = Api {
    name: "mailbox",
    id: "Mailbox",
    api_version: "2026-01-01",
    protocols: &[Protocol::AwsJson10],
    target_prefix: Some("Mailbox"),
    xml_namespace: None,
    query_compatible: false,
    operations: &[],
    patterns: aws_wire::Patterns::new(),
};

/// Receives for the ARNs of one service. Cheap to clone.
#[derive(Clone)]
pub struct Mailbox(Arc<Inner>);

struct Inner {
    received: watch::Sender<Vec<Delivery>>,
    refusals: Mutex<VecDeque<Undelivered>>,
}

impl Mailbox {
    #[expect(clippy::new_without_default, reason = "it is no value, it is a place where things happen")]
    pub fn new() -> Self {
        Self(Arc::new(Inner { received: watch::Sender::default(), refusals: Mutex::default() }))
    }

    /// The service; `kind` is its ARNs' service, such as `sqs`. An ARN whose resource is `missing` is not there.
    pub fn service(&self, kind: &'static str) -> Service {
        let inner = Arc::clone(&self.0);
        Service::new(&API, inner).target(kind, check, deliver).done()
    }

    /// The next delivery is refused so.
    pub fn refuse(&self, undelivered: Undelivered) {
        self.0.refusals.lock().expect("no panic while held").push_back(undelivered);
    }

    /// What was refused so far is no longer to come.
    pub fn refusals_left(&self) -> usize {
        self.0.refusals.lock().expect("no panic while held").len()
    }

    /// Waits until so many were received.
    ///
    /// # Panics
    /// When they never are.
    pub async fn until(&self, count: usize) -> Vec<Delivery> {
        let mut received = self.0.received.subscribe();
        let reached = soon("a delivery", received.wait_for(|received| received.len() >= count)).await;
        reached.expect("the sender lives here").clone()
    }

    pub fn received(&self) -> Vec<Delivery> {
        self.0.received.borrow().clone()
    }
}

type Ctx = service::Ctx<Inner>;

async fn check(_: Ctx, target: TargetArn) -> Result<(), Undelivered> {
    if target.resource() == "missing" {
        return Err(Undelivered::NotFound(target.to_string()));
    }
    Ok(())
}

async fn deliver(cx: Ctx, delivery: Delivery) -> Result<(), Undelivered> {
    let refusal = cx.state.refusals.lock().expect("no panic while held").pop_front();
    if let Some(refusal) = refusal {
        return Err(refusal);
    }
    cx.state.received.send_modify(|received| received.push(delivery));
    Ok(())
}
