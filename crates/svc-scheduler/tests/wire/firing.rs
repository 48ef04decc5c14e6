//! Schedules that are due by the clock, which begins at 2026-11-23T10:11:12.345Z.

use std::time::Duration;

use serde_json::{Value as Json, json};
use service::Undelivered;

use crate::platform::{ACCOUNT, MINUTE, ROLE, Scheduler, body, request};

#[tokio::test]
async fn a_rate_is_due_at_once_and_then_in_its_step() {
    let scheduler = Scheduler::new();
    scheduler.schedule("f", json!({ "ScheduleExpression": "rate(5 minutes)" })).await.ok();
    for count in 1..=3 {
        scheduler.functions.until(count).await;
        scheduler.idle().await;
        scheduler.clock.advance(5 * MINUTE);
    }
    scheduler.functions.until(4).await;
    assert_eq!(scheduler.times()[..2], ["2026-11-23T10:11:12Z", "2026-11-23T10:16:12Z"]);
    let sender = &scheduler.functions.received()[0].sender;
    assert_eq!(sender.service, "scheduler.amazonaws.com");
    assert_eq!(sender.source_arn, "arn:aws:scheduler:us-east-1:000000000000:schedule/default/f");
    assert_eq!(sender.role.as_deref(), Some(ROLE));
}

#[tokio::test]
async fn a_rate_that_began_before_goes_on_in_its_step() {
    let scheduler = Scheduler::new();
    // Four minutes ago.
    let rate = json!({ "ScheduleExpression": "rate(5 minutes)", "StartDate": 1_795_428_432 });
    scheduler.schedule("f", rate).await.ok();
    scheduler.schedule("g", json!({ "ScheduleExpression": "at(2026-11-23T10:11:12)" })).await.ok();
    scheduler.functions.until(1).await;
    scheduler.idle().await;
    assert_eq!(scheduler.times(), ["2026-11-23T10:11:12Z"], "this very second, and nothing before");
    scheduler.clock.advance(MINUTE);
    scheduler.functions.until(2).await;
    assert_eq!(scheduler.times()[1], "2026-11-23T10:12:12Z");
}

#[tokio::test]
async fn once_and_then_gone() {
    let scheduler = Scheduler::new();
    let at = json!({ "ScheduleExpression": "at(2026-11-23T12:00:00)", "ScheduleExpressionTimezone": "Europe/Berlin",
                     "ActionAfterCompletion": "DELETE" });
    scheduler.schedule("f", at).await.ok();
    let kept = json!({ "ScheduleExpression": "at(2026-11-23T11:00:00)" });
    scheduler.schedule("kept", kept).await.ok();
    let past = json!({ "ScheduleExpression": "at(2026-11-23T10:00:00)" });
    scheduler.schedule("past", past).await.ok();
    scheduler.clock.advance(48 * MINUTE);
    scheduler.idle().await;
    assert!(scheduler.times().is_empty());
    scheduler.clock.advance(MINUTE);
    scheduler.functions.until(2).await;
    scheduler.idle().await;
    assert_eq!(scheduler.times(), ["2026-11-23T11:00:00Z"; 2]);
    assert_eq!(scheduler.ask("GET", "/schedules/f", Json::Null).await.status, 404);
    assert_eq!((scheduler.rows(736).await, scheduler.rows(737).await), (2, 0));
}

#[tokio::test]
async fn between_start_and_end() {
    let scheduler = Scheduler::new();
    // From 10:30 to 12:45.
    let rate = json!({ "ScheduleExpression": "rate(1 hour)", "StartDate": 1_795_429_800, "EndDate": 1_795_437_900,
                       "ActionAfterCompletion": "DELETE" });
    scheduler.schedule("f", rate).await.ok();
    for _ in 0..8 {
        scheduler.clock.advance(30 * MINUTE);
        scheduler.idle().await;
    }
    scheduler.functions.until(3).await;
    assert_eq!(scheduler.times(), ["2026-11-23T10:30:00Z", "2026-11-23T11:30:00Z", "2026-11-23T12:30:00Z"]);
    assert_eq!(scheduler.rows(736).await, 0);
}

#[tokio::test]
async fn clocks_that_change_are_followed() {
    let scheduler = Scheduler::new();
    let cron = json!({ "ScheduleExpression": "cron(30 2 ? * SUN *)", "ScheduleExpressionTimezone": "America/New_York",
                       "StartDate": 1_804_291_200 });
    scheduler.schedule("f", cron).await.ok();
    // To 2027-03-06: the second of the Sundays has no half past two.
    scheduler.clock.advance(Duration::from_secs(1_804_291_200 - 1_795_428_672));
    scheduler.idle().await;
    for _ in 0..22 {
        scheduler.clock.advance(24 * 60 * MINUTE);
        scheduler.idle().await;
    }
    assert_eq!(scheduler.times(), ["2027-03-07T07:30:00Z", "2027-03-21T06:30:00Z"]);
}

#[tokio::test]
async fn somewhere_in_its_window() {
    let scheduler = Scheduler::new();
    let window = json!({ "Mode": "FLEXIBLE", "MaximumWindowInMinutes": 30 });
    for number in 0..20 {
        let cron = json!({ "ScheduleExpression": "cron(0 11 * * ? *)", "FlexibleTimeWindow": window });
        scheduler.schedule(&format!("f{number}"), cron).await.ok();
    }
    scheduler.clock.advance(48 * MINUTE);
    scheduler.idle().await;
    assert!(scheduler.times().is_empty());
    scheduler.clock.advance(15 * MINUTE);
    scheduler.idle().await;
    let half = scheduler.times().len();
    assert!((2..19).contains(&half), "{half} of 20 in the first half");
    scheduler.clock.advance(16 * MINUTE);
    scheduler.functions.until(20).await;
    scheduler.idle().await;
    assert_eq!(scheduler.times(), ["2026-11-23T11:00:00Z"; 20]);
}

#[tokio::test]
async fn disabled_enabled_and_changed() {
    let scheduler = Scheduler::new();
    let rate = |state: &str| request("f", json!({ "ScheduleExpression": "rate(1 hour)", "State": state }));
    scheduler.ask("POST", "/schedules/f", rate("DISABLED")).await.ok();
    scheduler.clock.advance(90 * MINUTE);
    scheduler.idle().await;
    assert!(scheduler.times().is_empty());
    scheduler.ask("PUT", "/schedules/f", rate("ENABLED")).await.ok();
    // Put again as it is, it goes on in its step.
    scheduler.clock.advance(30 * MINUTE);
    scheduler.ask("PUT", "/schedules/f", rate("ENABLED")).await.ok();
    scheduler.clock.advance(30 * MINUTE);
    scheduler.functions.until(1).await;
    scheduler.idle().await;
    assert_eq!(scheduler.times(), ["2026-11-23T12:41:12Z"]);
    scheduler.ask("PUT", "/schedules/f", rate("DISABLED")).await.ok();
    scheduler.clock.advance(120 * MINUTE);
    scheduler.idle().await;
    assert_eq!((scheduler.times().len(), scheduler.rows(737).await), (1, 0));
}

#[tokio::test]
async fn what_fell_due_while_nobody_looked_is_fired_once() {
    let scheduler = Scheduler::new();
    scheduler.schedule("f", json!({ "ScheduleExpression": "cron(* * * * ? *)" })).await.ok();
    scheduler.schedule("g", json!({ "ScheduleExpression": "at(2026-11-23T10:15:00)" })).await.ok();
    scheduler.stop_jobs().await;
    scheduler.clock.advance(10 * MINUTE);
    let scheduler = scheduler.restarted().await;
    scheduler.functions.until(2).await;
    scheduler.idle().await;
    let mut times = scheduler.times();
    times.sort();
    assert_eq!(times, ["2026-11-23T10:12:00Z", "2026-11-23T10:15:00Z"]);
    scheduler.clock.advance(MINUTE);
    scheduler.functions.until(3).await;
    assert_eq!(scheduler.times()[2], "2026-11-23T10:22:00Z");
}

#[tokio::test]
async fn fired_and_not_delivered_survives_a_restart() {
    let scheduler = Scheduler::new();
    scheduler.functions.refuse(Undelivered::Throttled);
    scheduler
        .schedule(
            "f",
            json!({ "ScheduleExpression": "at(2026-11-23T10:12:00)", "ActionAfterCompletion": "DELETE" }),
        )
        .await
        .ok();
    scheduler.clock.advance(MINUTE);
    scheduler
        .until("a try", || async {
            scheduler.functions.refusals_left() == 0 && scheduler.rows(738).await == 1
        })
        .await;
    let scheduler = scheduler.restarted().await;
    assert_eq!((scheduler.rows(736).await, scheduler.rows(738).await), (0, 1));
    scheduler.clock.advance(MINUTE);
    scheduler.functions.until(1).await;
    scheduler.idle().await;
}

#[tokio::test]
async fn queues_and_buses_are_targets() {
    let scheduler = Scheduler::new();
    let queue = |name: &str| format!("arn:aws:sqs:us-east-1:{ACCOUNT}:{name}");
    for (name, attributes) in [("q", json!({})), ("q.fifo", json!({ "FifoQueue": "true" }))] {
        let create = json!({ "QueueName": name, "Attributes": attributes });
        scheduler.json("sqs", "CreateQueue", &create).await.ok();
    }
    let rule = json!({ "Name": "r", "EventPattern": r#"{"source":["clock"]}"# });
    scheduler.json("events", "PutRule", &rule).await.ok();
    let targets = json!([{ "Id": "1", "Arn": crate::platform::function("bus") }]);
    scheduler.json("events", "PutTargets", &json!({ "Rule": "r", "Targets": targets })).await.ok();
    let bus = format!("arn:aws:events:us-east-1:{ACCOUNT}:event-bus/default");
    for (name, target) in [
        ("plain", json!({ "Arn": queue("q"), "RoleArn": ROLE })),
        (
            "fifo",
            json!({ "Arn": queue("q.fifo"), "RoleArn": ROLE, "Input": "text", "SqsParameters": { "MessageGroupId": "g" } }),
        ),
        (
            "bus",
            json!({ "Arn": bus, "RoleArn": ROLE, "Input": r#"{"n":1}"#,
                        "EventBridgeParameters": { "Source": "clock", "DetailType": "tick" } }),
        ),
    ] {
        let once = json!({ "ScheduleExpression": "at(2026-11-23T10:12:00)", "Target": target });
        scheduler.schedule(name, once).await.ok();
    }
    scheduler.clock.advance(MINUTE);
    let event = body(&scheduler.functions.until(1).await[0]);
    let schedule = |name: &str| format!("arn:aws:scheduler:us-east-1:{ACCOUNT}:schedule/default/{name}");
    assert_eq!(
        (&event["detail-type"], &event["detail"], &event["resources"]),
        (&json!("tick"), &json!({ "n": 1 }), &json!([schedule("bus")]))
    );
    let receive = async |name: &str| {
        let body =
            json!({ "QueueUrl": format!("http://localhost/{ACCOUNT}/{name}"), "AttributeNames": ["All"] });
        let answer = scheduler.json("sqs", "ReceiveMessage", &body).await.ok();
        answer["Messages"][0].clone()
    };
    scheduler.idle().await;
    let plain = receive("q").await;
    let sent = serde_json::from_str::<Json>(plain["Body"].as_str().expect("text")).expect("JSON");
    let expected = json!({
        "version": "0", "id": sent["id"], "detail-type": "Scheduled Event", "source": "aws.scheduler",
        "account": ACCOUNT, "time": "2026-11-23T10:12:00Z", "region": "us-east-1", "resources": [schedule("plain")],
        "detail": "{}",
    });
    assert_eq!(sent, expected);
    let fifo = receive("q.fifo").await;
    assert_eq!((&fifo["Body"], &fifo["Attributes"]["MessageGroupId"]), (&json!("text"), &json!("g")));
}

#[tokio::test]
async fn what_fails_comes_again_and_then_to_the_dead_letters() {
    let scheduler = Scheduler::new();
    scheduler.json("sqs", "CreateQueue", &json!({ "QueueName": "dead" })).await.ok();
    let target = json!({
        "Arn": crate::platform::function("f"), "RoleArn": ROLE,
        "Input": r#"{"attempt":"<aws.scheduler.attempt-number>","by":"<aws.scheduler.schedule-arn>"}"#,
        "RetryPolicy": { "MaximumRetryAttempts": 1 },
        "DeadLetterConfig": { "Arn": format!("arn:aws:sqs:us-east-1:{ACCOUNT}:dead") },
    });
    (0..2).for_each(|_| scheduler.functions.refuse(Undelivered::Throttled));
    let once = json!({ "ScheduleExpression": "at(2026-11-23T10:12:00)", "Target": target });
    scheduler.schedule("f", once.clone()).await.ok();
    scheduler.clock.advance(MINUTE);
    scheduler
        .until("a try", || async {
            scheduler.functions.refusals_left() == 1 && scheduler.rows(738).await == 1
        })
        .await;
    scheduler.clock.advance(Duration::from_secs(5));
    let body =
        json!({ "QueueUrl": format!("http://localhost/{ACCOUNT}/dead"), "MessageAttributeNames": ["All"] });
    let found = std::sync::Mutex::new(Json::Null);
    scheduler
        .until("the dead letter", || async {
            let answer = scheduler.json("sqs", "ReceiveMessage", &body).await.ok();
            *found.lock().expect("no panic while held") = answer["Messages"][0].clone();
            !answer["Messages"][0].is_null()
        })
        .await;
    let message = found.into_inner().expect("no panic while held");
    let told = |name: &str| {
        message["MessageAttributes"][name]["StringValue"].as_str().unwrap_or_default().to_owned()
    };
    let schedule = format!("arn:aws:scheduler:us-east-1:{ACCOUNT}:schedule/default/f");
    for (name, expected) in [
        ("ERROR_CODE", "ThrottlingException"),
        ("EXHAUSTED_RETRY_CONDITION", "MaximumRetryAttempts"),
        ("RETRY_ATTEMPTS", "1"),
        ("IS_PAYLOAD_TRUNCATED", "false"),
        ("SCHEDULED_TIME", "2026-11-23T10:12:00Z"),
        ("SCHEDULE_ARN", &schedule),
        ("TARGET_ARN", &crate::platform::function("f")),
    ] {
        assert_eq!(told(name), expected, "{name}");
    }
    assert_eq!(told("EXECUTION_ID").len(), 36);
    assert!(message["Body"].as_str().is_some_and(|body| body.contains(&schedule)));
    scheduler.idle().await;
}

#[tokio::test]
async fn many_schedules_fire_in_one_minute() {
    let scheduler = Scheduler::new();
    for number in 0..250 {
        scheduler
            .schedule(&format!("f{number}"), json!({ "ScheduleExpression": "cron(* * * * ? *)" }))
            .await
            .ok();
    }
    scheduler.idle().await;
    for minutes in 1..=2 {
        scheduler.clock.advance(MINUTE);
        scheduler.functions.until(250 * minutes).await;
        scheduler.idle().await;
    }
    assert_eq!((scheduler.functions.received().len(), scheduler.rows(737).await), (500, 250));
}
