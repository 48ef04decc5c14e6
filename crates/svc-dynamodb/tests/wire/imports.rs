//! Imports from a bucket, over the wire.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value as Json, json};
use svc_dynamodb::Config;
use testkit::{Answer, S3, dynamo_table};

async fn both() -> S3 {
    let s3 = S3::beside(svc_dynamodb::services(Config::default()).into()).await;
    s3.start_jobs();
    s3.ask("PUT", "/b-1", &[], "").await.is(200, "");
    s3
}

async fn dynamo(s3: &S3, operation: &str, body: Json) -> Answer {
    s3.json("DynamoDB", operation, &body).await
}

fn gzip(text: &str) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(text.as_bytes()).expect("memory");
    packed.finish().expect("memory")
}

/// An import of what lies below `in/` into a table `tab` of a key `h` (S) and `r` (N), with an index by `g` (S).
async fn import(s3: &S3, format: &str, mut more: Json) -> Answer {
    let mut table = dynamo_table("tab", "h:S", Some("r:N"));
    let definitions = table["AttributeDefinitions"].as_array_mut().expect("as it was made");
    definitions.push(json!({ "AttributeName": "g", "AttributeType": "S" }));
    table["GlobalSecondaryIndexes"] = json!([{
        "IndexName": "index", "KeySchema": [{ "AttributeName": "g", "KeyType": "HASH" }],
        "Projection": { "ProjectionType": "ALL" },
    }]);
    more["TableCreationParameters"] = table;
    more["InputFormat"] = format.into();
    if more["S3BucketSource"].is_null() {
        more["S3BucketSource"] = json!({ "S3Bucket": "b-1", "S3KeyPrefix": "in/" });
    }
    dynamo(s3, "ImportTable", more).await
}

/// Waits until the import is over.
async fn over(s3: &S3, begun: &Answer) -> Json {
    let arn = begun.ok()["ImportTableDescription"]["ImportArn"].clone();
    let describe = || async {
        let described = dynamo(s3, "DescribeImport", json!({ "ImportArn": arn })).await.ok();
        described["ImportTableDescription"].clone()
    };
    s3.until("an import", || async { describe().await["ImportStatus"] != "IN_PROGRESS" }).await;
    describe().await
}

fn counts(described: &Json) -> [&Json; 4] {
    ["ImportStatus", "ProcessedItemCount", "ImportedItemCount", "ErrorCount"].map(|name| &described[name])
}

/// All items of the table, or of its index.
async fn all(s3: &S3, index: Option<&str>) -> Vec<Json> {
    s3.until("an active table", || async {
        let table = dynamo(s3, "DescribeTable", json!({ "TableName": "tab" })).await.ok();
        table["Table"]["TableStatus"] == "ACTIVE"
    })
    .await;
    let mut body = json!({ "TableName": "tab" });
    if let Some(index) = index {
        body["IndexName"] = index.into();
    }
    let mut items = dynamo(s3, "Scan", body).await.ok()["Items"].as_array().cloned().expect("items");
    items.sort_by_key(Json::to_string);
    items
}

#[tokio::test]
async fn objects_become_a_table() {
    let s3 = both().await;
    let item = |n: u32| json!({ "g": { "S": "x" }, "h": { "S": "a" }, "r": { "N": n.to_string() }, "v": { "L": [{ "BOOL": true }] } });
    let lines = |from: u32, to: u32| {
        (from..to).map(|n| format!("{}\n", json!({ "Item": item(n) }))).collect::<String>()
    };
    s3.put("in/one.json.gz", gzip(&lines(1000, 1250))).await;
    // The same again: an item that comes twice is there once, and stands in the index once.
    s3.put("in/two.json.gz", [gzip(&lines(1200, 1250)), gzip(&lines(1250, 1300))].concat()).await;
    s3.put("other", "no part of it").await;
    let begun = import(&s3, "DYNAMODB_JSON", json!({ "InputCompressionType": "GZIP" })).await;
    assert_eq!(begun.ok()["ImportTableDescription"]["ImportStatus"], "IN_PROGRESS");
    let described = over(&s3, &begun).await;
    assert_eq!(counts(&described), [&json!("COMPLETED"), &json!(350), &json!(350), &json!(0)]);
    let expected = (1000..1300).map(item).collect::<Vec<_>>();
    assert_eq!((all(&s3, None).await, all(&s3, Some("index")).await), (expected.clone(), expected));
    let listed = dynamo(&s3, "ListImports", json!({})).await.ok();
    assert_eq!(listed["ImportSummaryList"][0]["ImportArn"], described["ImportArn"]);
    let again = import(&s3, "DYNAMODB_JSON", json!({})).await;
    again.refuses(400, "ResourceInUseException", "Table already exists: tab");
}

#[tokio::test]
async fn csv_has_its_columns_from_its_first_line_or_from_the_request() {
    for (text, options) in [
        ("h,r,g,v\na,1,x,\"say \"\"hi\"\", you\"\na,2,,\n", json!({})),
        (
            "a;1;x;\"say \"\"hi\"\", you\"\r\na;2;;\r\n",
            json!({ "InputFormatOptions": { "Csv": { "Delimiter": ";", "HeaderList": ["h", "r", "g", "v"] } } }),
        ),
    ] {
        let s3 = both().await;
        s3.put("in/table.csv", text).await;
        let described = over(&s3, &import(&s3, "CSV", options).await).await;
        // An index's key can't be empty.
        assert_eq!(counts(&described), [&json!("FAILED"), &json!(2), &json!(1), &json!(1)]);
        assert_eq!(described["FailureCode"], "ItemValidationError");
        let item = json!({ "g": { "S": "x" }, "h": { "S": "a" }, "r": { "N": "1" }, "v": { "S": "say \"hi\", you" } });
        assert_eq!(all(&s3, None).await, [item]);
    }
}

#[tokio::test]
async fn what_is_no_item_is_counted() {
    let s3 = both().await;
    let lines = [
        r#"{"Item":{"h":{"S":"a"},"r":{"N":"1"}}}"#,
        r#"{"Item":{"h":{"S":"a"}}}"#,
        r#"{"Item":{"h":{"S":"a"},"r":{"S":"1"}}}"#,
        r#"{"Item":{"h":{"S":"a"},"r":{"N":"2"},"s":{"SS":[]}}}"#,
        r#"{"Item":{"h":{"S":"a"},"r":{"N":"2"},"g":{"N":"1"}}}"#,
        r#"{"h":{"S":"a"},"r":{"N":"2"}}"#,
        "what is this",
        "",
    ];
    s3.put("in/lines", lines.join("\n")).await;
    let described = over(&s3, &import(&s3, "DYNAMODB_JSON", json!({})).await).await;
    assert_eq!(counts(&described), [&json!("FAILED"), &json!(7), &json!(1), &json!(6)]);
    assert_eq!(all(&s3, None).await, [json!({ "h": { "S": "a" }, "r": { "N": "1" } })]);
}

#[tokio::test]
async fn an_import_that_cannot_be_leaves_no_table() {
    let s3 = both().await;
    let source = json!({ "S3BucketSource": { "S3Bucket": "b-none" } });
    let failed = over(&s3, &import(&s3, "DYNAMODB_JSON", source).await).await;
    assert_eq!(
        (&failed["ImportStatus"], &failed["FailureCode"]),
        (&json!("FAILED"), &json!("S3NoSuchBucket"))
    );
    let gone = || async {
        dynamo(&s3, "DescribeTable", json!({ "TableName": "tab" })).await.status == 400
            && s3.rows(607).await == 0
    };
    s3.until("no table", gone).await;
    s3.put("in/lines", "not packed").await;
    let failed =
        over(&s3, &import(&s3, "DYNAMODB_JSON", json!({ "InputCompressionType": "GZIP" })).await).await;
    assert_eq!(failed["ImportStatus"], "FAILED");
    s3.until("no table", gone).await;
    assert_eq!(import(&s3, "ION", json!({})).await.status, 501);
    let zstd = json!({ "InputCompressionType": "ZSTD" });
    assert_eq!(import(&s3, "DYNAMODB_JSON", zstd).await.status, 501);
    let arn = "arn:aws:dynamodb:us-east-1:000000000000:table/tab/import/01795428672345-00000000";
    let missing = dynamo(&s3, "DescribeImport", json!({ "ImportArn": arn })).await;
    missing.refuses(400, "ImportNotFoundException", &format!("Import not found: {arn}"));
}

#[tokio::test]
async fn an_import_that_was_broken_off_goes_on() {
    let s3 = both().await;
    let line =
        |n: u32| format!("{}\n", json!({ "Item": { "h": { "S": n.to_string() }, "r": { "N": "1" } } }));
    for object in 0..5 {
        let lines = (object * 150..object * 150 + 150).map(line).collect::<String>();
        s3.put(&format!("in/{object}"), lines).await;
    }
    let begun = import(&s3, "DYNAMODB_JSON", json!({})).await;
    for _ in 0..40 {
        s3.stop_jobs().await;
        s3.start_jobs();
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
    }
    let described = over(&s3, &begun).await;
    assert_eq!(counts(&described), [&json!("COMPLETED"), &json!(750), &json!(750), &json!(0)]);
    assert_eq!(all(&s3, None).await.len(), 750);
}
