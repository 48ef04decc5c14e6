//! Random operations against a model: a map. Table, indexes and stream must all agree with it, for every seed.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use testkit::{Dynamo, dynamo_table as table};

const SEEDS: u64 = 1000;
const STEPS: usize = 25;

/// Key as partition and sort key; attributes `g` (a text), `n` and `l` (numbers), each there or not.
type Key = (u64, i64);
type Model = BTreeMap<Key, BTreeMap<&'static str, i64>>;

struct Random(u64);

impl Random {
    /// SplitMix64.
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)) % bound
    }

    fn number(&mut self) -> i64 {
        i64::try_from(self.below(7)).expect("as it was made") - 3
    }

    fn key(&mut self) -> Key {
        (self.below(3), self.number())
    }

    fn attributes(&mut self) -> BTreeMap<&'static str, i64> {
        let mut attributes = BTreeMap::new();
        for name in ["g", "n", "l"] {
            if self.below(3) > 0 {
                attributes.insert(name, self.number());
            }
        }
        attributes
    }
}

fn key_json(key: Key) -> Json {
    json!({ "h": { "S": key.0.to_string() }, "r": { "N": key.1.to_string() } })
}

fn item_json(key: Key, attributes: &BTreeMap<&'static str, i64>) -> Json {
    let mut item = key_json(key);
    for (name, value) in attributes {
        let kind = if *name == "g" { "S" } else { "N" };
        item[*name] = json!({ kind: value.to_string() });
    }
    item
}

async fn make() -> Dynamo {
    let dynamo = Dynamo::new();
    let mut body = table("tab", "h:S", Some("r:N"));
    let more = [("g", "S"), ("n", "N"), ("l", "N")];
    let more = more.map(|(name, kind)| json!({ "AttributeName": name, "AttributeType": kind }));
    body["AttributeDefinitions"].as_array_mut().expect("as it was made").extend(more);
    let keys = |hash: &str, range: &str| json!([{ "AttributeName": hash, "KeyType": "HASH" }, { "AttributeName": range, "KeyType": "RANGE" }]);
    let all = json!({ "ProjectionType": "ALL" });
    body["GlobalSecondaryIndexes"] =
        json!([{ "IndexName": "global", "KeySchema": keys("g", "n"), "Projection": all }]);
    body["LocalSecondaryIndexes"] =
        json!([{ "IndexName": "local", "KeySchema": keys("h", "l"), "Projection": all }]);
    body["StreamSpecification"] = json!({ "StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES" });
    dynamo.table(body).await;
    dynamo
}

/// One random operation on both; they must agree on whether it is done.
async fn step(dynamo: &Dynamo, model: &mut Model, random: &mut Random) {
    let key = random.key();
    match random.below(6) {
        0 => {
            let attributes = random.attributes();
            let body = json!({ "TableName": "tab", "Item": item_json(key, &attributes) });
            dynamo.call("PutItem", body).await.ok();
            model.insert(key, attributes);
        }
        1 => {
            let attributes = random.attributes();
            let put = json!({
                "TableName": "tab", "Item": item_json(key, &attributes), "ConditionExpression": "attribute_not_exists(h) OR n < :zero",
                "ExpressionAttributeValues": { ":zero": { "N": "0" } },
            });
            let done = dynamo.call("PutItem", put).await.status == 200;
            let may = model.get(&key).is_none_or(|old| old.get("n").is_some_and(|n| *n < 0));
            assert_eq!(done, may);
            if may {
                model.insert(key, attributes);
            }
        }
        2 => {
            let body = json!({ "TableName": "tab", "Key": key_json(key), "ReturnValues": "ALL_OLD" });
            let old = dynamo.call("DeleteItem", body).await.ok()["Attributes"].clone();
            let expected = model.remove(&key).map_or(Json::Null, |attributes| item_json(key, &attributes));
            assert_eq!(old, expected);
        }
        3 | 4 => {
            let (by, remove) = (random.number(), random.below(2) == 0);
            let expression = if remove { "ADD n :by REMOVE g" } else { "ADD n :by SET g = :g" };
            let mut values = json!({ ":by": { "N": by.to_string() } });
            if !remove {
                values[":g"] = json!({ "S": by.to_string() });
            }
            let body = json!({
                "TableName": "tab", "Key": key_json(key), "UpdateExpression": expression, "ExpressionAttributeValues": values,
                "ReturnValues": "ALL_NEW",
            });
            let new = dynamo.call("UpdateItem", body).await.ok()["Attributes"].clone();
            let item = model.entry(key).or_default();
            *item.entry("n").or_default() += by;
            if remove {
                item.remove("g")
            } else {
                item.insert("g", by)
            };
            assert_eq!(new, item_json(key, item));
        }
        _ => {
            let (other, attributes) = (random.key(), random.attributes());
            let body = json!({ "TransactItems": [
                { "Put": { "TableName": "tab", "Item": item_json(key, &attributes) } },
                { "Delete": { "TableName": "tab", "Key": key_json(other), "ConditionExpression": "attribute_exists(l)" } },
            ] });
            let done = dynamo.call("TransactWriteItems", body).await.status == 200;
            let may = key != other && model.get(&other).is_some_and(|item| item.contains_key("l"));
            assert_eq!(done, may);
            if may {
                model.insert(key, attributes);
                model.remove(&other);
            }
        }
    }
}

/// All items of a query or scan, page by page.
async fn all(dynamo: &Dynamo, operation: &str, mut body: Json) -> Vec<Json> {
    let mut found = Vec::new();
    body["TableName"] = json!("tab");
    body["Limit"] = json!(3);
    loop {
        let answer = dynamo.call(operation, body.clone()).await.ok();
        found.extend(answer["Items"].as_array().expect("as it was made").clone());
        match &answer["LastEvaluatedKey"] {
            Json::Null => return found,
            last => body["ExclusiveStartKey"] = last.clone(),
        }
    }
}

fn sorted(mut items: Vec<Json>) -> Vec<Json> {
    items.sort_by_key(|item| (item["h"].to_string(), item["r"].to_string()));
    items
}

async fn compare(dynamo: &Dynamo, model: &Model) {
    let items = |wanted: &dyn Fn(&Key, &BTreeMap<&'static str, i64>) -> bool| {
        let items = model.iter().filter(|(key, item)| wanted(key, item));
        items.map(|(key, item)| item_json(*key, item)).collect::<Vec<_>>()
    };
    assert_eq!(sorted(all(dynamo, "Scan", json!({})).await), sorted(items(&|_, _| true)));
    for partition in 0..3u64 {
        let values = json!({ ":h": { "S": partition.to_string() } });
        let query = json!({ "KeyConditionExpression": "h = :h", "ExpressionAttributeValues": values });
        // The model's keys are in the table's order.
        assert_eq!(all(dynamo, "Query", query.clone()).await, items(&|key, _| key.0 == partition));
        let mut local = query;
        local["IndexName"] = json!("local");
        local["ScanIndexForward"] = json!(false);
        let found = all(dynamo, "Query", local).await;
        let order = found
            .iter()
            .map(|item| {
                item["l"]["N"].as_str().expect("as it was made").parse::<i64>().expect("as it was made")
            })
            .rev();
        assert!(order.is_sorted(), "{found:?}");
        assert_eq!(sorted(found), sorted(items(&|key, item| key.0 == partition && item.contains_key("l"))));
    }
    let held = items(&|_, item| item.contains_key("g") && item.contains_key("n"));
    assert_eq!(sorted(all(dynamo, "Scan", json!({ "IndexName": "global" })).await), sorted(held));
}

/// The stream, played from its beginning, comes to the table.
async fn replay(dynamo: &Dynamo, model: &Model) {
    let streams = dynamo.stream("ListStreams", json!({})).await.ok();
    let arn = streams["Streams"][0]["StreamArn"].clone();
    let described = dynamo.stream("DescribeStream", json!({ "StreamArn": arn })).await.ok();
    let shard = described["StreamDescription"]["Shards"][0]["ShardId"].clone();
    let body = json!({ "StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON" });
    let iterator = dynamo.stream("GetShardIterator", body).await.ok()["ShardIterator"].clone();
    let records =
        dynamo.stream("GetRecords", json!({ "ShardIterator": iterator })).await.ok()["Records"].clone();
    let mut state = BTreeMap::new();
    for record in records.as_array().expect("as it was made") {
        let change = &record["dynamodb"];
        let key = change["Keys"].to_string();
        let old = state.remove(&key).unwrap_or(Json::Null);
        assert_eq!(old, change["OldImage"]);
        assert_ne!(old, change["NewImage"], "a record is a change");
        if !change["NewImage"].is_null() {
            state.insert(key, change["NewImage"].clone());
        }
    }
    let expected = model.iter().map(|(key, item)| (key_json(*key).to_string(), item_json(*key, item)));
    assert_eq!(state, expected.collect());
}

#[tokio::test]
async fn table_indexes_and_stream_agree_with_a_map() {
    for seed in 0..SEEDS {
        let (dynamo, mut model, mut random) = (make().await, Model::new(), Random(seed));
        for _ in 0..STEPS {
            step(&dynamo, &mut model, &mut random).await;
        }
        // A failure shows the seed.
        println!("seed {seed}");
        compare(&dynamo, &model).await;
        replay(&dynamo, &model).await;
        dynamo.stop_jobs().await;
    }
}
