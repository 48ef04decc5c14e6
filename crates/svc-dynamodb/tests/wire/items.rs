//! Items over the wire: put, get, update, delete, batches, refusals.

use serde_json::json;
use testkit::{Dynamo, dynamo_table as table};

#[tokio::test]
async fn an_item_is_put_and_got() {
    let dynamo = Dynamo::with_table().await;
    let item = json!({
        "h": { "S": "a" }, "r": { "N": "1.50" }, "b": { "B": "AQI=" }, "ss": { "SS": ["x", "y"] },
        "m": { "M": { "l": { "L": [{ "NULL": true }, { "BOOL": false }] } } }, "e": { "S": "" },
    });
    dynamo.put(item.clone()).await;
    let mut expected = item;
    expected["r"] = json!({ "N": "1.5" });
    assert_eq!(dynamo.get(json!({ "h": { "S": "a" }, "r": { "N": "15e-1" } })).await, expected);
    let body = json!({
        "TableName": "tab", "Key": { "h": { "S": "a" }, "r": { "N": "1.5" } },
        "ProjectionExpression": "m.l[1], #e", "ExpressionAttributeNames": { "#e": "e" }, "ReturnConsumedCapacity": "TOTAL",
    });
    dynamo.call("GetItem", body).await.is_json(
        200,
        &json!({
            "Item": { "m": { "M": { "l": { "L": [{ "BOOL": false }] } } }, "e": { "S": "" } },
            "ConsumedCapacity": { "TableName": "tab", "CapacityUnits": 0.5 },
        }),
    );
    let absent = json!({ "TableName": "tab", "Key": { "h": { "S": "b" }, "r": { "N": "1" } } });
    dynamo.call("GetItem", absent).await.is(200, "{}");
}

#[tokio::test]
async fn a_condition_decides() {
    let dynamo = Dynamo::with_table().await;
    let item = json!({ "h": { "S": "a" }, "r": { "N": "1" }, "v": { "N": "1" } });
    let put = json!({ "TableName": "tab", "Item": item, "ConditionExpression": "attribute_not_exists(h)" });
    dynamo.call("PutItem", put.clone()).await.is(200, "{}");
    dynamo.call("PutItem", put.clone()).await.refuses(
        400,
        "ConditionalCheckFailedException",
        "The conditional request failed",
    );
    let mut told = put;
    told["ReturnValuesOnConditionCheckFailure"] = json!("ALL_OLD");
    let answer = dynamo.call("PutItem", told).await;
    assert_eq!(answer.json()["Item"], item);
    let old = json!({
        "TableName": "tab", "Item": { "h": { "S": "a" }, "r": { "N": "1" } },
        "Expected": { "v": { "Value": { "N": "1.0" } } }, "ReturnValues": "ALL_OLD",
    });
    assert_eq!(dynamo.call("PutItem", old).await.ok()["Attributes"], item);
    let delete = json!({
        "TableName": "tab", "Key": { "h": { "S": "a" }, "r": { "N": "1" } },
        "Expected": { "v": { "Exists": true, "Value": { "N": "9" } } },
    });
    dynamo.call("DeleteItem", delete).await.refuses(
        400,
        "ConditionalCheckFailedException",
        "The conditional request failed",
    );
}

#[tokio::test]
async fn an_update_makes_and_changes() {
    let dynamo = Dynamo::with_table().await;
    let key = json!({ "h": { "S": "a" }, "r": { "N": "1" } });
    let update = |expression: &str, returned: &str| {
        json!({
            "TableName": "tab", "Key": key, "UpdateExpression": expression, "ReturnValues": returned,
            "ExpressionAttributeValues": { ":one": { "N": "1" } },
        })
    };
    let answer = dynamo.call("UpdateItem", update("ADD n :one", "UPDATED_NEW")).await;
    answer.is_json(200, &json!({ "Attributes": { "n": { "N": "1" } } }));
    let answer = dynamo.call("UpdateItem", update("SET n = n + :one", "UPDATED_OLD")).await;
    answer.is_json(200, &json!({ "Attributes": { "n": { "N": "1" } } }));
    let answer = dynamo.call("UpdateItem", update("SET x = :one REMOVE n", "ALL_NEW")).await;
    answer
        .is_json(200, &json!({ "Attributes": { "h": { "S": "a" }, "r": { "N": "1" }, "x": { "N": "1" } } }));
    let answer = dynamo.call("UpdateItem", update("SET h = :one", "NONE")).await;
    answer.refuses(400, "ValidationException", "One or more parameter values were invalid: Cannot update attribute h. This attribute is part of the key");
    let old = json!({
        "TableName": "tab", "Key": key, "ReturnValues": "ALL_NEW",
        "AttributeUpdates": { "x": { "Action": "ADD", "Value": { "N": "4" } }, "l": { "Value": { "L": [] } } },
    });
    let answer = dynamo.call("UpdateItem", old).await.ok();
    assert_eq!(
        (&answer["Attributes"]["x"], &answer["Attributes"]["l"]),
        (&json!({ "N": "5" }), &json!({ "L": [] }))
    );
    let only_key = json!({ "TableName": "tab", "Key": { "h": { "S": "k" }, "r": { "N": "0" } } });
    dynamo.call("UpdateItem", only_key).await.is(200, "{}");
    assert_eq!(dynamo.rows(602).await, 2);
}

#[tokio::test]
async fn an_update_that_only_removes_makes_no_item() {
    let dynamo = Dynamo::with_table().await;
    let body = json!({
        "TableName": "tab", "Key": { "h": { "S": "a" }, "r": { "N": "1" } }, "UpdateExpression": "REMOVE x", "ReturnValues": "ALL_NEW",
    });
    dynamo.call("UpdateItem", body).await.is(200, "{}");
    assert_eq!(dynamo.rows(602).await, 0);
}

#[tokio::test]
async fn bad_input_is_refused_in_awss_words_and_changes_nothing() {
    let dynamo = Dynamo::with_table().await;
    let long = "x".repeat(400 * 1024);
    let invalid = "One or more parameter values were invalid: ";
    for (item, said) in [
        (json!({ "r": { "N": "1" } }), format!("{invalid}Missing the key h in the item")),
        (json!({ "h": { "N": "1" }, "r": { "N": "1" } }), format!("{invalid}Type mismatch for key h expected: S actual: N")),
        (json!({ "h": { "S": "" }, "r": { "N": "1" } }), "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: h".to_owned()),
        (json!({ "h": { "S": "x".repeat(2049) }, "r": { "N": "1" } }), format!("{invalid}Size of hashkey has exceeded the maximum size limit of2048 bytes")),
        (json!({ "h": { "S": "a" }, "r": { "N": "one" } }), "The parameter cannot be converted to a numeric value: one".to_owned()),
        (json!({ "h": { "S": "a" }, "r": { "N": "1" }, "x": { "SS": [] } }), format!("{invalid}An string set  may not be empty")),
        (json!({ "h": { "S": "a" }, "r": { "N": "1" }, "x": { "NS": ["1", "1.0"] } }), "Input collection contains duplicates".to_owned()),
        (json!({ "h": { "S": "a" }, "r": { "N": "1" }, "x": {} }), "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes".to_owned()),
        (json!({ "h": { "S": "a" }, "r": { "N": "1" }, "x": { "S": "a", "N": "1" } }), "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes".to_owned()),
        (json!({ "h": { "S": "a" }, "r": { "N": "1" }, "x": { "S": long } }), "Item size has exceeded the maximum allowed size".to_owned()),
    ] {
        dynamo.call("PutItem", json!({ "TableName": "tab", "Item": item })).await.refuses(400, "ValidationException", &said);
    }
    let key = json!({ "TableName": "tab", "Key": { "h": { "S": "a" } } });
    let said = "The provided key element does not match the schema";
    dynamo.call("GetItem", key.clone()).await.refuses(400, "ValidationException", said);
    dynamo.call("DeleteItem", key).await.refuses(400, "ValidationException", said);
    let other = json!({ "TableName": "nothing", "Key": { "h": { "S": "a" } } });
    dynamo.call("GetItem", other).await.refuses(
        400,
        "ResourceNotFoundException",
        "Requested resource not found",
    );
    let both = json!({
        "TableName": "tab", "Item": { "h": { "S": "a" }, "r": { "N": "1" } }, "ConditionExpression": "attribute_exists(h)",
        "Expected": { "h": { "Exists": false } },
    });
    dynamo.call("PutItem", both).await.refuses(400, "ValidationException", "Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {Expected} Expression parameters: {ConditionExpression}");
    assert_eq!(dynamo.rows(602).await, 0);
}

#[tokio::test]
async fn batches_write_and_read() {
    let dynamo = Dynamo::new();
    dynamo.table(table("tab", "h:S", None)).await;
    let key = |n: usize| json!({ "h": { "S": n.to_string() } });
    let puts = (0..25).map(|n| json!({ "PutRequest": { "Item": key(n) } })).collect::<serde_json::Value>();
    let answer = dynamo.call("BatchWriteItem", json!({ "RequestItems": { "tab": puts } })).await;
    answer.is_json(200, &json!({ "UnprocessedItems": {} }));
    let keys = (0..30).map(key).collect::<serde_json::Value>();
    let answer =
        dynamo.call("BatchGetItem", json!({ "RequestItems": { "tab": { "Keys": keys } } })).await.ok();
    assert_eq!(answer["Responses"]["tab"].as_array().expect("as it was made").len(), 25);
    assert_eq!(answer["UnprocessedKeys"], json!({}));
    let twice = json!({ "RequestItems": { "tab": { "Keys": [key(1), key(1)] } } });
    dynamo.call("BatchGetItem", twice).await.refuses(
        400,
        "ValidationException",
        "Provided list of item keys contains duplicates",
    );
    let both = json!({ "RequestItems": { "tab": [{ "PutRequest": { "Item": key(99) } }, { "DeleteRequest": { "Key": key(99) } }] } });
    dynamo.call("BatchWriteItem", both).await.refuses(
        400,
        "ValidationException",
        "Provided list of item keys contains duplicates",
    );
    let delete = json!({ "RequestItems": { "tab": [{ "DeleteRequest": { "Key": key(0) } }, { "DeleteRequest": { "Key": key(77) } }] } });
    dynamo.call("BatchWriteItem", delete).await.ok();
    assert_eq!(dynamo.rows(602).await, 24);
}

#[tokio::test]
async fn many_at_one_item_all_succeed() {
    let dynamo = std::sync::Arc::new(Dynamo::with_table().await);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let dynamo = std::sync::Arc::clone(&dynamo);
        tasks.spawn(async move {
            let body = json!({
                "TableName": "tab", "Key": { "h": { "S": "hot" }, "r": { "N": "1" } },
                "UpdateExpression": "ADD n :one", "ExpressionAttributeValues": { ":one": { "N": "1" } },
            });
            dynamo.call("UpdateItem", body).await.ok();
        });
    }
    tasks.join_all().await;
    let item = dynamo.get(json!({ "h": { "S": "hot" }, "r": { "N": "1" } })).await;
    assert_eq!(item["n"], json!({ "N": "100" }));
}
