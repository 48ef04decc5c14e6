//! Sizes of item collections: of tables with local indexes, for whoever asks.

use serde_json::{Value as Json, json};
use testkit::{Dynamo, dynamo_table as table};

/// A table with a local index of everything, beside one without.
async fn dynamo() -> Dynamo {
    let dynamo = Dynamo::with_table().await;
    let mut body = table("loc", "h:S", Some("r:N"));
    body["AttributeDefinitions"] = json!([
        { "AttributeName": "h", "AttributeType": "S" },
        { "AttributeName": "r", "AttributeType": "N" },
        { "AttributeName": "x", "AttributeType": "S" },
    ]);
    body["LocalSecondaryIndexes"] = json!([{
        "IndexName": "by-x",
        "KeySchema": [
            { "AttributeName": "h", "KeyType": "HASH" },
            { "AttributeName": "x", "KeyType": "RANGE" },
        ],
        "Projection": { "ProjectionType": "ALL" },
    }]);
    dynamo.table(body).await;
    dynamo
}

fn item(hash: &str, range: &str) -> Json {
    json!({ "h": { "S": hash }, "r": { "N": range }, "x": { "S": "x" } })
}

fn small(hash: &str) -> Json {
    json!({ "ItemCollectionKey": { "h": { "S": hash } }, "SizeEstimateRangeGB": [0.0, 1.0] })
}

#[tokio::test]
async fn a_write_tells_the_size_of_its_collection() {
    let dynamo = dynamo().await;
    let key = json!({ "h": { "S": "a" }, "r": { "N": "1" } });
    for (operation, body) in [
        ("PutItem", json!({ "Item": item("a", "1") })),
        (
            "UpdateItem",
            json!({ "Key": key, "UpdateExpression": "SET y = :y", "ExpressionAttributeValues": { ":y": { "S": "y" } } }),
        ),
        ("DeleteItem", json!({ "Key": key })),
        // Of an item that is not there.
        ("DeleteItem", json!({ "Key": key })),
    ] {
        let ask = |table: &str, wanted: &str| {
            let mut body = body.clone();
            body["TableName"] = table.into();
            body["ReturnItemCollectionMetrics"] = wanted.into();
            body
        };
        let told = dynamo.call(operation, ask("loc", "SIZE")).await.ok();
        assert_eq!(told["ItemCollectionMetrics"], small("a"), "{operation}");
        for (table, wanted) in [("loc", "NONE"), ("tab", "SIZE")] {
            let told = dynamo.call(operation, ask(table, wanted)).await.ok();
            assert_eq!(told.get("ItemCollectionMetrics"), None, "{operation} {table}");
        }
    }
}

#[tokio::test]
async fn batches_and_transactions_tell_of_each_collection_once() {
    let dynamo = dynamo().await;
    let put = |hash: &str, range: &str| json!({ "PutRequest": { "Item": item(hash, range) } });
    let batch = json!({
        "RequestItems": { "loc": [put("a", "1"), put("a", "2"), put("b", "1")], "tab": [put("a", "1")] },
        "ReturnItemCollectionMetrics": "SIZE",
    });
    let told = dynamo.call("BatchWriteItem", batch).await.ok();
    let mut of_table = told["ItemCollectionMetrics"]["loc"].as_array().expect("metrics").clone();
    of_table.sort_by_key(Json::to_string);
    assert_eq!((of_table, told["ItemCollectionMetrics"].get("tab")), (vec![small("a"), small("b")], None));
    let put = |hash: &str, range: &str| json!({ "Put": { "TableName": "loc", "Item": item(hash, range) } });
    let check = json!({ "ConditionCheck": {
        "TableName": "loc", "Key": { "h": { "S": "c" }, "r": { "N": "1" } },
        "ConditionExpression": "attribute_not_exists(h)",
    } });
    let write = json!({
        "TransactItems": [put("a", "3"), put("a", "4"), check], "ReturnItemCollectionMetrics": "SIZE",
    });
    let told = dynamo.call("TransactWriteItems", write).await.ok();
    assert_eq!(told["ItemCollectionMetrics"], json!({ "loc": [small("a")] }));
}
