//! Rules that are due by the clock, which begins at 2026-11-23T10:11:12.345Z.

use std::time::Duration;

use serde_json::json;

use crate::platform::{Events, body, function};

const MINUTE: Duration = Duration::from_secs(60);

async fn scheduled(events: &Events, name: &str, expression: &str) {
    events.ask("PutRule", json!({ "Name": name, "ScheduleExpression": expression })).await;
    events
        .ask("PutTargets", json!({ "Rule": name, "Targets": [{ "Id": "1", "Arn": function(name) }] }))
        .await;
}

/// Lets the jobs come to where they wait for the clock.
async fn idle(events: &Events) {
    events.settled().await;
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

fn times(events: &Events) -> Vec<String> {
    let received = events.functions.received();
    received.iter().map(|it| body(it)["time"].as_str().expect("a time").to_owned()).collect()
}

#[tokio::test]
async fn a_rule_fires_at_its_rate() {
    let events = Events::new();
    scheduled(&events, "often", "rate(5 minutes)").await;
    idle(&events).await;
    events.pass(4 * MINUTE);
    idle(&events).await;
    assert!(times(&events).is_empty());
    for count in 1..=3 {
        events.pass(5 * MINUTE);
        events.functions.until(count).await;
        idle(&events).await;
    }
    let first = body(&events.functions.received()[0]);
    let expected = json!({
        "version": "0", "id": first["id"], "detail-type": "Scheduled Event", "source": "aws.events",
        "account": "000000000000", "time": "2026-11-23T10:16:12Z", "region": "us-east-1",
        "resources": ["arn:aws:events:us-east-1:000000000000:rule/often"], "detail": {},
    });
    assert_eq!(first, expected);
    assert_eq!(times(&events), ["2026-11-23T10:16:12Z", "2026-11-23T10:21:12Z", "2026-11-23T10:26:12Z"]);
}

#[tokio::test]
async fn a_rule_fires_by_cron_and_not_while_it_is_disabled() {
    let events = Events::new();
    scheduled(&events, "noon", "cron(0 12 * * ? *)").await;
    events.pass(108 * MINUTE);
    idle(&events).await;
    assert!(times(&events).is_empty());
    events.pass(MINUTE);
    events.functions.until(1).await;
    events.ask("DisableRule", json!({ "Name": "noon" })).await;
    events.pass(24 * 60 * MINUTE);
    idle(&events).await;
    events.ask("EnableRule", json!({ "Name": "noon" })).await;
    events.pass(24 * 60 * MINUTE);
    events.functions.until(2).await;
    idle(&events).await;
    assert_eq!(times(&events), ["2026-11-23T12:00:00Z", "2026-11-25T12:00:00Z"]);
    // Put again as it is, it goes on; put with another expression, it begins anew.
    events.ask("PutRule", json!({ "Name": "noon", "ScheduleExpression": "rate(1 hour)" })).await;
    events.pass(30 * MINUTE);
    events.ask("PutRule", json!({ "Name": "noon", "ScheduleExpression": "rate(1 hour)" })).await;
    events.pass(30 * MINUTE);
    events.functions.until(3).await;
    events.ask("DeleteRule", json!({ "Name": "none" })).await;
    assert_eq!(events.rows(725).await, 1);
}

#[tokio::test]
async fn what_fell_due_while_nobody_looked_is_fired_once() {
    let events = Events::new();
    scheduled(&events, "often", "rate(1 minute)").await;
    scheduled(&events, "later", "cron(0 12 * * ? *)").await;
    events.stop_jobs().await;
    events.pass(10 * MINUTE);
    let events = events.restarted().await;
    events.functions.until(1).await;
    idle(&events).await;
    assert_eq!(times(&events), ["2026-11-23T10:12:12Z"]);
    // And then at its rate, in the old step.
    events.pass(MINUTE);
    events.functions.until(2).await;
    assert_eq!(times(&events)[1], "2026-11-23T10:22:12Z");
    events.pass(100 * MINUTE);
    events.functions.until(4).await;
}

#[tokio::test]
async fn many_rules_fire_in_one_minute() {
    let events = Events::new();
    for number in 0..250 {
        scheduled(&events, &format!("r{number}"), "cron(* * * * ? *)").await;
    }
    idle(&events).await;
    events.pass(MINUTE);
    events.functions.until(250).await;
    idle(&events).await;
    events.pass(MINUTE);
    events.functions.until(500).await;
    events.settled().await;
    assert_eq!((events.functions.received().len(), events.rows(725).await), (500, 250));
}
