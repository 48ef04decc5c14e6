//! What targets may be, and what they are sent.

use serde_json::{Value as Json, json};

use crate::platform::{Events, body, function};

#[tokio::test]
async fn targets_are_shown_as_they_were_put() {
    let events = Events::new();
    let full = json!({
        "Id": "1", "Arn": function("f"), "RoleArn": "arn:aws:iam::000000000000:role/r",
        "InputTransformer": { "InputPathsMap": { "a": "$.detail.a" }, "InputTemplate": "{\"a\":<a>}" },
        "RetryPolicy": { "MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 60 },
        "DeadLetterConfig": { "Arn": "arn:aws:sqs:us-east-1:000000000000:dead" },
    });
    let queue = json!({
        "Id": "2", "Arn": "arn:aws:sqs:us-east-1:000000000000:q.fifo", "InputPath": "$.detail",
        "SqsParameters": { "MessageGroupId": "g" },
    });
    events.rule("r", json!({ "source": ["shop"] }), json!([full, queue])).await;
    let listed = events.ask("ListTargetsByRule", json!({ "Rule": "r" })).await;
    assert_eq!(listed, json!({ "Targets": [full, queue] }));
    let first = events.ask("ListTargetsByRule", json!({ "Rule": "r", "Limit": 1 })).await;
    let next = json!({ "Rule": "r", "NextToken": first["NextToken"] });
    assert_eq!(events.ask("ListTargetsByRule", next).await["Targets"][0]["Id"], "2");
    events.send_to("DeleteRule", &json!({ "Name": "r" })).await.refuses(
        400,
        "ValidationException",
        "Rule can't be deleted since it has targets.",
    );
    let removed = events.ask("RemoveTargets", json!({ "Rule": "r", "Ids": ["1", "2", "3"] })).await;
    let expected = json!({ "FailedEntryCount": 1, "FailedEntries": [{
        "TargetId": "3", "ErrorCode": "ResourceNotFoundException",
        "ErrorMessage": "Rule r does not have a target with the Id 3.",
    }] });
    assert_eq!(removed, expected);
    for (operation, more) in [
        ("ListTargetsByRule", json!({})),
        ("RemoveTargets", json!({ "Ids": ["1"] })),
        ("PutTargets", json!({ "Targets": [full] })),
    ] {
        let mut request = more;
        request["Rule"] = "none".into();
        events.send_to(operation, &request).await.refuses(
            400,
            "ResourceNotFoundException",
            "Rule none does not exist on EventBus default.",
        );
    }
}

#[tokio::test]
async fn what_is_no_target() {
    let events = Events::new();
    events.rule("r", json!({ "source": ["shop"] }), json!([{ "Id": "0", "Arn": function("f") }])).await;
    let put =
        async |target: Json| events.send_to("PutTargets", &json!({ "Rule": "r", "Targets": [target] })).await;
    let refused = async |target: Json, message: &str| {
        put(target).await.refuses(400, "ValidationException", message);
    };
    refused(
        json!({ "Id": "1", "Arn": "f" }),
        "Parameter f is not valid. Reason: Provided Arn is not in correct format.",
    )
    .await;
    let role = "arn:aws:iam::111122223333:role/r";
    let passed = "Cross-account pass role is not allowed.";
    refused(json!({ "Id": "1", "Arn": function("f"), "RoleArn": role }), passed).await;
    refused(json!({ "Id": "1", "Arn": function("f"), "RoleArn": "r" }), "Parameter RoleArn is not valid.")
        .await;
    let rule = json!({ "Name": "s", "EventPattern": r#"{"a":[1]}"#, "RoleArn": role });
    events.send_to("PutRule", &rule).await.refuses(400, "ValidationException", passed);
    refused(
        json!({ "Id": "1", "Arn": "arn:aws:sqs:us-east-1:000000000000:q.fifo" }),
        "Parameter(s) SqsParameters must be specified for target: 1.",
    )
    .await;
    refused(
        json!({ "Id": "1", "Arn": function("f"), "Input": "{}", "InputPath": "$" }),
        "Only one of Input, InputPath, or InputTransformer must be provided for target 1.",
    )
    .await;
    refused(
        json!({ "Id": "1", "Arn": function("f"), "InputTransformer": { "InputTemplate": "<x>" } }),
        "InputTemplate for target 1 contains invalid placeholder x.",
    )
    .await;
    refused(
        json!({ "Id": "1", "Arn": function("f"), "Input": "{" }),
        "JSON syntax error in input for target 1.",
    )
    .await;
    refused(
        json!({ "Id": "1", "Arn": function("f"), "InputPath": "detail" }),
        "InputPath for target 1 is invalid: detail.",
    )
    .await;
    let destination = "arn:aws:events:us-east-1:000000000000:api-destination/d/1";
    refused(
        json!({ "Id": "1", "Arn": destination }),
        &format!("RoleArn is required for target {destination}."),
    )
    .await;
    for target in [
        json!({ "Id": "1", "Arn": "arn:aws:kinesis:us-east-1:000000000000:stream/s", "RoleArn": "arn:aws:iam::000000000000:role/r" }),
        json!({ "Id": "1", "Arn": "arn:aws:states:us-east-1:000000000000:stateMachine:m" }),
        json!({ "Id": "1", "Arn": function("f"), "HttpParameters": {} }),
    ] {
        assert_eq!(put(target.clone()).await.status, 501, "{target}");
    }
    let six = (0..6).map(|n| json!({ "Id": n.to_string(), "Arn": function("f") })).collect::<Vec<_>>();
    events.send_to("PutTargets", &json!({ "Rule": "r", "Targets": six })).await.refuses(
        400,
        "LimitExceededException",
        "The requested resource exceeds the maximum number allowed.",
    );
    assert_eq!(events.rows(722).await, 1);
}

#[tokio::test]
async fn a_target_gets_the_event_or_what_it_asked_for() {
    let events = Events::new();
    let targets = json!([
        { "Id": "1", "Arn": function("whole") },
        { "Id": "2", "Arn": function("path"), "InputPath": "$.detail.order" },
        { "Id": "3", "Arn": function("input"), "Input": "{\"constant\": true}" },
        { "Id": "4", "Arn": function("template"), "InputTransformer": {
            "InputPathsMap": { "id": "$.detail.order.id", "type": "$.detail-type" },
            "InputTemplate": "{\"order\": <id>, \"of\": \"<type> by <aws.events.rule-name>\", \"at\": <aws.events.rule-arn>}",
        } },
    ]);
    events.rule("r", json!({ "detail": { "order": { "id": [{ "exists": true }] } } }), targets).await;
    events.put("Order", json!({ "order": { "id": 7 } })).await;
    let received = events.functions.until(4).await;
    let of = |name: &str| {
        let found = received.iter().find(|delivery| delivery.target.as_str() == function(name));
        found.map(body).expect("one for each")
    };
    let whole = of("whole");
    let expected = json!({
        "version": "0", "id": whole["id"], "detail-type": "Order", "source": "shop", "account": "000000000000",
        "time": "2026-11-23T10:11:12Z", "region": "us-east-1", "resources": [], "detail": { "order": { "id": 7 } },
    });
    assert_eq!((whole["id"].as_str().map(str::len), &whole), (Some(36), &expected));
    assert_eq!(of("path"), json!({ "id": 7 }));
    assert_eq!(of("input"), json!({ "constant": true }));
    let arn = "arn:aws:events:us-east-1:000000000000:rule/r";
    assert_eq!(of("template"), json!({ "order": 7, "of": "Order by r", "at": arn }));
    let sender = &received[0].sender;
    assert_eq!((sender.service.as_str(), sender.source_arn.as_str()), ("events.amazonaws.com", arn));
}
