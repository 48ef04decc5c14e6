//! Rules: made, changed, listed, and patterns tried.

use serde_json::{Value as Json, json};

use crate::platform::{Events, function};

const ARN: &str = "arn:aws:events:us-east-1:000000000000:rule";
const PATTERN: &str = r#"{"source":["shop"]}"#;

#[tokio::test]
async fn rules_are_made_anew_but_for_their_tags() {
    let events = Events::new();
    let first = json!({
        "Name": "r", "EventPattern": PATTERN, "Description": "d", "State": "DISABLED",
        "Tags": [{ "Key": "k", "Value": "v" }], "RoleArn": "arn:aws:iam::000000000000:role/r",
    });
    assert_eq!(events.ask("PutRule", first).await, json!({ "RuleArn": format!("{ARN}/r") }));
    let described = events.ask("DescribeRule", json!({ "Name": "r" })).await;
    let mut expected = json!({
        "Name": "r", "Arn": format!("{ARN}/r"), "EventPattern": PATTERN, "State": "DISABLED", "Description": "d",
        "RoleArn": "arn:aws:iam::000000000000:role/r", "EventBusName": "default", "CreatedBy": "000000000000",
    });
    assert_eq!(described, expected);
    let second = json!({ "Name": "r", "ScheduleExpression": "rate(5 minutes)", "Tags": [{ "Key": "no", "Value": "" }] });
    events.ask("PutRule", second).await;
    let described = events.ask("DescribeRule", json!({ "Name": "r" })).await;
    for gone in ["EventPattern", "Description", "RoleArn"] {
        expected.as_object_mut().expect("an object").remove(gone);
    }
    (expected["State"], expected["ScheduleExpression"]) = (json!("ENABLED"), json!("rate(5 minutes)"));
    assert_eq!(described, expected);
    let resource = json!({ "ResourceARN": format!("{ARN}/r") });
    assert_eq!(events.ask("ListTagsForResource", resource.clone()).await["Tags"][0]["Key"], "k");
    let more = json!({ "ResourceARN": format!("{ARN}/r"), "Tags": [{ "Key": "l", "Value": "w" }] });
    events.ask("TagResource", more).await;
    events.ask("UntagResource", json!({ "ResourceARN": format!("{ARN}/r"), "TagKeys": ["k"] })).await;
    assert_eq!(
        events.ask("ListTagsForResource", resource).await,
        json!({ "Tags": [{ "Key": "l", "Value": "w" }] })
    );
    events.ask("DisableRule", json!({ "Name": "r" })).await;
    assert_eq!(
        (events.ask("DescribeRule", json!({ "Name": "r" })).await["State"].as_str(), events.rows(725).await),
        (Some("DISABLED"), 0)
    );
    events.ask("EnableRule", json!({ "Name": "r" })).await;
    assert_eq!(
        (events.ask("DescribeRule", json!({ "Name": "r" })).await["State"].as_str(), events.rows(725).await),
        (Some("ENABLED"), 1)
    );
    events.ask("DeleteRule", json!({ "Name": "r" })).await;
    events.ask("DeleteRule", json!({ "Name": "r" })).await;
    assert_eq!((events.rows(721).await, events.rows(725).await), (0, 0));
    for operation in ["DescribeRule", "EnableRule", "DisableRule"] {
        events.send_to(operation, &json!({ "Name": "r" })).await.refuses(
            400,
            "ResourceNotFoundException",
            "Rule r does not exist on EventBus default.",
        );
    }
    events.send_to("ListTagsForResource", &json!({ "ResourceARN": format!("{ARN}/bus/r") })).await.refuses(
        400,
        "ResourceNotFoundException",
        "Rule r does not exist on EventBus bus.",
    );
}

#[tokio::test]
async fn rules_are_listed_in_pages() {
    let events = Events::new();
    events.ask("CreateEventBus", json!({ "Name": "shop" })).await;
    for name in ["a-1", "a-2", "b"] {
        let made = events
            .ask("PutRule", json!({ "Name": name, "EventBusName": "shop", "EventPattern": PATTERN }))
            .await;
        assert_eq!(made, json!({ "RuleArn": format!("{ARN}/shop/{name}") }));
    }
    let names = |listed: &Json| {
        listed["Rules"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|rule| rule["Name"].clone())
            .collect::<Vec<_>>()
    };
    let first = events.ask("ListRules", json!({ "EventBusName": "shop", "Limit": 2 })).await;
    assert_eq!(
        (names(&first), first["Rules"][0]["Arn"].as_str()),
        (vec![json!("a-1"), json!("a-2")], Some(&*format!("{ARN}/shop/a-1")))
    );
    let next = json!({ "EventBusName": "shop", "Limit": 2, "NextToken": first["NextToken"] });
    let next = events.ask("ListRules", next).await;
    assert_eq!((names(&next), next["NextToken"].is_null()), (vec![json!("b")], true));
    let prefixed = events.ask("ListRules", json!({ "EventBusName": "shop", "NamePrefix": "b" })).await;
    assert_eq!(names(&prefixed), [json!("b")]);
    assert_eq!(names(&events.ask("ListRules", json!({})).await), Vec::<Json>::new());
    let target = json!([{ "Id": "1", "Arn": function("f") }, { "Id": "2", "Arn": function("f") }]);
    for name in ["a-1", "b"] {
        events.ask("PutTargets", json!({ "Rule": name, "EventBusName": "shop", "Targets": target })).await;
    }
    let by = json!({ "EventBusName": "shop", "TargetArn": function("f"), "Limit": 1 });
    let first = events.ask("ListRuleNamesByTarget", by.clone()).await;
    assert_eq!(first["RuleNames"], json!(["a-1"]));
    let mut next = by;
    next["NextToken"] = first["NextToken"].clone();
    assert_eq!(events.ask("ListRuleNamesByTarget", next).await, json!({ "RuleNames": ["b"] }));
    events.send_to("ListRules", &json!({ "EventBusName": "none" })).await.refuses(
        400,
        "ResourceNotFoundException",
        "Event bus none does not exist.",
    );
}

#[tokio::test]
async fn what_is_no_rule() {
    let events = Events::new();
    events.ask("CreateEventBus", json!({ "Name": "shop" })).await;
    let check = async |body: Json, code: &str, message: &str| {
        events.send_to("PutRule", &body).await.refuses(400, code, message);
    };
    check(
        json!({ "Name": "r" }),
        "ValidationException",
        "Parameter(s) EventPattern or ScheduleExpression must be specified.",
    )
    .await;
    check(
        json!({ "Name": "r", "ScheduleExpression": "rate(1 minutes)" }),
        "ValidationException",
        "Parameter ScheduleExpression is not valid.",
    )
    .await;
    check(
        json!({ "Name": "r", "ScheduleExpression": "rate(1 minute)", "EventBusName": "shop" }),
        "ValidationException",
        "ScheduleExpression is supported only on the default event bus.",
    )
    .await;
    check(
        json!({ "Name": "r", "EventPattern": PATTERN, "EventBusName": "none" }),
        "ResourceNotFoundException",
        "Event bus none does not exist.",
    )
    .await;
    for (pattern, reason) in [
        ("{}", "Empty objects are not allowed"),
        (r#"{"source":"shop"}"#, "\"source\" must be an object or an array"),
        (r#"{"source":[{"like":"shop"}]}"#, "Unrecognized match type like"),
    ] {
        let message = format!("Event pattern is not valid. Reason: {reason}");
        check(json!({ "Name": "r", "EventPattern": pattern }), "InvalidEventPatternException", &message)
            .await;
    }
    check(
        json!({ "Name": "r r", "EventPattern": PATTERN }),
        "ValidationException",
        "1 validation error detected: Value 'r r' at 'name' failed to satisfy constraint: Member must satisfy regular \
         expression pattern: [\\.\\-_A-Za-z0-9]+",
    )
    .await;
    assert_eq!(events.rows(721).await, 0);
    let other = json!({ "Name": "r", "EventPattern": PATTERN, "EventBusName": "arn:aws:events:us-east-1:111122223333:event-bus/default" });
    assert!(events.send_to("PutRule", &other).await.text().contains("AccessDeniedException"));
}

#[tokio::test]
async fn a_bus_has_three_hundred_rules() {
    let events = Events::new();
    for number in 0..300 {
        events.ask("PutRule", json!({ "Name": format!("r{number}"), "EventPattern": PATTERN })).await;
    }
    events.send_to("PutRule", &json!({ "Name": "more", "EventPattern": PATTERN })).await.refuses(
        400,
        "LimitExceededException",
        "The requested resource exceeds the maximum number allowed.",
    );
    events.ask("PutRule", json!({ "Name": "r7", "EventPattern": PATTERN })).await;
}

#[tokio::test]
async fn patterns_are_tried_on_events() {
    let events = Events::new();
    let event = json!({
        "id": "1", "account": "1", "source": "shop", "time": "2026-11-23T10:11:12Z", "region": "r", "resources": [],
        "detail-type": "t", "detail": { "n": 5 },
    });
    let test = async |pattern: Json, event: &Json| {
        let body = json!({ "EventPattern": pattern.to_string(), "Event": event.to_string() });
        events.send_to("TestEventPattern", &body).await
    };
    let range = json!({ "detail": { "n": [{ "numeric": [">", 4, "<=", 5] }] } });
    test(range, &event).await.is_json(200, &json!({ "Result": true }));
    test(json!({ "source": ["other"] }), &event).await.is_json(200, &json!({ "Result": false }));
    test(json!({ "source": [] }), &event).await.refuses(
        400,
        "InvalidEventPatternException",
        "Event pattern is not valid. Reason: Empty arrays are not allowed",
    );
    for bad in [json!("text"), json!({ "source": "shop" })] {
        test(json!({ "a": [1] }), &bad).await.refuses(
            400,
            "ValidationException",
            "Parameter Event is not valid.",
        );
    }
}
