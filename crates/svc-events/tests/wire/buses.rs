//! Buses and their policies.

use serde_json::{Value as Json, json};

use crate::platform::Events;

const ARN: &str = "arn:aws:events:us-east-1:000000000000:event-bus";

#[tokio::test]
async fn buses_come_and_go_and_one_is_always_there() {
    let events = Events::new();
    let described = events.ask("DescribeEventBus", json!({})).await;
    assert_eq!(described, json!({ "Name": "default", "Arn": format!("{ARN}/default") }));
    let created = json!({ "Name": "shop", "Description": "orders", "Tags": [{ "Key": "k", "Value": "v" }] });
    let made = events.ask("CreateEventBus", created.clone()).await;
    assert_eq!(made, json!({ "EventBusArn": format!("{ARN}/shop"), "Description": "orders" }));
    events.send_to("CreateEventBus", &created).await.refuses(
        400,
        "ResourceAlreadyExistsException",
        "Event bus shop already exists.",
    );
    events.send_to("CreateEventBus", &json!({ "Name": "default" })).await.refuses(
        400,
        "ResourceAlreadyExistsException",
        "Event bus default already exists.",
    );
    let listed = events.ask("ListEventBuses", json!({})).await;
    let names = listed["EventBuses"].as_array().expect("a list").iter().map(|bus| bus["Name"].clone());
    assert_eq!(names.collect::<Vec<_>>(), ["default", "shop"]);
    let first = events.ask("ListEventBuses", json!({ "Limit": 1 })).await;
    let next = json!({ "Limit": 1, "NextToken": first["NextToken"] });
    assert_eq!(events.ask("ListEventBuses", next).await["EventBuses"][0]["Name"], "shop");
    let prefixed = events.ask("ListEventBuses", json!({ "NamePrefix": "sh" })).await;
    assert_eq!(prefixed["EventBuses"].as_array().map(Vec::len), Some(1));
    let update = json!({ "Name": "shop", "Description": "new" });
    assert_eq!(events.ask("UpdateEventBus", update).await["Description"], "new");
    // By its ARN too.
    let described = events.ask("DescribeEventBus", json!({ "Name": format!("{ARN}/shop") })).await;
    assert_eq!(
        (described["Description"].as_str(), described["CreationTime"].is_number()),
        (Some("new"), true)
    );
    let tags = events.ask("ListTagsForResource", json!({ "ResourceARN": format!("{ARN}/shop") })).await;
    assert_eq!(tags, json!({ "Tags": [{ "Key": "k", "Value": "v" }] }));
    events
        .ask("PutRule", json!({ "Name": "r", "EventBusName": "shop", "EventPattern": r#"{"a":[1]}"# }))
        .await;
    events.send_to("DeleteEventBus", &json!({ "Name": "shop" })).await.refuses(
        400,
        "ValidationException",
        "Cannot delete event bus shop because it has rules.",
    );
    events.ask("DeleteRule", json!({ "Name": "r", "EventBusName": "shop" })).await;
    events.ask("DeleteEventBus", json!({ "Name": "shop" })).await;
    events.ask("DeleteEventBus", json!({ "Name": "shop" })).await;
    events.send_to("DescribeEventBus", &json!({ "Name": "shop" })).await.refuses(
        400,
        "ResourceNotFoundException",
        "Event bus shop does not exist.",
    );
    events.send_to("DeleteEventBus", &json!({ "Name": "default" })).await.refuses(
        400,
        "ValidationException",
        "Cannot delete event bus default.",
    );
}

#[tokio::test]
async fn what_is_not_honoured_is_refused() {
    let events = Events::new();
    for (operation, body) in [
        ("CreateEventBus", json!({ "Name": "b", "KmsKeyIdentifier": "alias/k" })),
        ("CreateEventBus", json!({ "Name": "b", "LogConfig": { "Level": "INFO" } })),
        ("CreateEventBus", json!({ "Name": "b", "EventSourceName": "aws.partner/x/y" })),
        ("PutEvents", json!({ "Entries": [{ "Source": "s" }], "EndpointId": "a.b" })),
        ("CreateEndpoint", json!({ "Name": "e" })),
    ] {
        assert_eq!(events.send_to(operation, &body).await.status, 501, "{operation} {body}");
    }
}

#[tokio::test]
async fn policies_by_statement_and_as_a_whole() {
    let events = Events::new();
    let policy = async || {
        let described = events.ask("DescribeEventBus", json!({})).await;
        described["Policy"].as_str().map(|text| serde_json::from_str::<Json>(text).expect("JSON"))
    };
    events.send_to("RemovePermission", &json!({ "StatementId": "s" })).await.refuses(
        400,
        "ResourceNotFoundException",
        "EventBus does not have a policy.",
    );
    let grant = json!({ "StatementId": "s", "Action": "events:PutEvents", "Principal": "111122223333" });
    events.ask("PutPermission", grant).await;
    let everybody = json!({
        "StatementId": "all", "Action": "events:PutEvents", "Principal": "*",
        "Condition": { "Type": "StringEquals", "Key": "aws:PrincipalOrgID", "Value": "o-1" },
    });
    events.ask("PutPermission", everybody).await;
    let statement = |sid: &str, principal: Json| {
        json!({ "Sid": sid, "Effect": "Allow", "Principal": principal, "Action": "events:PutEvents",
                "Resource": format!("{ARN}/default") })
    };
    let mut all = statement("all", json!("*"));
    all["Condition"] = json!({ "StringEquals": { "aws:PrincipalOrgID": "o-1" } });
    let one = statement("s", json!({ "AWS": "arn:aws:iam::111122223333:root" }));
    assert_eq!(policy().await, Some(json!({ "Version": "2012-10-17", "Statement": [one, all] })));
    events.send_to("RemovePermission", &json!({ "StatementId": "none" })).await.refuses(
        400,
        "ResourceNotFoundException",
        "Statement with the provided id does not exist.",
    );
    events.ask("RemovePermission", json!({ "StatementId": "s" })).await;
    events.ask("RemovePermission", json!({ "StatementId": "all" })).await;
    assert_eq!(policy().await, None);
    let whole = json!({ "Version": "2012-10-17", "Statement": [statement("x", json!("*"))] });
    events.ask("PutPermission", json!({ "Policy": whole.to_string() })).await;
    assert_eq!(policy().await, Some(whole));
    events.ask("RemovePermission", json!({ "RemoveAllPermissions": true })).await;
    assert_eq!(policy().await, None);
    let bad = json!({ "StatementId": "s", "Action": "events:PutRule", "Principal": "*" });
    events.send_to("PutPermission", &bad).await.refuses(
        400,
        "ValidationException",
        "Provided value in parameter 'action' is not supported.",
    );
    assert_eq!(events.send_to("PutPermission", &json!({ "Policy": "{}" })).await.status, 400);
    let long = json!({ "Policy": format!(r#"{{"Id":"{}"}}"#, "x".repeat(10_240)) });
    assert!(events.send_to("PutPermission", &long).await.text().contains("PolicyLengthExceededException"));
}
