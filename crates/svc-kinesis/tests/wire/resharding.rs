//! Splits, merges and changes of the shard count; who a shard's parents and children are.

use serde_json::{Value as Json, json};
use testkit::Kinesis;

const HALF: &str = "170141183460469231731687303715884105728";

async fn split(kinesis: &Kinesis, shard: u32, key: &str) -> testkit::Answer {
    let shard = format!("shardId-{shard:012}");
    kinesis.on("SplitShard", json!({ "ShardToSplit": shard, "NewStartingHashKey": key })).await
}

async fn merge(kinesis: &Kinesis, first: u32, second: u32) -> testkit::Answer {
    let name = |shard: u32| format!("shardId-{shard:012}");
    kinesis
        .on("MergeShards", json!({ "ShardToMerge": name(first), "AdjacentShardToMerge": name(second) }))
        .await
}

async fn shards(kinesis: &Kinesis, body: Json) -> Vec<String> {
    let listed = kinesis.on("ListShards", body).await.ok();
    let names = listed["Shards"].as_array().expect("shards").iter();
    names
        .map(|shard| shard["ShardId"].as_str().expect("a name")[8..].trim_start_matches('0').to_owned())
        .collect()
}

#[tokio::test]
async fn a_split_has_two_children_that_begin_after_it() {
    let kinesis = Kinesis::with_stream(1).await;
    kinesis.put("a", "1").await;
    let before = kinesis.iterator(0, "LATEST", json!({})).await;
    let last = kinesis.put("b", "2").await;
    split(&kinesis, 0, HALF).await.is(200, "{}");
    let listed = kinesis.on("ListShards", json!({})).await.ok();
    let parent = &listed["Shards"][0]["SequenceNumberRange"];
    assert!(parent["EndingSequenceNumber"].as_str() >= Some(&last));
    for (position, start, end) in [
        (1, "0", "170141183460469231731687303715884105727"),
        (2, HALF, "340282366920938463463374607431768211455"),
    ] {
        let child = &listed["Shards"][position];
        assert_eq!(child["ParentShardId"], "shardId-000000000000");
        assert_eq!(child["HashKeyRange"], json!({ "StartingHashKey": start, "EndingHashKey": end }));
        let first = child["SequenceNumberRange"]["StartingSequenceNumber"].as_str();
        assert!(first > parent["EndingSequenceNumber"].as_str());
    }
    // The parent is read to its end, which says where to go on.
    let page = kinesis.records(&before).await;
    assert_eq!(page["Records"].as_array().map(Vec::len), Some(1));
    assert!(page.get("NextShardIterator").is_none());
    assert_eq!(
        page["ChildShards"],
        json!([
            {
                "ShardId": "shardId-000000000001", "ParentShards": ["shardId-000000000000"],
                "HashKeyRange": { "StartingHashKey": "0", "EndingHashKey": "170141183460469231731687303715884105727" },
            },
            {
                "ShardId": "shardId-000000000002", "ParentShards": ["shardId-000000000000"],
                "HashKeyRange": { "StartingHashKey": HALF, "EndingHashKey": "340282366920938463463374607431768211455" },
            },
        ])
    );
    let put = kinesis.on("PutRecord", json!({ "PartitionKey": "b", "Data": "aGk=" })).await.ok();
    assert_eq!(put["ShardId"], "shardId-000000000002");
    assert_eq!(kinesis.texts(2).await, ["hi"]);
    // A closed shard still has an iterator at its end.
    let end = kinesis.iterator(0, "LATEST", json!({})).await;
    let page = kinesis.records(&end).await;
    assert_eq!((&page["Records"], page.get("NextShardIterator")), (&json!([]), None));
}

#[tokio::test]
async fn a_merge_has_two_parents() {
    let kinesis = Kinesis::with_stream(2).await;
    kinesis.put("a", "1").await;
    kinesis.put("b", "2").await;
    merge(&kinesis, 0, 1).await.is(200, "{}");
    let listed = kinesis.on("ListShards", json!({ "ShardFilter": { "Type": "AT_LATEST" } })).await.ok();
    let child = &listed["Shards"][0];
    assert_eq!(listed["Shards"].as_array().map(Vec::len), Some(1));
    assert_eq!(child["ParentShardId"], "shardId-000000000000");
    assert_eq!(child["AdjacentParentShardId"], "shardId-000000000001");
    let page = kinesis.records(&kinesis.iterator(1, "TRIM_HORIZON", json!({})).await).await;
    assert_eq!(
        page["ChildShards"][0]["ParentShards"],
        json!(["shardId-000000000000", "shardId-000000000001"])
    );
    kinesis.put("b", "3").await;
    assert_eq!(kinesis.texts(2).await, ["3"]);
    let summary = kinesis.on("DescribeStreamSummary", json!({})).await.ok();
    assert_eq!(summary["StreamDescriptionSummary"]["OpenShardCount"], 1);
}

#[tokio::test]
async fn what_can_not_be_split_or_merged_is_refused() {
    let kinesis = Kinesis::with_stream(3).await;
    let invalid = "InvalidArgumentException";
    for key in
        ["0", "1", "113427455640312821154458202477256070484", "340282366920938463463374607431768211456"]
    {
        split(&kinesis, 0, key).await.refuses(
            400,
            invalid,
            &format!(
                "NewStartingHashKey {key} used in SplitShard() on shard shardId-000000000000 in stream s under account \
                 000000000000 is not both greater than one plus the shard's StartingHashKey 0 and less than the shard's \
                 EndingHashKey 113427455640312821154458202477256070484."
            ),
        );
    }
    split(&kinesis, 9, HALF).await.refuses(
        400,
        "ResourceNotFoundException",
        "Could not find shard shardId-000000000009 in stream s under account 000000000000.",
    );
    for (first, second) in [(0, 2), (1, 0), (0, 0)] {
        merge(&kinesis, first, second).await.refuses(
            400,
            invalid,
            &format!(
                "Shards shardId-{first:012} and shardId-{second:012} in stream s under account 000000000000 are not an \
                 adjacent pair of shards eligible for merging"
            ),
        );
    }
    merge(&kinesis, 0, 1).await.ok();
    let gone = "Shard shardId-000000000001 in stream s under account 000000000000 has already been merged or split, and \
                thus is not eligible for merging or splitting.";
    merge(&kinesis, 1, 2).await.refuses(400, invalid, gone);
    split(&kinesis, 1, HALF).await.refuses(400, invalid, gone);
    let mode = json!({ "StreamARN": Kinesis::arn(), "StreamModeDetails": { "StreamMode": "ON_DEMAND" } });
    kinesis.call("UpdateStreamMode", mode).await.ok();
    let on_demand = "Request is invalid. Stream s under account 000000000000 is in On-Demand mode.";
    merge(&kinesis, 3, 2).await.refuses(400, "ValidationException", on_demand);
    split(&kinesis, 3, HALF).await.refuses(400, "ValidationException", on_demand);
    let scale = json!({ "TargetShardCount": 2, "ScalingType": "UNIFORM_SCALING" });
    kinesis.on("UpdateShardCount", scale).await.refuses(400, "ValidationException", on_demand);
}

#[tokio::test]
async fn the_shard_count_changes_evenly() {
    let kinesis = Kinesis::with_stream(2).await;
    let scale = async |count: u32| {
        kinesis
            .on("UpdateShardCount", json!({ "TargetShardCount": count, "ScalingType": "UNIFORM_SCALING" }))
            .await
    };
    scale(3).await.is_json(
        200,
        &json!({ "StreamName": "s", "StreamARN": Kinesis::arn(), "CurrentShardCount": 2, "TargetShardCount": 3 }),
    );
    let open = kinesis.on("ListShards", json!({ "ShardFilter": { "Type": "AT_LATEST" } })).await.ok();
    let mut starts = open["Shards"]
        .as_array()
        .expect("shards")
        .iter()
        .map(|shard| &shard["HashKeyRange"]["StartingHashKey"])
        .collect::<Vec<_>>();
    starts.sort_by_key(|start| start.as_str().map(|start| (start.len(), start)));
    assert_eq!(
        starts,
        ["0", "113427455640312821154458202477256070485", "226854911280625642308916404954512140970"]
    );
    scale(7).await.refuses(
        400,
        "InvalidArgumentException",
        "UpdateShardCount cannot scale up over double your current open shard count. Current open shard count: 3, target \
         shard count: 7.",
    );
    scale(1).await.refuses(
        400,
        "InvalidArgumentException",
        "UpdateShardCount cannot scale down below half your current open shard count. Current open shard count: 3, target \
         shard count: 1.",
    );
    for count in [6, 4, 2, 1, 2, 1, 2, 1, 2] {
        scale(count).await.ok();
    }
    scale(1).await.refuses(
        400,
        "LimitExceededException",
        "UpdateShardCount cannot be called more than 10 times in a rolling 24-hour period for stream s under account \
         000000000000.",
    );
    kinesis.pass(24 * 3600);
    scale(1).await.ok();
}

#[tokio::test]
async fn shards_are_listed_by_time() {
    let kinesis = Kinesis::with_stream(1).await;
    kinesis.pass(100);
    split(&kinesis, 0, HALF).await.ok();
    kinesis.pass(100);
    merge(&kinesis, 1, 2).await.ok();
    kinesis.pass(100);
    let filtered = async |filter: Json| shards(&kinesis, json!({ "ShardFilter": filter })).await;
    assert_eq!(shards(&kinesis, json!({})).await, ["", "1", "2", "3"]);
    assert_eq!(filtered(json!({ "Type": "FROM_TRIM_HORIZON" })).await, ["", "1", "2", "3"]);
    assert_eq!(filtered(json!({ "Type": "AT_TRIM_HORIZON" })).await, [""]);
    assert_eq!(filtered(json!({ "Type": "AT_LATEST" })).await, ["3"]);
    assert_eq!(
        filtered(json!({ "Type": "AFTER_SHARD_ID", "ShardId": "shardId-000000000001" })).await,
        ["2", "3"]
    );
    assert_eq!(
        filtered(json!({ "Type": "AT_TIMESTAMP", "Timestamp": 1_795_428_672.345 + 150.0 })).await,
        ["1", "2"]
    );
    assert_eq!(filtered(json!({ "Type": "AT_TIMESTAMP", "Timestamp": 5 })).await, [""]);
    assert_eq!(
        filtered(json!({ "Type": "FROM_TIMESTAMP", "Timestamp": 1_795_428_672.345 + 150.0 })).await,
        ["1", "2", "3"]
    );
    let page = kinesis
        .on("ListShards", json!({ "MaxResults": 3, "ShardFilter": { "Type": "FROM_TRIM_HORIZON" } }))
        .await
        .ok();
    let token = &page["NextToken"];
    let rest = kinesis.call("ListShards", json!({ "NextToken": token })).await.ok();
    assert_eq!(rest["Shards"][0]["ShardId"], "shardId-000000000003");
    assert!(rest.get("NextToken").is_none());
    let both = kinesis.on("ListShards", json!({ "NextToken": token })).await;
    assert_eq!(both.json()["__type"], "InvalidArgumentException");
    let unfit = kinesis.on("ListShards", json!({ "ShardFilter": { "Type": "AT_TIMESTAMP" } })).await;
    unfit.refuses(
        400,
        "InvalidArgumentException",
        "ShardFilter of type AT_TIMESTAMP must have a Timestamp and no ShardId.",
    );
    let other = kinesis.on("ListShards", json!({ "StreamCreationTimestamp": 5 })).await;
    assert_eq!(other.json()["__type"], "ResourceNotFoundException");
    assert_eq!(shards(&kinesis, json!({ "StreamCreationTimestamp": 1_795_428_672 })).await.len(), 4);
    assert_eq!(shards(&kinesis, json!({ "ExclusiveStartShardId": "shardId-000000000002" })).await, ["3"]);
}
