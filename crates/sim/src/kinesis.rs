//! Kinesis: what was put is in its shard once, under the number that the answer gave; what is put later has a larger
//! number, through splits and merges too; what a reader saw of a shard is how the shard begins, for ever.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value as Json, json};

use crate::world::{Door, Ground, World};

/// Partition keys in use.
const KEYS: u64 = 4;
/// Hash keys have 128 bits.
const HASH_KEY_MAX: u128 = u128::MAX;

/// A sequence number; its order is that of its digits' count, then of its digits.
type Number = (usize, String);

#[derive(Clone, Debug)]
struct Put {
    /// No two records have the same.
    data: String,
    key: u64,
    asked: u64,
    answered: Option<u64>,
    /// Shard and number, where the answer told.
    place: Option<(String, Number)>,
}

/// A shard's records: number, data.
type Records = Vec<(Number, String)>;

#[derive(Default)]
struct History {
    puts: Vec<Put>,
    /// What readers saw of shards, each from its beginning.
    seen: Vec<(String, Records)>,
    /// What there is at the end.
    there: BTreeMap<String, Records>,
}

type Shared = Arc<Mutex<History>>;

fn lock(shared: &Shared) -> MutexGuard<'_, History> {
    shared.lock().expect("no panic while held")
}

fn text(value: &Json) -> String {
    value.as_str().expect("a text").to_owned()
}

fn number(value: &Json) -> Number {
    let text = text(value);
    (text.len(), text)
}

/// `None` for a failure of the store, or because the stream or the shard is being changed.
async fn call(door: &Door, operation: &str, mut body: Json) -> Option<Json> {
    if !["GetRecords", "CreateStream"].contains(&operation) {
        body["StreamName"] = json!("s");
    }
    let answer = door.json("kinesis", &format!("Kinesis_20131202.{operation}"), &body).await;
    match answer.status {
        200 if answer.body.is_empty() => Some(Json::Null),
        200 => Some(answer.json()),
        500.. => None,
        _ if ["SplitShard", "MergeShards"].contains(&operation) => None,
        _ => panic!("{operation} {body}: {}", answer.text()),
    }
}

async fn client(door: Door, shared: Shared) {
    while door.more() {
        door.dawdle().await;
        match door.world.dice.roll(20) {
            0..=9 => put(&door, &shared, 1).await,
            10..=12 => put(&door, &shared, 3).await,
            13..=17 => look(&door, &shared).await,
            _ => reshard(&door).await,
        }
    }
}

/// One record, or several with one call.
async fn put(door: &Door, shared: &Shared, count: u64) {
    let (from, puts) = {
        let mut history = lock(shared);
        let (from, asked) = (history.puts.len(), door.world.moment());
        let puts = (0..count).zip(from..).map(|(_, number)| Put {
            // Eight letters, which are base64 of something.
            data: format!("{number:08}"),
            key: door.world.dice.roll(KEYS),
            asked,
            answered: None,
            place: None,
        });
        let puts = puts.collect::<Vec<_>>();
        history.puts.extend(puts.iter().cloned());
        (from, puts)
    };
    let record = |put: &Put| json!({ "Data": put.data, "PartitionKey": format!("k{}", put.key) });
    let places = match puts.as_slice() {
        [one] => call(door, "PutRecord", record(one)).await.map(|answer| vec![answer]),
        _ => {
            let body = json!({ "Records": puts.iter().map(record).collect::<Vec<_>>() });
            let answer = call(door, "PutRecords", body).await;
            answer.map(|answer| answer["Records"].as_array().expect("one for each").clone())
        }
    };
    let Some(places) = places else { return };
    let answered = door.world.moment();
    let mut history = lock(shared);
    for (put, place) in history.puts[from..].iter_mut().zip(&places) {
        if place["ErrorCode"].is_null() {
            put.answered = Some(answered);
            put.place = Some((text(&place["ShardId"]), number(&place["SequenceNumber"])));
        }
    }
}

async fn shards(door: &Door) -> Option<Vec<Json>> {
    let listed = call(door, "ListShards", json!({})).await?;
    Some(listed["Shards"].as_array().expect("a list").clone())
}

/// All of a shard, as far as it goes at the moment.
async fn read(door: &Door, shard: &str) -> Option<Records> {
    let body = json!({ "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON" });
    let mut iterator = call(door, "GetShardIterator", body).await?["ShardIterator"].clone();
    let mut records = Records::new();
    while !iterator.is_null() {
        let page = call(door, "GetRecords", json!({ "ShardIterator": iterator, "Limit": 3 })).await?;
        let found = page["Records"].as_array().expect("a list");
        if found.is_empty() {
            break;
        }
        records.extend(found.iter().map(|record| (number(&record["SequenceNumber"]), text(&record["Data"]))));
        iterator = page["NextShardIterator"].clone();
    }
    Some(records)
}

async fn look(door: &Door, shared: &Shared) {
    let Some(shards) = shards(door).await else { return };
    let shard = text(&door.world.dice.pick(&shards)["ShardId"]);
    if let Some(records) = read(door, &shard).await {
        lock(shared).seen.push((shard, records));
    }
}

/// Splits a shard in the middle, or merges two that lie beside each other.
async fn reshard(door: &Door) {
    let Some(shards) = shards(door).await else { return };
    let open = shards.iter().filter(|shard| shard["SequenceNumberRange"]["EndingSequenceNumber"].is_null());
    let hash = |shard: &Json, end: &str| text(&shard["HashKeyRange"][end]).parse::<u128>().expect("a number");
    let ranges = open
        .map(|shard| (hash(shard, "StartingHashKey"), hash(shard, "EndingHashKey"), text(&shard["ShardId"])));
    let mut ranges = ranges.collect::<Vec<_>>();
    ranges.sort();
    let (from, to, shard) = door.world.dice.pick(&ranges).clone();
    if door.world.dice.once_in(2) {
        let middle = from + (to - from) / 2 + 1;
        let body = json!({ "ShardToSplit": shard, "NewStartingHashKey": middle.to_string() });
        call(door, "SplitShard", body).await;
    } else if to < HASH_KEY_MAX {
        let beside = ranges.iter().find(|(start, _, _)| *start == to + 1).expect("no hash key is nobody's");
        let body = json!({ "ShardToMerge": shard, "AdjacentShardToMerge": beside.2 });
        call(door, "MergeShards", body).await;
    }
}

async fn close(door: Door, shared: Shared) {
    for shard in shards(&door).await.expect("all is calm") {
        let shard = text(&shard["ShardId"]);
        let records = read(&door, &shard).await.expect("all is calm");
        lock(&shared).there.insert(shard, records);
    }
}

impl History {
    fn check(&self) {
        let all = self.there.values().flatten();
        let data = all.clone().map(|(_, data)| data).collect::<BTreeSet<_>>();
        assert_eq!(data.len(), all.count(), "a record is there twice: {:?}", self.there);
        for records in self.there.values() {
            assert!(records.is_sorted_by(|one, next| one.0 < next.0), "out of order: {records:?}");
            for (_, data) in records {
                assert!(self.puts.iter().any(|put| put.data == *data), "{data} comes from nowhere");
            }
        }
        for (shard, seen) in &self.seen {
            let there = &self.there[shard];
            assert!(there.starts_with(seen), "a reader of {shard} saw {seen:?}, and it is {there:?}");
        }
        for put in &self.puts {
            let Some((shard, number)) = &put.place else { continue };
            let place = (number.clone(), put.data.clone());
            assert!(self.there[shard].contains(&place), "{put:?} is not there: {:?}", self.there[shard]);
        }
        self.check_order();
    }

    fn check_order(&self) {
        for one in &self.puts {
            let Some(((_, number), answered)) = one.place.as_ref().zip(one.answered) else { continue };
            for later in self.puts.iter().filter(|later| later.key == one.key && answered < later.asked) {
                let Some((_, after)) = &later.place else { continue };
                assert!(number < after, "{later:?} was put after {one:?}");
            }
        }
    }
}

/// One run.
///
/// # Panics
/// When something does not hold.
pub fn run(world: &Arc<World>) {
    let shared = Shared::default();
    let services = |_: Ground| vec![svc_kinesis::service(svc_kinesis::Config::default())];
    let prepare = |door: Door| async move {
        let made = call(&door, "CreateStream", json!({ "StreamName": "s", "ShardCount": 2 })).await;
        made.expect("all is calm");
    };
    let clients = |door: Door| client(door, Arc::clone(&shared));
    world.run(&services, prepare, clients, |door| close(door, Arc::clone(&shared)));
    lock(&shared).check();
}
