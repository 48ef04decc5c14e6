//! Tables over the wire: made, described, changed, tagged, deleted, and what is refused.

use std::time::Duration;

use serde_json::{Value as Json, json};
use testkit::{Dynamo, EPOCH_MS, dynamo_table as table};

#[tokio::test]
async fn a_table_is_made_described_and_deleted() {
    let dynamo = Dynamo::new();
    dynamo.table(table("orders", "id:S", Some("at:N"))).await;
    let described =
        dynamo.call("DescribeTable", json!({ "TableName": "orders" })).await.ok()["Table"].clone();
    let arn = "arn:aws:dynamodb:us-east-1:000000000000:table/orders";
    let seconds = f64::from(u32::try_from(EPOCH_MS / 1000).expect("as it was made")) + 0.345;
    for (member, value) in [
        ("TableName", json!("orders")),
        ("TableArn", json!(arn)),
        ("TableStatus", json!("ACTIVE")),
        ("CreationDateTime", json!(seconds)),
        (
            "KeySchema",
            json!([{ "AttributeName": "id", "KeyType": "HASH" }, { "AttributeName": "at", "KeyType": "RANGE" }]),
        ),
        ("ItemCount", json!(0)),
        ("TableSizeBytes", json!(0)),
        ("DeletionProtectionEnabled", json!(false)),
        ("GlobalSecondaryIndexes", Json::Null),
    ] {
        assert_eq!(described[member], value, "{member}");
    }
    assert_eq!(described["BillingModeSummary"]["BillingMode"], "PAY_PER_REQUEST");
    let again = dynamo.call("CreateTable", table("orders", "id:S", None)).await;
    again.refuses(400, "ResourceInUseException", "Table already exists: orders");
    let item = json!({ "TableName": arn, "Item": { "id": { "S": "a" }, "at": { "N": "1" } } });
    dynamo.call("PutItem", item).await.ok();

    let deleted = dynamo.call("DeleteTable", json!({ "TableName": "orders" })).await.ok();
    assert_eq!(deleted["TableDescription"]["TableStatus"], "DELETING");
    dynamo
        .until("all rows gone", || async {
            dynamo.rows(600).await + dynamo.rows(602).await + dynamo.rows(607).await == 0
        })
        .await;
    let gone = dynamo.call("DescribeTable", json!({ "TableName": "orders" })).await;
    gone.refuses(400, "ResourceNotFoundException", "Requested resource not found: Table: orders not found");
    // The name is free again.
    dynamo.table(table("orders", "id:S", None)).await;
}

#[tokio::test]
async fn tables_are_listed_by_page() {
    let dynamo = Dynamo::new();
    for name in ["aaa", "bbb", "ccc"] {
        dynamo.table(table(name, "h:S", None)).await;
    }
    let first = dynamo.call("ListTables", json!({ "Limit": 2 })).await;
    first.is_json(200, &json!({ "TableNames": ["aaa", "bbb"], "LastEvaluatedTableName": "bbb" }));
    let second = dynamo.call("ListTables", json!({ "ExclusiveStartTableName": "bbb" })).await;
    second.is_json(200, &json!({ "TableNames": ["ccc"] }));
}

#[tokio::test]
async fn bad_tables_are_refused_in_awss_words() {
    let dynamo = Dynamo::new();
    let invalid = "One or more parameter values were invalid: ";
    let with = |change: &dyn Fn(&mut Json)| {
        let mut body = table("bad", "h:S", Some("r:N"));
        change(&mut body);
        body
    };
    for (body, said) in [
        (
            with(&|body| body["BillingMode"] = json!("PROVISIONED")),
            format!(
                "{invalid}ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED"
            ),
        ),
        (
            with(&|body| {
                body["ProvisionedThroughput"] = json!({ "ReadCapacityUnits": 1, "WriteCapacityUnits": 1 })
            }),
            format!(
                "{invalid}Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST"
            ),
        ),
        (
            with(&|body| body["KeySchema"] = json!([{ "AttributeName": "h", "KeyType": "RANGE" }])),
            "Invalid KeySchema: The first KeySchemaElement is not a HASH key type".to_owned(),
        ),
        (
            with(&|body| body["KeySchema"] = json!([{ "AttributeName": "h", "KeyType": "HASH" }])),
            format!(
                "{invalid}Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions"
            ),
        ),
        (
            with(&|body| body["KeySchema"] = json!([{ "AttributeName": "z", "KeyType": "HASH" }])),
            format!(
                "{invalid}Some index key attributes are not defined in AttributeDefinitions. Keys: [z], AttributeDefinitions: [h, r]"
            ),
        ),
        (
            with(&|body| body["StreamSpecification"] = json!({ "StreamEnabled": true })),
            format!("{invalid}StreamViewType is required when StreamEnabled is true"),
        ),
        (
            with(
                &|body| body["LocalSecondaryIndexes"] = json!([{ "IndexName": "lll", "KeySchema": [{ "AttributeName": "r", "KeyType": "HASH" }, { "AttributeName": "h", "KeyType": "RANGE" }], "Projection": { "ProjectionType": "ALL" } }]),
            ),
            format!(
                "{invalid}Index KeySchema does not have the same leading hash key as table KeySchema for index: lll. index hash key: r, table hash key: h"
            ),
        ),
    ] {
        dynamo.call("CreateTable", body).await.refuses(400, "ValidationException", &said);
    }
    let sealed = with(&|body| body["SSESpecification"] = json!({ "Enabled": true }));
    assert_eq!(dynamo.call("CreateTable", sealed).await.status, 501);
    assert_eq!(dynamo.rows(600).await, 0);
}

#[tokio::test]
async fn protection_tags_and_limits() {
    let dynamo = Dynamo::new();
    let mut body = table("ttt", "h:S", None);
    body["DeletionProtectionEnabled"] = json!(true);
    body["Tags"] = json!([{ "Key": "a", "Value": "1" }]);
    dynamo.table(body).await;
    let arn = "arn:aws:dynamodb:us-east-1:000000000000:table/ttt";
    let refused = dynamo.call("DeleteTable", json!({ "TableName": "ttt" })).await;
    refused.refuses(400, "ValidationException", &format!("Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first. Table: {arn}"));
    dynamo
        .call("TagResource", json!({ "ResourceArn": arn, "Tags": [{ "Key": "b", "Value": "2" }] }))
        .await
        .ok();
    dynamo.call("UntagResource", json!({ "ResourceArn": arn, "TagKeys": ["a"] })).await.ok();
    let tags = dynamo.call("ListTagsOfResource", json!({ "ResourceArn": arn })).await;
    tags.is_json(200, &json!({ "Tags": [{ "Key": "b", "Value": "2" }] }));
    let other = dynamo.call("ListTagsOfResource", json!({ "ResourceArn": format!("{arn}x") })).await;
    other.refuses(
        400,
        "ResourceNotFoundException",
        &format!("Requested resource not found: ResourcArn: {arn}x not found"),
    );
    dynamo.call("UpdateTable", json!({ "TableName": "ttt", "DeletionProtectionEnabled": false })).await.ok();
    dynamo.active("ttt").await;
    dynamo.call("DeleteTable", json!({ "TableName": "ttt" })).await.ok();
    assert_eq!(dynamo.call("DescribeLimits", json!({})).await.ok()["TableMaxReadCapacityUnits"], 40000);
}

#[tokio::test]
async fn an_index_is_filled_and_goes() {
    let dynamo = Dynamo::new();
    dynamo.table(table("tab", "h:S", Some("r:N"))).await;
    for n in 0..250 {
        dynamo.put(json!({ "h": { "S": n.to_string() }, "r": { "N": "1" }, "g": { "S": if n % 5 == 0 { "a" } else { "b" } } })).await;
    }
    let create = json!({
        "TableName": "tab", "AttributeDefinitions": [{ "AttributeName": "g", "AttributeType": "S" }],
        "GlobalSecondaryIndexUpdates": [{ "Create": {
            "IndexName": "by-g", "KeySchema": [{ "AttributeName": "g", "KeyType": "HASH" }], "Projection": { "ProjectionType": "KEYS_ONLY" },
        } }],
    });
    let answer = dynamo.call("UpdateTable", create).await.ok();
    assert_eq!(answer["TableDescription"]["GlobalSecondaryIndexes"][0]["IndexStatus"], "CREATING");
    dynamo.active("tab").await;
    let query = json!({
        "TableName": "tab", "IndexName": "by-g", "KeyConditionExpression": "g = :g", "ExpressionAttributeValues": { ":g": { "S": "a" } }, "Select": "COUNT",
    });
    assert_eq!(dynamo.call("Query", query).await.ok()["Count"], 50);
    let delete =
        json!({ "TableName": "tab", "GlobalSecondaryIndexUpdates": [{ "Delete": { "IndexName": "by-g" } }] });
    dynamo.call("UpdateTable", delete).await.ok();
    dynamo
        .until("the index's rows gone", || async { dynamo.rows(603).await + dynamo.rows(607).await == 0 })
        .await;
    assert_eq!(dynamo.rows(602).await, 250);
}

#[tokio::test]
async fn items_expire() {
    let dynamo = Dynamo::new();
    let mut body = table("tab", "h:S", None);
    body["StreamSpecification"] = json!({ "StreamEnabled": true, "StreamViewType": "OLD_IMAGE" });
    dynamo.table(body).await;
    let now = EPOCH_MS / 1000;
    // Before and after it is enabled: one due, one later, one of another type, one absurdly old.
    let put = |name: &str, at: Json| json!({ "h": { "S": name }, "at": at });
    dynamo.put(put("due", json!({ "N": (now + 100).to_string() }))).await;
    dynamo.put(put("text", json!({ "S": "1" }))).await;
    let enable =
        json!({ "TableName": "tab", "TimeToLiveSpecification": { "Enabled": true, "AttributeName": "at" } });
    dynamo.call("UpdateTimeToLive", enable.clone()).await.ok();
    dynamo
        .until("time to live", || async {
            let described = dynamo.call("DescribeTimeToLive", json!({ "TableName": "tab" })).await.ok();
            described["TimeToLiveDescription"]
                == json!({ "TimeToLiveStatus": "ENABLED", "AttributeName": "at" })
        })
        .await;
    dynamo.call("UpdateTimeToLive", enable).await.refuses(
        400,
        "ValidationException",
        "TimeToLive is already enabled",
    );
    dynamo.put(put("later", json!({ "N": (now + 100_000).to_string() }))).await;
    dynamo.put(put("old", json!({ "N": "1000" }))).await;
    dynamo.put(put("due2", json!({ "N": (now + 50).to_string() }))).await;
    dynamo.clock.advance(Duration::from_secs(200));
    dynamo.until("two items gone", || async { dynamo.rows(602).await == 3 }).await;
    for (name, there) in [("due", false), ("due2", false), ("text", true), ("later", true), ("old", true)] {
        assert_eq!(!dynamo.get(json!({ "h": { "S": name } })).await.is_null(), there, "{name}");
    }
}

#[tokio::test]
async fn provisioned_units_are_enforced_when_the_setting_says_so() {
    let dynamo = Dynamo::with(svc_dynamodb::Config { throttle: true });
    let mut body = table("tab", "h:S", None);
    body["BillingMode"] = json!("PROVISIONED");
    body["ProvisionedThroughput"] = json!({ "ReadCapacityUnits": 1, "WriteCapacityUnits": 2 });
    dynamo.table(body).await;
    let item = json!({ "TableName": "tab", "Item": { "h": { "S": "a" }, "x": { "S": "x".repeat(3000) } } });
    dynamo.call("PutItem", item.clone()).await.ok();
    let refused = dynamo.call("PutItem", item.clone()).await;
    assert_eq!(
        (refused.status, refused.json()["__type"].as_str()),
        (400, Some("ProvisionedThroughputExceededException"))
    );
    dynamo.clock.advance(Duration::from_secs(2));
    dynamo.call("PutItem", item).await.ok();
}

#[tokio::test]
async fn names_are_checked() {
    let dynamo = Dynamo::new();
    let short = "TableName must be at least 3 characters long and at most 255 characters long";
    dynamo.call("CreateTable", table("ab", "h:S", None)).await.refuses(400, "ValidationException", short);
    let get = json!({ "TableName": "x".repeat(256), "Key": { "h": { "S": "a" } } });
    dynamo.call("GetItem", get).await.refuses(400, "ValidationException", short);
    let answer = dynamo.call("CreateTable", table("a!b", "h:S", None)).await;
    assert_eq!((answer.status, answer.json()["__type"].as_str()), (400, Some("ValidationException")));
}
