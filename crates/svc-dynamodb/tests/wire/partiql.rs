//! PartiQL over the wire: statements, batches, transactions.

use serde_json::{Value as Json, json};
use testkit::Dynamo;

async fn filled() -> Dynamo {
    let dynamo = Dynamo::with_table().await;
    for n in 0..6 {
        let insert = format!(
            "INSERT INTO \"tab\" VALUE {{'h': 'a', 'r': {n}, 'v': ?, 's': <<'x', 'y'>>, 'm': {{'l': [1, true, null]}}}}"
        );
        let body = json!({ "Statement": insert, "Parameters": [{ "N": (n * 10).to_string() }] });
        dynamo.call("ExecuteStatement", body).await.is(200, r#"{"Items":[]}"#);
    }
    dynamo
}

async fn run(dynamo: &Dynamo, statement: &str) -> Json {
    dynamo.call("ExecuteStatement", json!({ "Statement": statement })).await.ok()["Items"].clone()
}

#[tokio::test]
async fn statements_read() {
    let dynamo = filled().await;
    for (statement, found) in [
        ("SELECT r FROM tab WHERE h = 'a' AND r >= 2 AND v < 40", vec![2, 3]),
        ("SELECT r FROM \"tab\" WHERE h = 'a' AND r BETWEEN 1 AND 3 ORDER BY r DESC", vec![3, 2, 1]),
        ("select r from tab where h = 'a' and v in [10, 50]", vec![1, 5]),
        ("SELECT r FROM tab WHERE h = 'b'", vec![]),
        (
            "SELECT r FROM tab WHERE h = 'a' AND contains(s, 'x') AND m.l[0] = 1 AND nope IS MISSING AND NOT r = 0",
            vec![1, 2, 3, 4, 5],
        ),
        ("SELECT r FROM tab WHERE v = 20", vec![2]),
    ] {
        let items = run(&dynamo, statement).await;
        let expected = found.iter().map(|n| json!({ "r": { "N": n.to_string() } })).collect::<Json>();
        assert_eq!(items, expected, "{statement}");
    }
    let mut body = json!({ "Statement": "SELECT * FROM tab WHERE h = 'a'", "Limit": 4 });
    let first = dynamo.call("ExecuteStatement", body.clone()).await.ok();
    assert_eq!(first["Items"].as_array().expect("as it was made").len(), 4);
    body["NextToken"] = first["NextToken"].clone();
    let second = dynamo.call("ExecuteStatement", body).await.ok();
    assert_eq!(
        (second["Items"].as_array().expect("as it was made").len(), &second["NextToken"]),
        (2, &Json::Null)
    );
}

#[tokio::test]
async fn statements_write() {
    let dynamo = filled().await;
    let item = run(&dynamo, "UPDATE tab SET v = v + 1, s = set_add(s, <<'z'>>) REMOVE m WHERE h = 'a' AND r = 1 RETURNING ALL NEW *").await;
    assert_eq!(
        item,
        json!([{ "h": { "S": "a" }, "r": { "N": "1" }, "v": { "N": "11" }, "s": { "SS": ["x", "y", "z"] } }])
    );
    let old = run(&dynamo, "DELETE FROM tab WHERE h = 'a' AND r = 1 AND v = 11 RETURNING ALL OLD *").await;
    assert_eq!(old, item);
    assert_eq!(run(&dynamo, "DELETE FROM tab WHERE h = 'a' AND r = 1").await, json!([]));
    for (statement, code) in [
        ("INSERT INTO tab VALUE {'h': 'a', 'r': 2}", "DuplicateItemException"),
        ("UPDATE tab SET v = 1 WHERE h = 'a' AND r = 99", "ConditionalCheckFailedException"),
        ("UPDATE tab SET v = 1 WHERE h = 'a'", "ValidationException"),
        ("UPDATE tab SET h = 'b' WHERE h = 'a' AND r = 2", "ValidationException"),
        ("SELECT * FROM none", "ResourceNotFoundException"),
        ("SELEC * FROM tab", "ValidationException"),
        ("SELECT * FROM tab WHERE h = ?", "ValidationException"),
        ("EXISTS(SELECT * FROM tab WHERE h = 'a' AND r = 2)", "ValidationException"),
    ] {
        let answer = dynamo.call("ExecuteStatement", json!({ "Statement": statement })).await;
        assert_eq!((answer.status, answer.json()["__type"].as_str()), (400, Some(code)), "{statement}");
    }
    assert_eq!(dynamo.rows(602).await, 5);
}

#[tokio::test]
async fn batches_and_transactions() {
    let dynamo = filled().await;
    let batch = json!({ "Statements": [
        { "Statement": "SELECT v FROM tab WHERE h = 'a' AND r = 2" },
        { "Statement": "INSERT INTO tab VALUE {'h': 'a', 'r': 2}" },
        { "Statement": "INSERT INTO tab VALUE {'h': 'new', 'r': 2}" },
    ] });
    dynamo.call("BatchExecuteStatement", batch).await.is_json(
        200,
        &json!({ "Responses": [
            { "TableName": "tab", "Item": { "v": { "N": "20" } } },
            { "TableName": "tab", "Error": { "Code": "DuplicateItem", "Message": "Duplicate primary key exists in table" } },
            { "TableName": "tab" },
        ] }),
    );
    let write = |check: &str| {
        json!({ "TransactStatements": [
        { "Statement": "UPDATE tab SET v = 0 WHERE h = 'a' AND r = 3" },
        { "Statement": format!("EXISTS(SELECT * FROM tab WHERE h = 'a' AND r = 4 AND v = {check})") },
    ] })
    };
    let refused = dynamo.call("ExecuteTransaction", write("1")).await;
    assert_eq!(refused.json()["CancellationReasons"][1]["Code"], "ConditionalCheckFailed");
    dynamo.call("ExecuteTransaction", write("40")).await.is_json(200, &json!({ "Responses": [{}, {}] }));
    let read = json!({ "TransactStatements": [
        { "Statement": "SELECT v FROM tab WHERE h = 'a' AND r = 3" }, { "Statement": "SELECT v FROM tab WHERE h = 'z' AND r = 3" },
    ] });
    dynamo
        .call("ExecuteTransaction", read)
        .await
        .is_json(200, &json!({ "Responses": [{ "Item": { "v": { "N": "0" } } }, {}] }));
    let mixed = json!({ "TransactStatements": [
        { "Statement": "SELECT v FROM tab WHERE h = 'a' AND r = 3" }, { "Statement": "INSERT INTO tab VALUE {'h': 'q', 'r': 2}" },
    ] });
    assert_eq!(dynamo.call("ExecuteTransaction", mixed).await.status, 400);
}
