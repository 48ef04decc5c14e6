//! Many writers, splits and merges in between, and a reader that goes from shards to their children: every partition
//! key is read in its order, and nothing is lost. `KINESIS_SEEDS` is how many seeds run, `KINESIS_SEED` replays one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value as Json, json};
use svc_kinesis::Config;
use testkit::{EPOCH_MS, Ground, Kinesis, soon};

const WRITERS: usize = 6;
const KEYS: u64 = 3;
const EACH: usize = 60;

/// SplitMix64, so that a seed is a run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)) % sides
    }
}

/// Puts numbers for its keys, one after the other for each; gives the sequence numbers it was told.
async fn write(kinesis: Arc<Kinesis>, writer: usize, seed: u64) -> Vec<String> {
    let (mut dice, mut told) = (Dice(seed ^ writer as u64), Vec::new());
    let mut counts = BTreeMap::<u64, usize>::new();
    while counts.values().sum::<usize>() < EACH {
        let key = dice.roll(KEYS);
        let count = counts.entry(key).or_default();
        let mut record = || {
            let data = BASE64.encode(format!("{writer}-{key} {count}"));
            *count += 1;
            json!({ "PartitionKey": format!("{writer}-{key}"), "Data": data })
        };
        if dice.roll(3) == 0 {
            let records = (0..=dice.roll(4)).map(|_| record()).collect::<Vec<_>>();
            let put = kinesis.on("PutRecords", json!({ "Records": records })).await.ok();
            assert_eq!(put["FailedRecordCount"], 0);
            let numbers = put["Records"].as_array().expect("records").iter();
            told.extend(
                numbers.map(|record| record["SequenceNumber"].as_str().expect("a number").to_owned()),
            );
        } else {
            let put = kinesis.on("PutRecord", record()).await.ok();
            told.push(put["SequenceNumber"].as_str().expect("a number").to_owned());
        }
        tokio::task::yield_now().await;
    }
    told
}

/// Changes the shards while there are writers.
async fn reshard(kinesis: Arc<Kinesis>, seed: u64, writing: Arc<AtomicUsize>) {
    let mut dice = Dice(!seed);
    while writing.load(Ordering::SeqCst) > 0 {
        let open = kinesis.on("ListShards", json!({ "ShardFilter": { "Type": "AT_LATEST" } })).await.ok();
        let open = open["Shards"].as_array().expect("shards").clone();
        let pick = usize::try_from(dice.roll(open.len() as u64)).expect("small");
        let bound = |shard: &Json, name: &str| {
            shard["HashKeyRange"][name].as_str().expect("a key").parse::<u128>().expect("a number")
        };
        let (start, end) = (bound(&open[pick], "StartingHashKey"), bound(&open[pick], "EndingHashKey"));
        match dice.roll(3) {
            0 if open.len() < 8 && end - start > 1000 => {
                let middle = start + (end - start) / 3;
                let body = json!({ "ShardToSplit": open[pick]["ShardId"], "NewStartingHashKey": middle.to_string() });
                kinesis.on("SplitShard", body).await.ok();
            }
            1 => {
                let after =
                    open.iter().find(|shard| end.checked_add(1) == Some(bound(shard, "StartingHashKey")));
                if let Some(after) = after {
                    let body = json!({ "ShardToMerge": open[pick]["ShardId"], "AdjacentShardToMerge": after["ShardId"] });
                    kinesis.on("MergeShards", body).await.ok();
                }
            }
            _ => {
                let count = open.len() as u64;
                let target = (count.div_ceil(2) + dice.roll(count + 1)).clamp(1, 8);
                let body = json!({ "TargetShardCount": target, "ScalingType": "UNIFORM_SCALING" });
                // Ten a day are allowed.
                let _ = kinesis.on("UpdateShardCount", body).await;
            }
        }
        kinesis.clock.advance(Duration::from_micros(dice.roll(2000)));
        tokio::task::yield_now().await;
    }
}

/// Reads as consumers do: a shard's children once all of its parents are read to their end.
struct Reader {
    kinesis: Arc<Kinesis>,
    iterators: BTreeMap<String, String>,
    over: BTreeSet<String>,
    /// How many records of each key were read, and the last number of each shard.
    counts: BTreeMap<String, usize>,
    last: BTreeMap<String, String>,
    numbers: Vec<String>,
}

impl Reader {
    async fn begin(&mut self, shard: &str) {
        let body = json!({ "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON" });
        let answer = self.kinesis.on("GetShardIterator", body).await.ok();
        let iterator = answer["ShardIterator"].as_str().expect("an iterator").to_owned();
        self.iterators.insert(shard.to_owned(), iterator);
    }

    fn take(&mut self, shard: &str, record: &Json) {
        let number = record["SequenceNumber"].as_str().expect("a number").to_owned();
        let before = self.last.insert(shard.to_owned(), number.clone());
        assert!(before.is_none_or(|before| before < number), "numbers of {shard} only grow");
        let data = BASE64.decode(record["Data"].as_str().expect("data")).expect("Base64");
        let text = String::from_utf8(data).expect("text");
        let (key, count) = text.split_once(' ').expect("a key and a count");
        let expected = self.counts.entry(key.to_owned()).or_default();
        assert_eq!(count.parse(), Ok(*expected), "{key} in {shard}");
        *expected += 1;
        self.numbers.push(number);
    }

    /// Looks at every shard once; how many records there were.
    async fn round(&mut self) -> usize {
        let mut found = 0;
        for (shard, iterator) in self.iterators.clone() {
            let page =
                self.kinesis.call("GetRecords", json!({ "ShardIterator": iterator, "Limit": 7 })).await.ok();
            for record in page["Records"].as_array().expect("records") {
                found += 1;
                self.take(&shard, record);
            }
            if let Some(next) = page["NextShardIterator"].as_str() {
                self.iterators.insert(shard, next.to_owned());
                continue;
            }
            self.iterators.remove(&shard);
            self.over.insert(shard);
            for child in page["ChildShards"].as_array().expect("a closed shard has children") {
                let mut parents = child["ParentShards"].as_array().expect("parents").iter();
                let ready = parents.all(|parent| self.over.contains(parent.as_str().expect("a name")));
                if ready {
                    self.begin(child["ShardId"].as_str().expect("a name")).await;
                }
                found += 1;
            }
        }
        found
    }
}

/// Counts down when a writer ends, however it does.
struct Done(Arc<AtomicUsize>);

impl Drop for Done {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn run(seed: u64) {
    let kinesis = Arc::new(Kinesis::with_stream(2).await);
    let writing = Arc::new(AtomicUsize::new(WRITERS));
    let mut reader = Reader {
        kinesis: Arc::clone(&kinesis),
        iterators: BTreeMap::new(),
        over: BTreeSet::new(),
        counts: BTreeMap::new(),
        last: BTreeMap::new(),
        numbers: Vec::new(),
    };
    reader.begin("shardId-000000000000").await;
    reader.begin("shardId-000000000001").await;
    let writers = (0..WRITERS).map(|writer| {
        let (kinesis, writing) = (Arc::clone(&kinesis), Arc::clone(&writing));
        tokio::spawn(async move {
            let _done = Done(writing);
            write(kinesis, writer, seed).await
        })
    });
    let writers = writers.collect::<Vec<_>>();
    let resharder = tokio::spawn(reshard(Arc::clone(&kinesis), seed, Arc::clone(&writing)));
    // A writer that panicked is seen below.
    while writers.iter().any(|writer| !writer.is_finished()) {
        reader.round().await;
        tokio::task::yield_now().await;
    }
    let mut told = Vec::new();
    for writer in writers {
        told.extend(writer.await.expect("no panic"));
    }
    resharder.await.expect("no panic");
    while reader.round().await > 0 {}
    told.sort();
    reader.numbers.sort();
    assert_eq!(reader.numbers, told, "what was acknowledged is what was read");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn keys_are_read_in_order_across_splits_and_merges() {
    #[expect(clippy::disallowed_methods, reason = "which seeds run is the tester's choice")]
    let variable = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match variable("KINESIS_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..variable("KINESIS_SEEDS").unwrap_or(6),
    };
    for seed in seeds {
        println!("KINESIS_SEED={seed}");
        soon("a run to end", run(seed)).await;
    }
}

#[tokio::test]
async fn everything_is_there_after_the_store_is_opened_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let open = |ms: i64| {
        let mut ground = Ground::new();
        let engine = kv_disk::DiskEngine::open(folder.path()).expect("a store");
        ground.clock.advance(Duration::from_millis(u64::try_from(ms).expect("later")));
        ground.kv = kv::Kv::new(Arc::new(engine), ground.env.clone());
        Kinesis::upon(ground, Config::default())
    };
    let kinesis = open(0);
    kinesis.on("CreateStream", json!({ "ShardCount": 1, "Tags": { "a": "1" } })).await.ok();
    let consumer = kinesis.register("c").await;
    kinesis.put("a", "1").await;
    let split = json!({ "ShardToSplit": "shardId-000000000000", "NewStartingHashKey": "100" });
    kinesis.on("SplitShard", split).await.ok();
    let mut last = String::new();
    for text in ["2", "3"] {
        last = kinesis.put("a", text).await;
    }
    let iterator = kinesis.iterator(2, "TRIM_HORIZON", json!({})).await;
    let latest = kinesis.iterator(2, "LATEST", json!({})).await;
    let described = kinesis.on("DescribeStream", json!({})).await.ok();
    drop(kinesis);
    // As if the clock had been set back a little.
    let kinesis = open(0);
    assert_eq!(kinesis.on("DescribeStream", json!({})).await.ok(), described);
    assert_eq!(kinesis.on("ListTagsForStream", json!({})).await.ok()["Tags"][0]["Key"], "a");
    kinesis.call("DescribeStreamConsumer", json!({ "ConsumerARN": consumer })).await.ok();
    assert_eq!(kinesis.texts(0).await, ["1"]);
    let page = kinesis.records(&iterator).await;
    assert_eq!(page["Records"].as_array().map(Vec::len), Some(2));
    let next = kinesis.put("a", "4").await;
    assert!(next > last, "numbers grow over a restart");
    assert_eq!(kinesis.texts(2).await, ["2", "3", "4"]);
    let page = kinesis.records(&latest).await;
    assert_eq!(page["Records"][0]["SequenceNumber"], next);
    assert_eq!(kinesis.env.now().as_millis(), EPOCH_MS);
}
