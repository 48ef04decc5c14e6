//! Transactions over the wire: all or nothing, reasons, tokens.

use std::time::Duration;

use serde_json::json;
use testkit::{Dynamo, dynamo_table as table};

async fn two_tables() -> Dynamo {
    let dynamo = Dynamo::new();
    dynamo.table(table("tab", "h:S", None)).await;
    dynamo.table(table("uuu", "h:S", None)).await;
    dynamo
}

#[tokio::test]
async fn all_of_it_or_nothing() {
    let dynamo = two_tables().await;
    dynamo.put(json!({ "h": { "S": "a" }, "n": { "N": "5" } })).await;
    let update = json!({ "Update": {
        "TableName": "tab", "Key": { "h": { "S": "a" } }, "UpdateExpression": "SET n = n - :x", "ConditionExpression": "n >= :x",
        "ExpressionAttributeValues": { ":x": { "N": "3" } }, "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    } });
    let put = json!({ "Put": { "TableName": "uuu", "Item": { "h": { "S": "b" } } } });
    let body = json!({ "TransactItems": [put, update], "ReturnConsumedCapacity": "TOTAL" });
    let answer = dynamo.call("TransactWriteItems", body.clone()).await.ok();
    let unit = |name: &str| json!({ "TableName": name, "CapacityUnits": 2.0, "WriteCapacityUnits": 2.0 });
    assert_eq!(answer["ConsumedCapacity"], json!([unit("tab"), unit("uuu")]));
    let refused = dynamo.call("TransactWriteItems", body).await;
    assert_eq!(refused.status, 400);
    let said = refused.json();
    assert_eq!(said["__type"], "TransactionCanceledException");
    assert_eq!(
        said["Message"].as_str().or(said["message"].as_str()),
        Some(
            "Transaction cancelled, please refer cancellation reasons for specific reasons [None, ConditionalCheckFailed]"
        )
    );
    assert_eq!(
        said["CancellationReasons"],
        json!([
            { "Code": "None" },
            { "Code": "ConditionalCheckFailed", "Message": "The conditional request failed", "Item": { "h": { "S": "a" }, "n": { "N": "2" } } },
        ])
    );
    let get =
        |table: &str, name: &str| json!({ "Get": { "TableName": table, "Key": { "h": { "S": name } } } });
    let read = dynamo
        .call(
            "TransactGetItems",
            json!({ "TransactItems": [get("tab", "a"), get("uuu", "b"), get("uuu", "c")] }),
        )
        .await;
    read.is_json(200, &json!({ "Responses": [{ "Item": { "h": { "S": "a" }, "n": { "N": "2" } } }, { "Item": { "h": { "S": "b" } } }, {}] }));
}

#[tokio::test]
async fn a_token_counts_once() {
    let dynamo = two_tables().await;
    let body = |by: &str| {
        json!({
            "ClientRequestToken": "token-1",
            "TransactItems": [{ "Update": {
                "TableName": "tab", "Key": { "h": { "S": "a" } }, "UpdateExpression": "ADD n :x", "ExpressionAttributeValues": { ":x": { "N": by } },
            } }],
        })
    };
    for _ in 0..3 {
        dynamo.call("TransactWriteItems", body("1")).await.ok();
    }
    assert_eq!(dynamo.get(json!({ "h": { "S": "a" } })).await["n"], json!({ "N": "1" }));
    let other = dynamo.call("TransactWriteItems", body("2")).await;
    assert_eq!(other.json()["__type"], "IdempotentParameterMismatchException");
    dynamo.clock.advance(Duration::from_secs(601));
    dynamo.call("TransactWriteItems", body("2")).await.ok();
    assert_eq!(dynamo.get(json!({ "h": { "S": "a" } })).await["n"], json!({ "N": "3" }));
}

#[tokio::test]
async fn bad_transactions_are_refused() {
    let dynamo = two_tables().await;
    let put = json!({ "Put": { "TableName": "tab", "Item": { "h": { "S": "a" } } } });
    let check = json!({ "ConditionCheck": { "TableName": "tab", "Key": { "h": { "S": "a" } }, "ConditionExpression": "attribute_exists(h)" } });
    let twice = json!({ "TransactItems": [put, check] });
    dynamo.call("TransactWriteItems", twice).await.refuses(
        400,
        "ValidationException",
        "Transaction request cannot include multiple operations on one item",
    );
    let both = json!({ "TransactItems": [{ "Put": put["Put"], "ConditionCheck": check["ConditionCheck"] }] });
    dynamo.call("TransactWriteItems", both).await.refuses(
        400,
        "ValidationException",
        "TransactItems can only contain one of Check, Put, Update or Delete",
    );
    let absent =
        json!({ "TransactItems": [put, { "Put": { "TableName": "none", "Item": { "h": { "S": "a" } } } }] });
    dynamo.call("TransactWriteItems", absent).await.refuses(
        400,
        "ResourceNotFoundException",
        "Requested resource not found",
    );
    assert_eq!(dynamo.rows(602).await, 0);
    let get = json!({ "Get": { "TableName": "tab", "Key": { "h": { "S": "a" } } } });
    dynamo.call("TransactGetItems", json!({ "TransactItems": [get, get] })).await.refuses(
        400,
        "ValidationException",
        "Transaction request cannot include multiple operations on one item",
    );
}

#[tokio::test]
async fn transfers_at_once_lose_nothing() {
    let dynamo = std::sync::Arc::new(two_tables().await);
    for n in 0..5 {
        dynamo.put(json!({ "h": { "S": n.to_string() }, "n": { "N": "100" } })).await;
    }
    let mut tasks = tokio::task::JoinSet::new();
    for turn in 0..60 {
        let dynamo = std::sync::Arc::clone(&dynamo);
        tasks.spawn(async move {
            let change = |n: usize, by: &str| json!({ "Update": {
                "TableName": "tab", "Key": { "h": { "S": n.to_string() } }, "UpdateExpression": "ADD n :x", "ExpressionAttributeValues": { ":x": { "N": by } },
            } });
            let (from, to) = (turn % 5, (turn * 3 + 1) % 5);
            if from != to {
                dynamo.call("TransactWriteItems", json!({ "TransactItems": [change(from, "-1"), change(to, "1")] })).await.ok();
            }
        });
    }
    tasks.join_all().await;
    let all = dynamo.call("Scan", json!({ "TableName": "tab" })).await.ok();
    let sum =
        all["Items"].as_array().expect("as it was made").iter().map(|item| {
            item["n"]["N"].as_str().expect("as it was made").parse::<i64>().expect("as it was made")
        });
    assert_eq!(sum.sum::<i64>(), 500);
}
