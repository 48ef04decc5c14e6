//! Targets that read bytes without a platform.

use std::sync::{Arc, LazyLock};

use aws_auth::policy::Policy;
use aws_auth::{Authenticator, Found, Key, Keys, Mode, NoKeys, Secret, SessionKeys};
use aws_wire::{Request, event_stream};
use bytes::BytesMut;
use env::Timestamp;
use event_pattern::{Index, Pattern};
use http::HeaderValue;
use schedule::{Expression, Zone};
use serde_json::Value as Json;
use vtl::{Scope, Template};

use crate::requests::{line_of, rest_of};

/// 2026-11-23T10:11:12Z.
const NOW_S: i64 = 1_795_428_672;
const FRAMINGS: [&str; 3] = [
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
    "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
];
const ZONES: [&str; 4] = ["UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe"];

struct OneKey;

impl Keys for OneKey {
    fn find<'a>(&'a self, _access_key_id: &'a str) -> Found<'a> {
        let key = Key {
            secret_access_key: Secret::new("secret"),
            arn: "arn:aws:iam::000000000000:user/u".to_owned(),
            user_id: "AIDA".to_owned(),
            account: "000000000000".into(),
        };
        Box::pin(std::future::ready(Ok(Some(key))))
    }
}

fn authenticate(mode: Mode, service: &str, request: &mut Request) -> aws_wire::Result<aws_auth::Identity> {
    let keys: Arc<dyn Keys> = match mode {
        Mode::Open => Arc::new(NoKeys),
        Mode::Signed => Arc::new(OneKey),
    };
    let authenticator = Authenticator::new(mode, keys, SessionKeys::new([0; 32]));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime can be made");
    runtime.block_on(authenticator.authenticate(service, request, Timestamp::from_secs(NOW_S)))
}

/// A request as in `wire`, whose headers and query sign it.
pub(crate) fn signatures(bytes: &[u8]) {
    let Some((line, rest)) = line_of(bytes) else { return };
    let [service, method, address] = line.split(' ').collect::<Vec<_>>()[..] else { return };
    for mode in [Mode::Open, Mode::Signed] {
        let Some(mut request) = rest_of(service, method, address, rest) else { return };
        // The one that was there is replaced by what follows.
        if let Some(last) = request.headers.get_all("authorization").iter().next_back().cloned() {
            request.headers.insert("authorization", last);
        }
        let _ = authenticate(mode, service, &mut request);
    }
}

/// A body in chunks; the first byte says of which kind, the second its length without the framing.
pub(crate) fn chunked(bytes: &[u8]) {
    let [kind, length, body @ ..] = bytes else { return };
    let framing = FRAMINGS[usize::from(*kind) % FRAMINGS.len()];
    let mut request = testkit::request("PUT", "/b-1/k", "s3", &[], body);
    request.headers.insert("x-amz-content-sha256", HeaderValue::from_static(framing));
    request.headers.insert("x-amz-decoded-content-length", HeaderValue::from(u64::from(*length)));
    let decoded = authenticate(Mode::Open, "s3", &mut request);
    assert!(decoded.is_err() || request.body.len() == usize::from(*length), "a body of another length");
}

/// Frames of an event stream, as they might come in pieces.
pub(crate) fn frames(bytes: &[u8]) {
    let mut buffer = BytesMut::new();
    for piece in bytes.chunks(7) {
        buffer.extend_from_slice(piece);
        while let Ok(Some(frame)) = event_stream::read_frame(&mut buffer) {
            drop(frame);
        }
    }
}

/// A pattern and an event, each on a line.
pub(crate) fn patterns(bytes: &[u8]) {
    let Some((pattern, event)) = line_of(bytes) else { return };
    let (Ok(pattern), Ok(event)) =
        (serde_json::from_str::<Json>(pattern), serde_json::from_slice::<Json>(event))
    else {
        return;
    };
    let Ok(pattern) = Pattern::parse(&pattern) else { return };
    let _ = (pattern.depth(), pattern.alternatives(), pattern.size());
    let matches = pattern.matches(&event);
    let index = Index::new([(pattern, ())]);
    assert_eq!(index.matching(&event).len(), usize::from(matches), "the index says otherwise");
}

pub(crate) fn policies(bytes: &[u8]) {
    if let Ok(document) = serde_json::from_slice::<Json>(bytes) {
        let _ = Policy::parse(&document);
    }
}

/// An expression; what is next is later, and later still after that.
pub(crate) fn schedules(bytes: &[u8]) {
    static IN: LazyLock<Vec<Zone>> =
        LazyLock::new(|| ZONES.iter().filter_map(|name| Zone::named(name)).collect());
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for expression in [Expression::of_rule(text), Expression::of_schedule(text)].into_iter().flatten() {
        for zone in IN.iter() {
            let mut after = NOW_S;
            for _ in 0..4 {
                let Some(next) = expression.next(after, NOW_S - 1000, zone) else { break };
                assert!(next > after, "{text}: {next} is not after {after}");
                after = next;
            }
        }
    }
}

/// A mapping template.
pub(crate) fn templates(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(template) = Template::parse(text) else { return };
    let mut scope = Scope::default().with("text", "a text").with("number", 7).with("yes", true);
    let _ = template.render(&mut scope);
}
