//! Changes of tables as records of a Kinesis stream.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value as Json, json};
use svc_dynamodb::Config;
use testkit::{Answer, EPOCH_MS, Ground, Kinesis, dynamo_table};

/// A stream `s` of four shards and a table `tab`, with a job that replicates.
async fn both() -> Kinesis {
    let services = svc_dynamodb::services(Config::default()).into();
    let kinesis = Kinesis::beside(Ground::new(), svc_kinesis::Config::default(), services);
    kinesis.on("CreateStream", json!({ "ShardCount": 4 })).await.ok();
    kinesis.start_jobs();
    table(&kinesis).await;
    kinesis
}

async fn table(kinesis: &Kinesis) {
    dynamo(kinesis, "CreateTable", dynamo_table("tab", "h:S", None)).await.ok();
    kinesis
        .until("an active table", || async {
            let table = dynamo(kinesis, "DescribeTable", json!({ "TableName": "tab" })).await.ok();
            table["Table"]["TableStatus"] == "ACTIVE"
        })
        .await;
}

async fn dynamo(kinesis: &Kinesis, operation: &str, body: Json) -> Answer {
    kinesis.json("DynamoDB", operation, &body).await
}

async fn destination(kinesis: &Kinesis, operation: &str, mut more: Json) -> Answer {
    more["TableName"] = "tab".into();
    more["StreamArn"] = Kinesis::arn().into();
    dynamo(kinesis, &format!("{operation}KinesisStreamingDestination"), more).await
}

async fn put(kinesis: &Kinesis, key: &str, value: u32) {
    let item = json!({ "h": { "S": key }, "v": { "N": value.to_string() } });
    dynamo(kinesis, "PutItem", json!({ "TableName": "tab", "Item": item })).await.ok();
}

/// All that is in the stream: what each record says, by partition key.
async fn records(kinesis: &Kinesis) -> Vec<(String, Json)> {
    let mut all = Vec::new();
    for shard in 0..4 {
        let iterator = kinesis.iterator(shard, "TRIM_HORIZON", json!({})).await;
        for record in kinesis.records(&iterator).await["Records"].as_array().expect("records") {
            let data = BASE64.decode(record["Data"].as_str().expect("data")).expect("Base64");
            let key = record["PartitionKey"].as_str().expect("a key").to_owned();
            all.push((key, serde_json::from_slice(&data).expect("JSON")));
        }
    }
    all
}

async fn until(kinesis: &Kinesis, count: usize) -> Vec<(String, Json)> {
    kinesis
        .until("records", || async { records(kinesis).await.len() >= count && kinesis.rows(609).await == 0 })
        .await;
    records(kinesis).await
}

#[tokio::test]
async fn a_change_is_a_record() {
    let kinesis = both().await;
    put(&kinesis, "before", 0).await;
    destination(&kinesis, "Enable", json!({})).await.is_json(
        200,
        &json!({ "TableName": "tab", "StreamArn": Kinesis::arn(), "DestinationStatus": "ENABLING" }),
    );
    put(&kinesis, "a", 1).await;
    // The same again is no change.
    put(&kinesis, "a", 1).await;
    put(&kinesis, "a", 2).await;
    dynamo(&kinesis, "DeleteItem", json!({ "TableName": "tab", "Key": { "h": { "S": "a" } } })).await.ok();
    let mut found = until(&kinesis, 3).await;
    let item = |value: &str| json!({ "h": { "S": "a" }, "v": { "N": value } });
    assert!(found[0].1["eventID"].take().is_string());
    assert_eq!(
        found[0].1,
        json!({
            "awsRegion": "us-east-1",
            "eventID": null,
            "eventName": "INSERT",
            "userIdentity": null,
            "recordFormat": "application/json",
            "tableName": "tab",
            "dynamodb": {
                "ApproximateCreationDateTime": EPOCH_MS,
                "Keys": { "h": { "S": "a" } },
                "NewImage": item("1"),
                "SizeBytes": 7,
                "ApproximateCreationDateTimePrecision": "MILLISECOND",
            },
            "eventSource": "aws:dynamodb",
        })
    );
    let names = found.iter().map(|(_, record)| record["eventName"].as_str().expect("a name"));
    assert_eq!(names.collect::<Vec<_>>(), ["INSERT", "MODIFY", "REMOVE"]);
    assert_eq!(
        (&found[1].1["dynamodb"]["OldImage"], &found[1].1["dynamodb"]["NewImage"]),
        (&item("1"), &item("2"))
    );
    assert_eq!(
        (&found[2].1["dynamodb"]["OldImage"], &found[2].1["dynamodb"]["NewImage"]),
        (&item("2"), &Json::Null)
    );
    assert!(found.iter().all(|(key, _)| *key == found[0].0), "an item's records have one partition key");
}

#[tokio::test]
async fn items_change_side_by_side_and_each_in_its_order() {
    let kinesis = both().await;
    destination(&kinesis, "Enable", json!({})).await.ok();
    let puts = (0..8).map(|item| {
        let kinesis = &kinesis;
        async move {
            for value in 0..20 {
                put(kinesis, &format!("k{item}"), value).await;
            }
        }
    });
    futures_util::future::join_all(puts).await;
    let mut values = BTreeMap::<String, Vec<String>>::new();
    for (key, record) in until(&kinesis, 160).await {
        let value = record["dynamodb"]["NewImage"]["v"]["N"].as_str().expect("a number").to_owned();
        values.entry(key).or_default().push(value);
    }
    assert_eq!(values.len(), 8);
    let expected = (0..20).map(|value| value.to_string()).collect::<Vec<_>>();
    assert!(values.values().all(|values| *values == expected), "{values:?}");
}

#[tokio::test]
async fn a_destination_is_enabled_changed_and_disabled() {
    let kinesis = both().await;
    let described = async || {
        let answer =
            dynamo(&kinesis, "DescribeKinesisStreamingDestination", json!({ "TableName": "tab" })).await.ok();
        answer["KinesisDataStreamDestinations"].clone()
    };
    assert_eq!(described().await, json!([]));
    let shown = |status: &str, precision: &str| {
        json!([{
            "StreamArn": Kinesis::arn(), "DestinationStatus": status, "ApproximateCreationDateTimePrecision": precision,
        }])
    };
    destination(&kinesis, "Enable", json!({})).await.ok();
    assert_eq!(described().await, shown("ACTIVE", "MILLISECOND"));
    destination(&kinesis, "Enable", json!({})).await.refuses(
        400,
        "ValidationException",
        "Table is not in a valid state to enable Kinesis Streaming Destination: KinesisStreamingDestination must be DISABLED \
         or ENABLE_FAILED to perform ENABLE operation.",
    );
    let micros = json!({ "ApproximateCreationDateTimePrecision": "MICROSECOND" });
    let updated =
        destination(&kinesis, "Update", json!({ "UpdateKinesisStreamingConfiguration": micros })).await.ok();
    assert_eq!(updated["DestinationStatus"], "UPDATING");
    put(&kinesis, "a", 1).await;
    let [(_, record)] = &until(&kinesis, 1).await[..] else { panic!("one record") };
    assert_eq!(record["dynamodb"]["ApproximateCreationDateTime"], EPOCH_MS * 1000);
    let disabled = destination(&kinesis, "Disable", json!({})).await.ok();
    assert_eq!(disabled["DestinationStatus"], "DISABLING");
    assert_eq!(described().await, shown("DISABLED", "MICROSECOND"));
    destination(&kinesis, "Disable", json!({})).await.refuses(
        400,
        "ValidationException",
        "Table is not in a valid state to disable Kinesis Streaming Destination: KinesisStreamingDestination must be ACTIVE \
         to perform DISABLE operation.",
    );
    put(&kinesis, "b", 1).await;
    assert_eq!(kinesis.rows(609).await, 0);
    assert_eq!(records(&kinesis).await.len(), 1);
    let none = "arn:aws:kinesis:us-east-1:000000000000:stream/none";
    let none = json!({ "TableName": "tab", "StreamArn": none });
    dynamo(&kinesis, "EnableKinesisStreamingDestination", none.clone()).await.refuses(
        400,
        "ResourceNotFoundException",
        "Requested resource not found: Stream: arn:aws:kinesis:us-east-1:000000000000:stream/none not found",
    );
    let other = dynamo(&kinesis, "DisableKinesisStreamingDestination", none).await;
    assert_eq!(other.json()["__type"], "ResourceNotFoundException");
}

#[tokio::test]
async fn a_stop_and_a_missing_stream_lose_nothing() {
    let kinesis = both().await;
    destination(&kinesis, "Enable", json!({})).await.ok();
    kinesis.stop_jobs().await;
    put(&kinesis, "a", 1).await;
    assert_eq!(kinesis.rows(609).await, 1);
    kinesis.on("DeleteStream", json!({})).await.ok();
    put(&kinesis, "a", 2).await;
    kinesis.start_jobs();
    kinesis.until("a look at the table", || async { kinesis.rows(705).await == 0 }).await;
    kinesis.on("CreateStream", json!({ "ShardCount": 4 })).await.ok();
    put(&kinesis, "a", 3).await;
    kinesis.pass(10);
    let found = until(&kinesis, 3).await;
    let values =
        found.iter().map(|(_, record)| record["dynamodb"]["NewImage"]["v"]["N"].as_str().expect("a number"));
    assert_eq!(values.collect::<Vec<_>>(), ["1", "2", "3"]);
}
