//! How many events a core asks of a thousand rules in a second: `cargo run --release -p event-pattern --example
//! throughput`.

#![expect(clippy::disallowed_methods, reason = "it measures")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use event_pattern::{Index, Pattern};
use serde_json::{Value as Json, json};

/// A name, and the rule of each number.
type Kind = (&'static str, fn(usize) -> Json);

const RULES: usize = 1000;
const EVENTS: usize = 1000;
const FOR: Duration = Duration::from_secs(2);

fn main() {
    let kinds: [Kind; 11] = [
        ("source and detail-type", |n| json!({ "source": ["shop"], "detail-type": [format!("type {n}")] })),
        (
            "nested values",
            |n| json!({ "source": ["shop"], "detail": { "order": { "customer": [format!("c{n}"), "other"] } } }),
        ),
        ("prefixes", |n| json!({ "detail": { "path": [{ "prefix": format!("/d{n}/") }] } })),
        ("numbers", |n| json!({ "source": ["shop"], "detail": { "amount": [n] } })),
        ("anything-but alone", |n| json!({ "detail-type": [{ "anything-but": format!("type {n}") }] })),
        (
            "a source, anything-but",
            |n| json!({ "source": ["shop"], "detail-type": [{ "anything-but": [format!("type {n}"), "x"] }] }),
        ),
        (
            "anything-but a prefix",
            |n| json!({ "detail": { "path": [{ "anything-but": { "prefix": format!("/d{n}/") } }] } }),
        ),
        (
            "anything-but a wildcard",
            |n| json!({ "detail": { "path": [{ "anything-but": { "wildcard": format!("/d{n}/*.pdf") } }] } }),
        ),
        ("exists false", |n| json!({ "detail": { format!("f{n}"): [{ "exists": false }] } })),
        ("ranges", |n| json!({ "detail": { "amount": [{ "numeric": [">=", n, "<", n + 10] }] } })),
        ("wildcards", |n| json!({ "detail": { "path": [{ "wildcard": format!("/d{n}/*.pdf") }] } })),
    ];
    let events = (0..EVENTS)
        .map(|n| {
            json!({
                "version": "0", "id": "7bf73129-1428-4cd3-a780-95db273d1602", "source": "shop",
                "detail-type": format!("type {n}"), "account": "123456789012", "region": "eu-west-1",
                "time": "2026-11-23T10:11:12Z", "resources": ["arn:aws:s3:::shop"],
                "detail": {
                    "order": { "id": n, "customer": format!("c{n}"), "lines": [{ "sku": "a" }, { "sku": "b" }] },
                    "path": format!("/d{n}/receipt.pdf"), "amount": n, "paid": true,
                },
            })
            .to_string()
        })
        .collect::<Vec<_>>();
    println!("events in a second, {RULES} rules, events of {} bytes", events[0].len());
    for (name, rule) in kinds {
        let index = Index::new((0..RULES).map(|n| (Pattern::parse(&rule(n)).expect("a pattern"), n)));
        let parsed = events.iter().map(|event| parse(event)).collect::<Vec<_>>();
        let asked = measure(|n| index.matching(&parsed[n]).len());
        let whole = measure(|n| index.matching(&parse(&events[n])).len());
        println!("{name:24} {asked:>10.0} asked  {whole:>10.0} with the event parsed");
    }
}

fn parse(event: &str) -> Json {
    serde_json::from_str(event).expect("JSON")
}

fn measure(work: impl Fn(usize) -> usize) -> f64 {
    let (start, mut rounds) = (Instant::now(), 0_u32);
    while start.elapsed() < FOR {
        (0..EVENTS).for_each(|n| {
            black_box(work(n));
        });
        rounds += 1;
    }
    f64::from(rounds) * EVENTS as f64 / start.elapsed().as_secs_f64()
}
