//! `Query` and `Scan` over the wire: order, paging, indexes, filters, segments, refusals.

use serde_json::{Value as Json, json};
use testkit::{Dynamo, dynamo_table as table};

fn numbers(answer: &Json) -> Vec<i64> {
    let items = answer["Items"].as_array().expect("as it was made").iter();
    items
        .map(|item| item["r"]["N"].as_str().expect("as it was made").parse().expect("as it was made"))
        .collect()
}

async fn filled() -> Dynamo {
    let dynamo = Dynamo::new();
    let mut body = table("tab", "h:S", Some("r:N"));
    let more =
        [("g", "S"), ("l", "S")].map(|(name, kind)| json!({ "AttributeName": name, "AttributeType": kind }));
    body["AttributeDefinitions"].as_array_mut().expect("as it was made").extend(more);
    body["GlobalSecondaryIndexes"] = json!([{
        "IndexName": "by-g", "KeySchema": [{ "AttributeName": "g", "KeyType": "HASH" }, { "AttributeName": "r", "KeyType": "RANGE" }],
        "Projection": { "ProjectionType": "INCLUDE", "NonKeyAttributes": ["x"] },
    }]);
    body["LocalSecondaryIndexes"] = json!([{
        "IndexName": "by-l", "KeySchema": [{ "AttributeName": "h", "KeyType": "HASH" }, { "AttributeName": "l", "KeyType": "RANGE" }],
        "Projection": { "ProjectionType": "KEYS_ONLY" },
    }]);
    dynamo.table(body).await;
    for n in [-20, -3, -1, 0, 2, 10, 11, 100] {
        let item = json!({
            "h": { "S": "a" }, "r": { "N": n.to_string() }, "x": { "N": (n * 2).to_string() }, "y": { "S": "y" },
            "g": { "S": if n < 0 { "minus" } else { "plus" } }, "l": { "S": format!("{:05}", 1000 - n) },
        });
        dynamo.put(item).await;
    }
    dynamo.put(json!({ "h": { "S": "b" }, "r": { "N": "7" } })).await;
    dynamo
}

fn query(condition: &str, values: Json) -> Json {
    json!({ "TableName": "tab", "KeyConditionExpression": condition, "ExpressionAttributeValues": values })
}

#[tokio::test]
async fn sort_keys_are_in_order_and_cut() {
    let dynamo = filled().await;
    for (condition, found) in [
        ("h = :a", vec![-20, -3, -1, 0, 2, 10, 11, 100]),
        ("h = :a AND r > :low", vec![-1, 0, 2, 10, 11, 100]),
        ("r >= :low AND h = :a", vec![-3, -1, 0, 2, 10, 11, 100]),
        ("h = :a AND r < :high", vec![-20, -3, -1, 0, 2]),
        ("h = :a AND r <= :high", vec![-20, -3, -1, 0, 2, 10]),
        ("h = :a AND r = :high", vec![10]),
        ("(h = :a) AND (r BETWEEN :low AND :high)", vec![-3, -1, 0, 2, 10]),
        ("h = :a AND :high < r", vec![11, 100]),
    ] {
        let mut values = json!({ ":a": { "S": "a" } });
        for (name, value) in [(":low", "-3"), (":high", "10.0")] {
            if condition.contains(name) {
                values[name] = json!({ "N": value });
            }
        }
        let answer = dynamo.call("Query", query(condition, values.clone())).await.ok();
        assert_eq!(numbers(&answer), found, "{condition}");
        let mut back = query(condition, values);
        back["ScanIndexForward"] = json!(false);
        let mut answer = numbers(&dynamo.call("Query", back).await.ok());
        answer.reverse();
        assert_eq!(answer, found, "{condition} backwards");
    }
}

#[tokio::test]
async fn pages_follow_each_other_both_ways_and_in_indexes() {
    let dynamo = filled().await;
    for (index, forward) in [(None, true), (None, false), (Some("by-l"), true), (Some("by-l"), false)] {
        let (mut found, mut start) = (Vec::new(), Json::Null);
        loop {
            let mut body = query("h = :a", json!({ ":a": { "S": "a" } }));
            body["Limit"] = json!(3);
            body["ScanIndexForward"] = json!(forward);
            if let Some(index) = index {
                body["IndexName"] = json!(index);
            }
            if !start.is_null() {
                body["ExclusiveStartKey"] = start;
            }
            let answer = dynamo.call("Query", body).await.ok();
            found.extend(numbers(&answer));
            start = answer["LastEvaluatedKey"].clone();
            if start.is_null() {
                break;
            }
        }
        let mut expected = vec![-20, -3, -1, 0, 2, 10, 11, 100];
        // The local index turns the order.
        if forward == index.is_some() {
            expected.reverse();
        }
        assert_eq!(found, expected, "{index:?} {forward}");
    }
}

#[tokio::test]
async fn indexes_hold_what_they_project() {
    let dynamo = filled().await;
    let mut body = query("g = :g", json!({ ":g": { "S": "minus" } }));
    body["IndexName"] = json!("by-g");
    let answer = dynamo.call("Query", body.clone()).await.ok();
    assert_eq!(numbers(&answer), [-20, -3, -1]);
    assert_eq!(
        answer["Items"][0],
        json!({ "h": { "S": "a" }, "r": { "N": "-20" }, "g": { "S": "minus" }, "x": { "N": "-40" } })
    );
    body["ConsistentRead"] = json!(true);
    dynamo.call("Query", body.clone()).await.refuses(
        400,
        "ValidationException",
        "Consistent reads are not supported on global secondary indexes",
    );
    body["ConsistentRead"] = json!(false);
    body["ProjectionExpression"] = json!("y");
    dynamo.call("Query", body).await.refuses(
        400,
        "ValidationException",
        "One or more parameter values were invalid: Global secondary index by-g does not project [y]",
    );
    let mut local = query("h = :a AND l = :l", json!({ ":a": { "S": "a" }, ":l": { "S": "00998" } }));
    local["IndexName"] = json!("by-l");
    let answer = dynamo.call("Query", local.clone()).await.ok();
    assert_eq!(answer["Items"], json!([{ "h": { "S": "a" }, "r": { "N": "2" }, "l": { "S": "00998" } }]));
    local["ProjectionExpression"] = json!("y");
    assert_eq!(dynamo.call("Query", local).await.ok()["Items"], json!([{ "y": { "S": "y" } }]));
    // An item that leaves an index, and one that moves in it.
    let key = json!({ "h": { "S": "a" }, "r": { "N": "-1" } });
    dynamo
        .call("UpdateItem", json!({ "TableName": "tab", "Key": key, "UpdateExpression": "REMOVE g" }))
        .await
        .ok();
    let scan =
        dynamo.call("Scan", json!({ "TableName": "tab", "IndexName": "by-g", "Select": "COUNT" })).await;
    scan.is_json(200, &json!({ "Count": 7, "ScannedCount": 7 }));
}

#[tokio::test]
async fn filters_come_after_the_limit() {
    let dynamo = filled().await;
    let mut body = query("h = :a", json!({ ":a": { "S": "a" }, ":x": { "N": "0" } }));
    body["FilterExpression"] = json!("x > :x");
    body["Limit"] = json!(5);
    let answer = dynamo.call("Query", body.clone()).await.ok();
    assert_eq!((&answer["Count"], &answer["ScannedCount"]), (&json!(1), &json!(5)));
    assert_eq!(answer["LastEvaluatedKey"], json!({ "h": { "S": "a" }, "r": { "N": "2" } }));
    body["FilterExpression"] = json!("r > :x");
    dynamo.call("Query", body).await.refuses(
        400,
        "ValidationException",
        "Filter Expression can only contain non-primary key attributes: Primary key attribute: r",
    );
    let old = json!({
        "TableName": "tab", "AttributesToGet": ["r"],
        "KeyConditions": { "h": { "ComparisonOperator": "EQ", "AttributeValueList": [{ "S": "a" }] }, "r": { "ComparisonOperator": "BETWEEN", "AttributeValueList": [{ "N": "0" }, { "N": "11" }] } },
        "QueryFilter": { "x": { "ComparisonOperator": "NE", "AttributeValueList": [{ "N": "20" }] } },
    });
    assert_eq!(numbers(&dynamo.call("Query", old).await.ok()), [0, 2, 11]);
}

#[tokio::test]
async fn segments_are_the_whole_and_do_not_overlap() {
    let dynamo = Dynamo::new();
    dynamo.table(table("tab", "h:S", None)).await;
    for n in 0..60 {
        dynamo.put(json!({ "h": { "S": n.to_string() }, "r": { "N": n.to_string() } })).await;
    }
    let mut all = Vec::new();
    for segment in 0..7 {
        let mut start = Json::Null;
        loop {
            let mut body = json!({ "TableName": "tab", "Segment": segment, "TotalSegments": 7, "Limit": 4 });
            if !start.is_null() {
                body["ExclusiveStartKey"] = start;
            }
            let answer = dynamo.call("Scan", body).await.ok();
            all.extend(numbers(&answer));
            start = answer["LastEvaluatedKey"].clone();
            if start.is_null() {
                break;
            }
        }
    }
    all.sort_unstable();
    assert_eq!(all, (0..60).collect::<Vec<_>>());
    let wrong = json!({ "TableName": "tab", "Segment": 7, "TotalSegments": 7 });
    dynamo.call("Scan", wrong).await.refuses(400, "ValidationException", "The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: 7 is not less than TotalSegments: 7");
}

#[tokio::test]
async fn a_page_ends_at_a_mebibyte() {
    let dynamo = Dynamo::with_table().await;
    let long = "x".repeat(300 * 1024);
    for n in 0..5 {
        dynamo.put(json!({ "h": { "S": "a" }, "r": { "N": n.to_string() }, "x": { "S": long } })).await;
    }
    let answer = dynamo.call("Query", query("h = :a", json!({ ":a": { "S": "a" } }))).await.ok();
    assert_eq!(numbers(&answer), [0, 1, 2, 3]);
    assert_eq!(answer["LastEvaluatedKey"], json!({ "h": { "S": "a" }, "r": { "N": "3" } }));
}

#[tokio::test]
async fn bad_queries_are_refused_in_awss_words() {
    let dynamo = filled().await;
    let value = json!({ ":a": { "S": "a" } });
    for (body, said) in [
        (
            json!({ "TableName": "tab" }),
            "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.",
        ),
        (query("r = :a", value.clone()), "Query condition missed key schema element: h"),
        (
            query("h = :a", json!({ ":a": { "S": "a" }, ":b": { "S": "b" } })),
            "Value provided in ExpressionAttributeValues unused in expressions: keys: {:b}",
        ),
        (query("h = :a", json!({})), "ExpressionAttributeValues must not be empty"),
        (
            json!({ "TableName": "tab", "IndexName": "none", "KeyConditionExpression": "h = :a", "ExpressionAttributeValues": value }),
            "The table does not have the specified index: none",
        ),
        (
            json!({ "TableName": "tab", "ExclusiveStartKey": { "h": { "S": "b" }, "r": { "N": "1" } }, "KeyConditionExpression": "h = :a", "ExpressionAttributeValues": value }),
            "The provided starting key is outside query boundaries based on provided conditions",
        ),
        (
            json!({ "TableName": "tab", "ExclusiveStartKey": { "h": { "S": "a" } }, "KeyConditionExpression": "h = :a", "ExpressionAttributeValues": value }),
            "The provided starting key is invalid: The provided key element does not match the schema",
        ),
    ] {
        dynamo.call("Query", body).await.refuses(400, "ValidationException", said);
    }
}
