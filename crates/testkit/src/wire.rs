//! Raw requests through the front door, in process.

use std::future::Future;
use std::sync::{Arc, Mutex};

use aws_auth::{Authenticator, DEFAULT_ACCOUNT, DEFAULT_REGION, Mode, NoKeys, SessionKeys};
use aws_wire::{Request, Response};
use blob::Blobs;
use bytes::Bytes;
use env::{Env, ManualClock, Timestamp};
use gateway::Gateway;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use kv::{Direction, KeyRange, Kv, Read as _};
use kv_mem::MemEngine;
use serde_json::Value as Json;
use service::{Caller, Platform, Service};
use tokio::task::JoinSet;

use crate::soon;

/// When every test begins: 2026-11-23T10:11:12.345Z.
pub const EPOCH_MS: i64 = 1_795_428_672_345;
/// The same randomness in every run.
const SEED: u64 = 1;

/// What a platform stands on.
pub struct Ground {
    pub clock: Arc<ManualClock>,
    pub env: Env,
    pub kv: Kv,
}

impl Ground {
    #[expect(clippy::new_without_default, reason = "it is no value, it is where a test begins")]
    pub fn new() -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(EPOCH_MS)));
        let env = Env::manual(Arc::clone(&clock), SEED);
        let kv = Kv::new(Arc::new(MemEngine::new()), env.clone());
        Self { clock, env, kv }
    }

    /// The platform with these services; their jobs do not run yet.
    pub fn serve(self, services: Vec<Service>) -> Wire {
        self.serve_with(services, None)
    }

    /// As [`Ground::serve`], with packages that can be downloaded.
    pub fn serve_with(self, services: Vec<Service>, packages: Option<Arc<dyn Blobs>>) -> Wire {
        let platform = Platform::new(self.kv.clone(), self.env.clone(), services);
        let authenticator = Authenticator::new(Mode::Open, Arc::new(NoKeys), sessions());
        let gateway = match packages {
            Some(packages) => Gateway::with_packages(platform.clone(), authenticator, packages),
            None => Gateway::new(platform.clone(), authenticator),
        };
        Wire { gateway, platform, clock: self.clock, env: self.env, kv: self.kv, jobs: Mutex::default() }
    }
}

pub(crate) fn sessions() -> SessionKeys {
    SessionKeys::new([0; 32])
}

/// A platform and the way to it.
pub struct Wire {
    pub gateway: Gateway,
    pub platform: Platform,
    pub clock: Arc<ManualClock>,
    pub env: Env,
    pub kv: Kv,
    jobs: Mutex<JoinSet<()>>,
}

impl Wire {
    /// What makes the sessions that it believes.
    pub fn sessions(&self) -> SessionKeys {
        sessions()
    }

    /// Starts the services' background jobs.
    pub fn start_jobs(&self) {
        *self.jobs.lock().expect("no panic while held") =
            self.platform.start_jobs(&Caller::root(DEFAULT_ACCOUNT, DEFAULT_REGION));
    }

    /// Stops them where they are, as a crash would.
    pub async fn stop_jobs(&self) {
        let mut jobs = std::mem::take(&mut *self.jobs.lock().expect("no panic while held"));
        jobs.shutdown().await;
    }

    pub async fn send(&self, request: Request) -> Answer {
        let response = self.open(request).await;
        let body = soon("a whole answer", response.body.collect()).await.expect("it does not break off");
        Answer { status: response.status, headers: response.headers, body }
    }

    /// As [`Wire::send`], but the body may still be on its way.
    pub async fn open(&self, request: Request) -> Response {
        soon("an answer", self.gateway.answer(request)).await
    }

    /// An operation of a service that speaks awsJson.
    pub async fn json(&self, service: &str, operation: &str, body: &Json) -> Answer {
        self.json_text(service, operation, &body.to_string()).await
    }

    /// As [`Wire::json`], with a body that need not be JSON.
    pub async fn json_text(&self, service: &str, operation: &str, body: &str) -> Answer {
        let api = self
            .platform
            .apis()
            .iter()
            .find(|api| [api.name, api.id].contains(&service))
            .expect("a service that runs");
        let target = format!("{}.{operation}", api.target_prefix.expect("a service that speaks awsJson"));
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target.as_str())];
        self.send(request("POST", "/", api.name, &headers, body)).await
    }

    /// An operation of a service that speaks restJson; `path` may have a query.
    pub async fn rest(&self, method: &str, path: &str, service: &str, body: &Json) -> Answer {
        let headers = [("content-type", "application/json")];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(request(method, path, service, &headers, body)).await
    }

    /// An operation of a service that speaks the query protocol.
    pub async fn form(&self, service: &str, form: &str) -> Answer {
        let headers = [("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
        self.send(request("POST", "/", service, &headers, form)).await
    }

    /// Rows in the store whose table has this number.
    pub async fn rows(&self, table: u16) -> usize {
        let range = KeyRange::prefix(table.to_be_bytes().to_vec());
        let snapshot = self.kv.snapshot().await.expect("memory has no failures");
        snapshot.scan_bytes(&range, 10_000, Direction::Forward).expect("memory has no failures").len()
    }

    /// Waits until `reached` is so; looks again whenever something was stored.
    ///
    /// # Panics
    /// When it never is.
    pub async fn until<F: Future<Output = bool>>(&self, what: &str, reached: impl Fn() -> F) {
        let mut watch = self.kv.watch(Bytes::new());
        let wait = async {
            while !reached().await {
                watch.changed().await;
            }
        };
        soon(what, wait).await;
    }
}

/// A request to `service`, signed by nobody in particular, with a query in its path or none.
///
/// # Panics
/// When something in it can't be sent.
pub fn request(
    method: &str,
    path: &str,
    service: &str,
    headers: &[(&str, &str)],
    body: impl AsRef<[u8]>,
) -> Request {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let mut map = HeaderMap::new();
    if !service.is_empty() {
        let scope = format!("20261123/{DEFAULT_REGION}/{service}/aws4_request");
        let signature = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/{scope}, SignedHeaders=host;x-amz-date, Signature=00"
        );
        map.insert("authorization", HeaderValue::try_from(signature).expect("a header"));
        map.insert("x-amz-date", HeaderValue::from_static("20261123T101112Z"));
    }
    for (name, value) in headers {
        let name = HeaderName::try_from(*name).expect("a header's name");
        map.append(name, HeaderValue::try_from(*value).expect("a header's value"));
    }
    Request {
        method: Method::try_from(method).expect("a method"),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: map,
        body: Bytes::copy_from_slice(body.as_ref()),
    }
}

/// An answer as it goes out.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    /// A header's value; empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a body of text")
    }

    /// The body; null when there is none.
    pub fn json(&self) -> Json {
        if self.body.is_empty() {
            Json::Null
        } else {
            serde_json::from_str(self.text()).expect("a body of JSON")
        }
    }

    /// # Panics
    /// When status or body differ.
    #[track_caller]
    pub fn is(&self, status: u16, body: &str) {
        assert_eq!((self.status, self.text()), (status, body));
    }

    /// # Panics
    /// When status or body differ; the order of members does not count.
    #[track_caller]
    pub fn is_json(&self, status: u16, body: &Json) {
        assert_eq!(self.status, status, "{}", self.text());
        assert!(self.json() == *body, "found    {}\nexpected {body}", self.text());
    }

    /// # Panics
    /// When it is no success.
    #[track_caller]
    pub fn ok(&self) -> Json {
        assert!((200..300).contains(&self.status), "{} {}", self.status, self.text());
        self.json()
    }

    /// # Panics
    /// When it is not this error, in these words, as its protocol writes errors.
    #[track_caller]
    pub fn refuses(&self, status: u16, code: &str, message: &str) {
        let body = self.json();
        let named = body["__type"].as_str().unwrap_or_else(|| self.header("x-amzn-errortype"));
        let said = body["message"].as_str().or_else(|| body["Message"].as_str()).unwrap_or_default();
        assert_eq!((self.status, named, said), (status, code, message));
        assert_eq!(self.header("x-amzn-requestid").len(), 36, "an answer names its request");
    }
}
