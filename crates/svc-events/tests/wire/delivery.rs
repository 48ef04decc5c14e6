//! From `PutEvents` to targets: which, in what form, and what becomes of failures.

use std::time::Duration;

use serde_json::{Value as Json, json};
use service::{BusEvent, Caller, Delivery, Sender, TargetArn, Undelivered};

use crate::platform::{ACCOUNT, Events, body, function};

fn entry(source: &str) -> Json {
    json!({ "Source": source, "DetailType": "t", "Detail": "{}" })
}

#[tokio::test]
async fn entries_are_taken_one_by_one() {
    let events = Events::new();
    let queue = events.queue("q").await;
    events.rule("r", json!({ "source": ["shop"] }), json!([{ "Id": "1", "Arn": queue }])).await;
    let entries = json!([
        entry("shop"),
        { "DetailType": "t", "Detail": "{}" },
        { "Source": "shop", "Detail": "{}" },
        { "Source": "shop", "DetailType": "t" },
        { "Source": "shop", "DetailType": "t", "Detail": "[]" },
        entry("aws.s3"),
        { "Source": "shop", "DetailType": "t", "Detail": "{}", "EventBusName": "none" },
        { "Source": "shop", "DetailType": "t", "Detail": "{\"n\": 1.0}", "Time": 1_700_000_000, "Resources": ["a", "b"],
          "TraceHeader": "Root=1-5759e988-bd862e3fe1be46a994272793" },
    ]);
    let answer = events.ask("PutEvents", json!({ "Entries": entries })).await;
    let told = |code: &str, message: &str| json!({ "ErrorCode": code, "ErrorMessage": message });
    let required = |name: &str| {
        told(
            "InvalidArgument",
            &format!("Parameter {name} is not valid. Reason: {name} is a required argument."),
        )
    };
    let results = answer["Entries"].as_array().expect("a list");
    assert_eq!((answer["FailedEntryCount"].as_i64(), results.len()), (Some(5), 8));
    let expected = [
        required("Source"),
        required("DetailType"),
        required("Detail"),
        told("MalformedDetail", "Detail is malformed."),
        told("NotAuthorizedForSourceException", "Not authorized for the source."),
    ];
    assert_eq!(results[1..6], expected);
    assert!([0, 6, 7].iter().all(|at| results[*at]["EventId"].as_str().is_some_and(|id| id.len() == 36)));
    let mut messages = events.receive("q", 2).await;
    messages.sort_by_key(|message| message["Body"].as_str().map(str::len));
    let text = messages[1]["Body"].as_str().expect("text");
    assert!(
        text.ends_with(
            r#""time":"2023-11-14T22:13:20Z","region":"us-east-1","resources":["a","b"],"detail":{"n":1.0}}"#
        ),
        "{text}"
    );
    assert_eq!(messages[1]["Attributes"]["AWSTraceHeader"], "Root=1-5759e988-bd862e3fe1be46a994272793");
    events.settled().await;
    let large = json!({ "Source": "shop", "DetailType": "t", "Detail": json!({ "a": "x".repeat(1 << 20) }).to_string() });
    events.send_to("PutEvents", &json!({ "Entries": [large] })).await.refuses(
        400,
        "ValidationException",
        "Total size of the entries in the request is over the limit.",
    );
    let eleven = vec![entry("shop"); 11];
    assert_eq!(events.send_to("PutEvents", &json!({ "Entries": eleven })).await.status, 400);
}

#[tokio::test]
async fn rules_hold_as_soon_as_they_are_put_and_no_longer() {
    let events = Events::new();
    let target = json!([{ "Id": "1", "Arn": function("f") }]);
    events.put("t", json!({ "n": 0 })).await;
    events.rule("r", json!({ "detail": { "n": [1] } }), target.clone()).await;
    events.put("t", json!({ "n": 1 })).await;
    events.put("t", json!({ "n": 2 })).await;
    events.ask("PutRule", json!({ "Name": "r", "EventPattern": r#"{"detail":{"n":[3]}}"# })).await;
    events.put("t", json!({ "n": 1 })).await;
    events.put("t", json!({ "n": 3 })).await;
    events.ask("DisableRule", json!({ "Name": "r" })).await;
    events.put("t", json!({ "n": 3 })).await;
    events.ask("EnableRule", json!({ "Name": "r" })).await;
    // What is still on its way to a target that is removed goes nowhere.
    events.functions.until(2).await;
    events.ask("RemoveTargets", json!({ "Rule": "r", "Ids": ["1"] })).await;
    events.put("t", json!({ "n": 3 })).await;
    events.rule("s", json!({ "detail": { "n": [4] } }), target).await;
    events.put("t", json!({ "n": 4 })).await;
    let mut found =
        events.functions.until(3).await.iter().map(|it| body(it)["detail"]["n"].clone()).collect::<Vec<_>>();
    found.sort_by_key(Json::as_i64);
    events.settled().await;
    assert_eq!((found, events.functions.received().len()), (vec![json!(1), json!(3), json!(4)], 3));
}

#[tokio::test]
async fn queues_logs_and_buses_are_targets() {
    let events = Events::new();
    let fifo = events.queue("q.fifo").await;
    events.json("logs", "CreateLogGroup", &json!({ "logGroupName": "/events" })).await.ok();
    events.ask("CreateEventBus", json!({ "Name": "other" })).await;
    let targets = json!([
        { "Id": "1", "Arn": fifo, "SqsParameters": { "MessageGroupId": "g" } },
        { "Id": "2", "Arn": format!("arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/events:*") },
        { "Id": "3", "Arn": format!("arn:aws:events:us-east-1:{ACCOUNT}:event-bus/other") },
    ]);
    events.rule("r", json!({ "source": ["shop"] }), targets).await;
    let there =
        json!({ "Name": "there", "EventBusName": "other", "EventPattern": r#"{"detail-type":["t"]}"# });
    events.ask("PutRule", there).await;
    let back =
        json!({ "Rule": "there", "EventBusName": "other", "Targets": [{ "Id": "1", "Arn": function("f") }] });
    events.ask("PutTargets", back).await;
    events.put("t", json!({ "n": 1 })).await;
    let message = events.receive("q.fifo", 1).await.remove(0);
    let sent = serde_json::from_str::<Json>(message["Body"].as_str().expect("text")).expect("JSON");
    let attributes = &message["Attributes"];
    assert_eq!(
        (&attributes["MessageGroupId"], &attributes["MessageDeduplicationId"]),
        (&json!("g"), &sent["id"])
    );
    // The other bus's rule is the sender there, and the event is the same.
    let forwarded = events.functions.until(1).await.remove(0);
    assert_eq!(
        (forwarded.sender.source_arn.as_str(), body(&forwarded)),
        ("arn:aws:events:us-east-1:000000000000:rule/other/there", sent.clone())
    );
    events.settled().await;
    let logged = json!({ "logGroupName": "/events", "logStreamName": "r/2026-11-23" });
    let logged = events.json("logs", "GetLogEvents", &logged).await.ok();
    let line = logged["events"][0]["message"].as_str().expect("a line");
    assert_eq!(serde_json::from_str::<Json>(line).expect("JSON"), sent);
}

#[tokio::test]
async fn rules_that_send_in_a_circle_come_to_an_end() {
    let events = Events::new();
    let dead = events.queue("dead").await;
    let bus = format!("arn:aws:events:us-east-1:{ACCOUNT}:event-bus/default");
    let targets = json!([{ "Id": "1", "Arn": bus, "DeadLetterConfig": { "Arn": dead } }]);
    events.rule("r", json!({ "source": ["shop"] }), targets).await;
    events.put("t", json!({})).await;
    let message = events.receive("dead", 1).await.remove(0);
    assert_eq!(message["MessageAttributes"]["ERROR_CODE"]["StringValue"], "INVALID_PARAMETER");
    events.settled().await;
}

#[tokio::test]
async fn what_fails_comes_again_and_then_to_the_dead_letters() {
    let events = Events::new();
    let dead = events.queue("dead").await;
    let retry = json!({ "MaximumRetryAttempts": 2 });
    let targets = json!([{ "Id": "1", "Arn": function("f"), "RetryPolicy": retry, "DeadLetterConfig": { "Arn": dead } }]);
    events.rule("r", json!({ "source": ["shop"] }), targets).await;
    for _ in 0..3 {
        events.functions.refuse(Undelivered::Throttled);
    }
    events.put("t", json!({ "n": 1 })).await;
    for left in [2, 1, 0] {
        events
            .until("a try", || async {
                events.functions.refusals_left() == left && events.rows(724).await == usize::from(left > 0)
            })
            .await;
        events.pass(Duration::from_secs(10));
    }
    let message = events.receive("dead", 1).await.remove(0);
    let attributes = message["MessageAttributes"].as_object().expect("attributes");
    let told = attributes
        .iter()
        .map(|(name, value)| (name.as_str(), value["StringValue"].as_str().unwrap_or_default()));
    let mut told = told.collect::<Vec<_>>();
    told.sort_unstable();
    let arn = function("f");
    let expected = [
        ("ERROR_CODE", "THROTTLING"),
        ("ERROR_MESSAGE", "the target takes no more for now"),
        ("EXHAUSTED_RETRY_CONDITION", "MaximumRetryAttempts"),
        ("RETRY_ATTEMPTS", "2"),
        ("RULE_ARN", "arn:aws:events:us-east-1:000000000000:rule/r"),
        ("TARGET_ARN", arn.as_str()),
    ];
    assert_eq!(told, expected);
    let event = serde_json::from_str::<Json>(message["Body"].as_str().expect("text")).expect("JSON");
    assert_eq!(event["detail"], json!({ "n": 1 }));
    assert!(events.functions.received().is_empty());
}

#[tokio::test]
async fn what_can_not_work_is_not_tried_again() {
    let events = Events::new();
    let dead = events.queue("dead").await;
    // A queue that lets nobody in, and one that is not there.
    let closed = format!("arn:aws:sqs:us-east-1:{ACCOUNT}:closed");
    events.json("sqs", "CreateQueue", &json!({ "QueueName": "closed" })).await.ok();
    let missing = format!("arn:aws:sqs:us-east-1:{ACCOUNT}:missing");
    let letters = json!({ "Arn": dead });
    let targets = json!([
        { "Id": "1", "Arn": closed, "DeadLetterConfig": letters },
        { "Id": "2", "Arn": missing, "DeadLetterConfig": letters },
        { "Id": "3", "Arn": missing },
    ]);
    events.rule("r", json!({ "source": ["shop"] }), targets).await;
    events.put("t", json!({})).await;
    let messages = events.receive("dead", 2).await;
    let mut codes = messages
        .iter()
        .map(|message| {
            let told = &message["MessageAttributes"];
            assert!(told.get("RETRY_ATTEMPTS").is_none() && told.get("EXHAUSTED_RETRY_CONDITION").is_none());
            told["ERROR_CODE"]["StringValue"].as_str().expect("a code")
        })
        .collect::<Vec<_>>();
    codes.sort_unstable();
    assert_eq!(codes, ["NO_PERMISSIONS", "NO_RESOURCE"]);
    events.settled().await;
}

#[tokio::test]
async fn tries_end_with_the_events_age() {
    let events = Events::new();
    let dead = events.queue("dead").await;
    let retry = json!({ "MaximumEventAgeInSeconds": 60 });
    let targets = json!([{ "Id": "1", "Arn": function("f"), "RetryPolicy": retry, "DeadLetterConfig": { "Arn": dead } }]);
    events.rule("r", json!({ "source": ["shop"] }), targets).await;
    (0..2).for_each(|_| events.functions.refuse(Undelivered::Failed("no".to_owned())));
    events.put("t", json!({})).await;
    events
        .until("a try", || async { events.functions.refusals_left() == 1 && events.rows(724).await == 1 })
        .await;
    events.pass(Duration::from_secs(61));
    let message = events.receive("dead", 1).await.remove(0);
    let told = &message["MessageAttributes"];
    assert_eq!(told["EXHAUSTED_RETRY_CONDITION"]["StringValue"], "MaximumEventAgeInSeconds");
    assert_eq!(told["ERROR_CODE"]["StringValue"], "ERROR_FROM_TARGET");
}

#[tokio::test]
async fn nothing_taken_is_lost_by_a_restart() {
    let events = Events::new();
    events.rule("r", json!({ "source": ["shop"] }), json!([{ "Id": "1", "Arn": function("f") }])).await;
    events.stop_jobs().await;
    for number in 0..100 {
        events.put("t", json!({ "n": number })).await;
    }
    assert_eq!(events.rows(724).await, 100);
    let events = events.restarted().await;
    let mut found = events
        .functions
        .until(100)
        .await
        .iter()
        .map(|it| body(it)["detail"]["n"].as_i64())
        .collect::<Vec<_>>();
    found.sort_unstable();
    assert_eq!(found, (0..100).map(Some).collect::<Vec<_>>());
    events.settled().await;
}

#[tokio::test]
async fn other_accounts_need_the_buses_policy() {
    let events = Events::new();
    events
        .rule("r", json!({ "account": ["111122223333"] }), json!([{ "Id": "1", "Arn": function("f") }]))
        .await;
    let bus = format!("arn:aws:events:us-east-1:{ACCOUNT}:event-bus/default");
    let sender = Sender {
        service: "lambda.amazonaws.com".to_owned(),
        source_arn: "arn:aws:lambda:us-east-1:111122223333:function:g".to_owned(),
        source_account: "111122223333".to_owned(),
        role: Some("arn:aws:iam::111122223333:role/r".to_owned()),
    };
    let delivery = Delivery {
        target: TargetArn::parse(&bus).expect("an ARN"),
        payload: r#"{"done":true}"#.into(),
        sender,
        attributes: Default::default(),
        in_order: None,
        bus: Some(BusEvent {
            source: "lambda".to_owned(),
            detail_type: "Lambda Function Invocation Result - Success".to_owned(),
            resources: vec![bus.clone()],
        }),
        object_key: None,
        trace: None,
    };
    let cx = events.platform.ctx(Caller::root("111122223333", "us-east-1"), "r".into());
    assert_eq!(cx.deliver(delivery.clone()).await, Err(Undelivered::Denied(bus.clone())));
    let grant = json!({ "StatementId": "s", "Action": "events:PutEvents", "Principal": "111122223333" });
    events.ask("PutPermission", grant).await;
    assert_eq!(cx.deliver(delivery.clone()).await, Ok(()));
    let received = events.functions.until(1).await.remove(0);
    let event = body(&received);
    assert_eq!(
        (&event["source"], &event["resources"], &event["detail"]),
        (&json!("lambda"), &json!([bus]), &json!({ "done": true }))
    );
    let missing = TargetArn::parse(&format!("{bus}s")).expect("an ARN");
    assert!(matches!(cx.check_target(&missing).await, Err(Undelivered::NotFound(_))));
    let no_object = Delivery { payload: "[]".into(), ..delivery };
    assert!(matches!(cx.deliver(no_object).await, Err(Undelivered::Invalid(_))));
}
