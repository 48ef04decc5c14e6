//! Streams: made, described, listed, changed, deleted.

use serde_json::json;
use svc_kinesis::Config;
use testkit::{EPOCH_MS, Kinesis};

const MAX_KEY: &str = "340282366920938463463374607431768211455";

#[tokio::test]
async fn a_stream_is_made_with_even_shards() {
    let kinesis = Kinesis::new();
    let made = kinesis.call("CreateStream", json!({ "StreamName": "s", "ShardCount": 2 })).await;
    made.is(200, "{}");
    let described = kinesis.on("DescribeStream", json!({})).await.ok();
    let first = format!("49{:020}", EPOCH_MS * 1000);
    let number = |shard: usize| {
        let number =
            described["StreamDescription"]["Shards"][shard]["SequenceNumberRange"]["StartingSequenceNumber"]
                .as_str()
                .expect("a number");
        assert!(number.starts_with(&first) && number.len() == 56, "{number}");
        number
    };
    assert_eq!(
        described,
        json!({ "StreamDescription": {
            "StreamName": "s",
            "StreamARN": Kinesis::arn(),
            "StreamStatus": "ACTIVE",
            "StreamModeDetails": { "StreamMode": "PROVISIONED" },
            "Shards": [
                {
                    "ShardId": "shardId-000000000000",
                    "HashKeyRange": { "StartingHashKey": "0", "EndingHashKey": "170141183460469231731687303715884105727" },
                    "SequenceNumberRange": { "StartingSequenceNumber": number(0) },
                },
                {
                    "ShardId": "shardId-000000000001",
                    "HashKeyRange": { "StartingHashKey": "170141183460469231731687303715884105728", "EndingHashKey": MAX_KEY },
                    "SequenceNumberRange": { "StartingSequenceNumber": number(1) },
                },
            ],
            "HasMoreShards": false,
            "RetentionPeriodHours": 24,
            "StreamCreationTimestamp": 1_795_428_672.345,
            "EnhancedMonitoring": [{ "ShardLevelMetrics": [] }],
            "EncryptionType": "NONE",
        } })
    );
    let page = kinesis.on("DescribeStream", json!({ "Limit": 1 })).await.ok();
    assert_eq!(page["StreamDescription"]["HasMoreShards"], true);
    let rest = json!({ "ExclusiveStartShardId": "shardId-000000000000" });
    let rest = kinesis.on("DescribeStream", rest).await.ok();
    assert_eq!(rest["StreamDescription"]["Shards"][0]["ShardId"], "shardId-000000000001");
    assert_eq!(rest["StreamDescription"]["Shards"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_stream_on_demand_has_four_shards() {
    let kinesis = Kinesis::new();
    let body = json!({
        "StreamName": "s", "StreamModeDetails": { "StreamMode": "ON_DEMAND" }, "MaxRecordSizeInKiB": 2048,
        "Tags": { "team": "a" },
    });
    kinesis.call("CreateStream", body).await.ok();
    kinesis.register("c").await;
    let summary = kinesis.on("DescribeStreamSummary", json!({})).await;
    summary.is_json(
        200,
        &json!({ "StreamDescriptionSummary": {
            "StreamName": "s",
            "StreamARN": Kinesis::arn(),
            "StreamStatus": "ACTIVE",
            "StreamModeDetails": { "StreamMode": "ON_DEMAND" },
            "RetentionPeriodHours": 24,
            "StreamCreationTimestamp": 1_795_428_672.345,
            "EnhancedMonitoring": [{ "ShardLevelMetrics": [] }],
            "EncryptionType": "NONE",
            "OpenShardCount": 4,
            "ConsumerCount": 1,
            "MaxRecordSizeInKiB": 2048,
            "ChannelCount": 0,
            "RecordDistributionStrategy": "USER_PARTITION_KEY",
            "QueueCount": 0,
        } }),
    );
    kinesis.call("DescribeLimits", json!({})).await.is_json(
        200,
        &json!({
            "ShardLimit": 20000, "OpenShardCount": 4, "OnDemandStreamCount": 1, "OnDemandStreamCountLimit": 50,
            "ChannelCount": 0, "ChannelCountLimit": 0,
        }),
    );
}

#[tokio::test]
async fn what_can_not_be_made_is_refused() {
    let kinesis = Kinesis::with_stream(1).await;
    let make = async |body| kinesis.call("CreateStream", body).await;
    make(json!({ "StreamName": "s", "ShardCount": 1 })).await.refuses(
        400,
        "ResourceInUseException",
        "Stream s under account 000000000000 already exists.",
    );
    make(json!({ "StreamName": "t" })).await.refuses(
        400,
        "ValidationException",
        "Request is invalid. ShardCount must be specified for a stream in Provisioned mode.",
    );
    make(json!({ "StreamName": "t", "ShardCount": 1, "StreamModeDetails": { "StreamMode": "ON_DEMAND" } }))
        .await
        .refuses(
            400,
            "ValidationException",
            "Request is invalid. ShardCount must not be specified for a stream in On-Demand mode.",
        );
    make(json!({ "StreamName": "t", "ShardCount": 20000 })).await.refuses(
        400,
        "LimitExceededException",
        "This request would exceed the shard limit for the account 000000000000 in us-east-1. Current shard count for the \
         account: 1. Limit: 20000. Number of additional shards that would have resulted from this request: 20000. Refer to \
         the AWS Service Limits page (http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current \
         limits and how to request higher limits.",
    );
    make(json!({ "StreamName": "t", "ShardCount": 1, "WarmThroughputMiBps": 1 })).await.refuses(
        501,
        "NotImplementedException",
        "Lambent's CreateStream does not honour WarmThroughputMiBps yet, so it refuses it.",
    );
    make(json!({ "StreamName": "t", "ShardCount": 1, "RecordDistributionStrategy": "AUTO" })).await.refuses(
        400,
        "InvalidArgumentException",
        "RecordDistributionStrategy is only supported for streams in On-Demand mode.",
    );
    assert_eq!(
        make(json!({ "StreamName": "a b", "ShardCount": 1 })).await.json()["__type"],
        "ValidationException"
    );
    for number in 0..50 {
        let name = format!("d{number}");
        make(json!({ "StreamName": name, "StreamModeDetails": { "StreamMode": "ON_DEMAND" } })).await.ok();
    }
    let more = make(json!({ "StreamName": "d", "StreamModeDetails": { "StreamMode": "ON_DEMAND" } })).await;
    assert_eq!(more.json()["__type"], "LimitExceededException");
}

#[tokio::test]
async fn streams_are_named_by_name_and_arn() {
    let kinesis = Kinesis::with_stream(1).await;
    let look = async |body| kinesis.call("DescribeStreamSummary", body).await;
    look(json!({ "StreamARN": Kinesis::arn() })).await.ok();
    look(json!({ "StreamARN": Kinesis::arn(), "StreamName": "s" })).await.ok();
    let invalid = "InvalidArgumentException";
    let two = look(json!({ "StreamARN": Kinesis::arn(), "StreamName": "t" })).await;
    two.refuses(400, invalid, "StreamName and StreamARN name different streams.");
    look(json!({})).await.refuses(400, invalid, "Either StreamName or StreamARN must be specified.");
    look(json!({ "StreamName": "t" })).await.refuses(
        400,
        "ResourceNotFoundException",
        "Stream t under account 000000000000 not found.",
    );
    let id = look(json!({ "StreamName": "s", "StreamId": "aaaaaaaaaaaaaaaaaaaa-bbb" })).await;
    assert_eq!((id.status, id.json()["__type"].as_str()), (501, Some("NotImplementedException")));
}

#[tokio::test]
async fn streams_are_listed_page_by_page() {
    let kinesis = Kinesis::new();
    for name in ["b", "a", "c"] {
        kinesis.call("CreateStream", json!({ "StreamName": name, "ShardCount": 1 })).await.ok();
    }
    let page = kinesis.call("ListStreams", json!({ "Limit": 2 })).await.ok();
    assert_eq!((&page["StreamNames"], &page["HasMoreStreams"]), (&json!(["a", "b"]), &json!(true)));
    assert_eq!(page["StreamSummaries"][0]["StreamARN"], "arn:aws:kinesis:us-east-1:000000000000:stream/a");
    let rest = kinesis.call("ListStreams", json!({ "NextToken": page["NextToken"] })).await.ok();
    assert_eq!((&rest["StreamNames"], &rest["HasMoreStreams"]), (&json!(["c"]), &json!(false)));
    let rest = kinesis.call("ListStreams", json!({ "ExclusiveStartStreamName": "a" })).await.ok();
    assert_eq!(rest["StreamNames"], json!(["b", "c"]));
    kinesis.pass(301);
    kinesis.call("ListStreams", json!({ "NextToken": page["NextToken"] })).await.refuses(
        400,
        "ExpiredNextTokenException",
        "NextToken expired. Tokens expire after 300 seconds.",
    );
    kinesis.call("ListStreams", json!({ "NextToken": "x" })).await.refuses(
        400,
        "InvalidArgumentException",
        "Invalid NextToken.",
    );
}

#[tokio::test]
async fn a_deleted_stream_is_gone_and_its_rows_go() {
    let kinesis = Kinesis::with_stream(2).await;
    kinesis.put("k", "one").await;
    let iterator = kinesis.iterator(0, "TRIM_HORIZON", json!({})).await;
    kinesis.register("c").await;
    let held = kinesis.on("DeleteStream", json!({})).await;
    assert_eq!(held.json()["__type"], "ResourceInUseException");
    kinesis.on("DeleteStream", json!({ "EnforceConsumerDeletion": true })).await.is(200, "{}");
    assert_eq!(kinesis.on("DescribeStream", json!({})).await.json()["__type"], "ResourceNotFoundException");
    kinesis.call("GetRecords", json!({ "ShardIterator": iterator })).await.refuses(
        400,
        "ResourceNotFoundException",
        "Shard shardId-000000000000 in stream s under account 000000000000 does not exist",
    );
    kinesis.start_jobs();
    kinesis
        .until("rows to be removed", || async {
            let mut rows = 0;
            for table in 700..=705 {
                rows += kinesis.rows(table).await;
            }
            rows == 0
        })
        .await;
    // A stream of the same name is another.
    kinesis.on("CreateStream", json!({ "ShardCount": 1 })).await.ok();
    assert!(kinesis.texts(0).await.is_empty());
    let old = kinesis.call("GetRecords", json!({ "ShardIterator": iterator })).await;
    assert_eq!(old.json()["__type"], "ResourceNotFoundException");
}

#[tokio::test]
async fn mode_and_record_size_and_distribution_change() {
    let kinesis = Kinesis::with(Config::default());
    kinesis.on("CreateStream", json!({ "ShardCount": 1 })).await.ok();
    let arn = Kinesis::arn();
    let mode = async |mode: &str| {
        let body = json!({ "StreamARN": arn, "StreamModeDetails": { "StreamMode": mode } });
        kinesis.call("UpdateStreamMode", body).await
    };
    let strategy = async |strategy: &str| {
        let body = json!({ "StreamARN": arn, "RecordDistributionStrategy": strategy });
        kinesis.call("UpdateStreamRecordDistributionStrategy", body).await
    };
    strategy("AUTO").await.refuses(
        400,
        "InvalidArgumentException",
        "RecordDistributionStrategy is only supported for streams in On-Demand mode.",
    );
    mode("ON_DEMAND").await.is(200, "{}");
    strategy("AUTO").await.is(200, "{}");
    // Chance places records, and a partition key is not needed.
    kinesis.on("PutRecord", json!({ "Data": "aGk=" })).await.ok();
    assert_eq!(kinesis.texts(0).await, ["hi"]);
    let summary = async || {
        kinesis.on("DescribeStreamSummary", json!({})).await.ok()["StreamDescriptionSummary"].clone()
    };
    assert_eq!(summary().await["RecordDistributionStrategy"], "AUTO");
    mode("PROVISIONED").await.ok();
    mode("ON_DEMAND").await.refuses(
        400,
        "LimitExceededException",
        "The mode of a stream can be changed 2 times in 24 hours.",
    );
    kinesis.pass(24 * 3600);
    mode("ON_DEMAND").await.ok();
    assert_eq!(summary().await["RecordDistributionStrategy"], "USER_PARTITION_KEY");
    let size = json!({ "StreamARN": arn, "MaxRecordSizeInKiB": 10240 });
    kinesis.call("UpdateMaxRecordSize", size).await.is(200, "{}");
    assert_eq!(summary().await["MaxRecordSizeInKiB"], 10240);
}
