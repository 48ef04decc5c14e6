//! DynamoDB: consistent reads, conditional writes and transactions are as if done one after the other, each between its
//! being asked and its being answered; the stream has exactly the changes that were made, in their order.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value as Json, json};
use testkit::dynamo_table;

use crate::linear::{self, Done, Model};
use crate::world::{Door, Ground, World};

const KEYS: u64 = 3;

/// What an item holds: the value that its last write gave it, no two alike, and a counter.
type Item = (u64, i64);

/// The table as it should be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Table(BTreeMap<u64, Item>);

/// A part of a write.
#[derive(Clone, Debug)]
enum Write {
    Put(u64, u64),
    /// Only where there is none.
    Create(u64, u64),
    /// Only over this value.
    Replace(u64, u64, u64),
    Delete(u64),
    /// Adds one to the counter.
    Count(u64, u64),
    /// Changes nothing, and fails where there is none.
    Exists(u64),
}

#[derive(Clone, Debug)]
enum Operation {
    /// All or none of them; whether it was done, where that is known.
    Write(Vec<Write>, Option<bool>),
    /// What was found, and the write that gave the old item back, if it did.
    Read(Vec<(u64, Option<Item>)>),
    /// One write with what its answer gave: the item before it, or after it.
    Old(Write, Option<Item>),
    New(Write, Item),
}

impl Write {
    fn key(&self) -> u64 {
        match self {
            Self::Put(key, _)
            | Self::Create(key, _)
            | Self::Replace(key, _, _)
            | Self::Delete(key)
            | Self::Count(key, _)
            | Self::Exists(key) => *key,
        }
    }

    /// The value that it leaves, if any.
    fn value(&self) -> Option<u64> {
        match self {
            Self::Put(_, value)
            | Self::Create(_, value)
            | Self::Replace(_, _, value)
            | Self::Count(_, value) => Some(*value),
            Self::Delete(_) | Self::Exists(_) => None,
        }
    }
}

impl Table {
    fn may(&self, write: &Write) -> bool {
        let there = self.0.get(&write.key());
        match write {
            Write::Create(..) => there.is_none(),
            Write::Replace(_, old, _) => there.is_some_and(|item| item.0 == *old),
            Write::Exists(_) => there.is_some(),
            Write::Put(..) | Write::Delete(_) | Write::Count(..) => true,
        }
    }

    fn write(&mut self, write: &Write) {
        match write {
            Write::Put(key, value) | Write::Create(key, value) | Write::Replace(key, _, value) => {
                self.0.insert(*key, (*value, 0));
            }
            Write::Delete(key) => {
                self.0.remove(key);
            }
            Write::Count(key, value) => {
                let item = self.0.entry(*key).or_default();
                *item = (*value, item.1 + 1);
            }
            Write::Exists(_) => {}
        }
    }
}

impl Model for Table {
    type Operation = Operation;

    fn apply(&mut self, operation: &Operation) -> bool {
        match operation {
            Operation::Write(writes, done) => {
                let may = writes.iter().all(|write| self.may(write));
                if may {
                    writes.iter().for_each(|write| self.write(write));
                }
                done.is_none_or(|done| done == may)
            }
            Operation::Read(found) => found.iter().all(|(key, item)| self.0.get(key) == item.as_ref()),
            Operation::Old(write, old) => {
                let before = self.0.get(&write.key()).copied();
                self.write(write);
                before == *old
            }
            Operation::New(write, new) => {
                self.write(write);
                self.0.get(&write.key()) == Some(new)
            }
        }
    }
}

/// What clients saw, and the values given so far.
#[derive(Default)]
struct History {
    operations: Vec<Done<Operation>>,
    values: u64,
    stream: Vec<Record>,
}

/// A record of the stream.
#[derive(Clone, Debug)]
struct Record {
    key: u64,
    old: Option<Item>,
    new: Option<Item>,
}

type Shared = Arc<Mutex<History>>;

fn lock(shared: &Shared) -> MutexGuard<'_, History> {
    shared.lock().expect("no panic while held")
}

async fn call(door: &Door, operation: &str, body: &Json) -> testkit::Answer {
    door.json("dynamodb", &format!("DynamoDB_20120810.{operation}"), body).await
}

fn key_json(key: u64) -> Json {
    json!({ "h": { "S": format!("k{key}") } })
}

fn item_json(key: u64, value: u64) -> Json {
    json!({ "h": { "S": format!("k{key}") }, "v": { "N": value.to_string() }, "n": { "N": "0" } })
}

/// An item as it came; `None` for none.
fn read_item(json: &Json) -> Option<Item> {
    let number = |name: &str| json[name]["N"].as_str().and_then(|text| text.parse::<i64>().ok());
    Some((u64::try_from(number("v")?).ok()?, number("n").unwrap_or(0)))
}

fn read_key(json: &Json) -> u64 {
    json["h"]["S"].as_str().and_then(|text| text.trim_start_matches('k').parse().ok()).expect("a key of ours")
}

/// A write as the members of a request, without its table's name.
fn members(write: &Write) -> (&'static str, Json) {
    let number = |value: &u64| json!({ "N": value.to_string() });
    match write {
        Write::Put(key, value) => ("Put", json!({ "Item": item_json(*key, *value) })),
        Write::Create(key, value) => {
            let condition = "attribute_not_exists(h)";
            ("Put", json!({ "Item": item_json(*key, *value), "ConditionExpression": condition }))
        }
        Write::Replace(key, old, value) => {
            let values = json!({ ":old": number(old) });
            let item = item_json(*key, *value);
            (
                "Put",
                json!({ "Item": item, "ConditionExpression": "v = :old", "ExpressionAttributeValues": values }),
            )
        }
        Write::Delete(key) => ("Delete", json!({ "Key": key_json(*key) })),
        Write::Count(key, value) => {
            let values = json!({ ":one": { "N": "1" }, ":v": number(value) });
            let update = "ADD n :one SET v = :v";
            let body = json!({ "Key": key_json(*key), "UpdateExpression": update, "ExpressionAttributeValues": values });
            ("Update", body)
        }
        Write::Exists(key) => {
            ("ConditionCheck", json!({ "Key": key_json(*key), "ConditionExpression": "attribute_exists(h)" }))
        }
    }
}

async fn client(door: Door, shared: Shared) {
    while door.more() {
        door.dawdle().await;
        match door.world.dice.roll(10) {
            0..=2 => read(&door, &shared).await,
            3..=6 => write_one(&door, &shared).await,
            _ => transact(&door, &shared).await,
        }
    }
}

/// Writes down that something was asked; gives its place.
fn ask(door: &Door, shared: &Shared, operation: Operation) -> usize {
    let asked = door.world.moment();
    let mut history = lock(shared);
    history.operations.push(Done { operation, asked, answered: None });
    history.operations.len() - 1
}

/// Writes down what came of it.
fn answer(door: &Door, shared: &Shared, place: usize, operation: Operation) {
    let answered = Some(door.world.moment());
    let mut history = lock(shared);
    let asked = history.operations[place].asked;
    history.operations[place] = Done { operation, asked, answered };
}

async fn read(door: &Door, shared: &Shared) {
    let place = ask(door, shared, Operation::Read(Vec::new()));
    let key = door.world.dice.roll(KEYS);
    let found = match door.world.dice.roll(3) {
        0 => {
            let get = |key: u64| json!({ "Get": { "TableName": "tab", "Key": key_json(key) } });
            let body = json!({ "TransactItems": (0..KEYS).map(get).collect::<Vec<_>>() });
            let answer = call(door, "TransactGetItems", &body).await;
            (answer.status == 200).then(|| {
                let answer = answer.json();
                (0..KEYS)
                    .zip(0..)
                    .map(|(key, at): (u64, usize)| (key, read_item(&answer["Responses"][at]["Item"])))
                    .collect()
            })
        }
        1 => {
            let answer = call(door, "Scan", &json!({ "TableName": "tab", "ConsistentRead": true })).await;
            (answer.status == 200).then(|| {
                let answer = answer.json();
                let items = answer["Items"].as_array().expect("a scan has items");
                let item = |key| items.iter().find(|item| read_key(item) == key).and_then(read_item);
                (0..KEYS).map(|key| (key, item(key))).collect()
            })
        }
        _ => {
            let body = json!({ "TableName": "tab", "Key": key_json(key), "ConsistentRead": true });
            let answer = call(door, "GetItem", &body).await;
            (answer.status == 200).then(|| vec![(key, read_item(&answer.json()["Item"]))])
        }
    };
    if let Some(found) = found {
        answer(door, shared, place, Operation::Read(found));
    }
}

/// A write of a value that nobody else gives.
fn draw(door: &Door, shared: &Shared, key: u64) -> Write {
    let dice = &door.world.dice;
    let mut history = lock(shared);
    history.values += 1;
    let value = history.values;
    match dice.roll(8) {
        0..=1 => Write::Put(key, value),
        2 => Write::Create(key, value),
        3 => Write::Replace(key, 1 + dice.roll(value), value),
        4 => Write::Delete(key),
        _ => Write::Count(key, value),
    }
}

async fn write_one(door: &Door, shared: &Shared) {
    let write = draw(door, shared, door.world.dice.roll(KEYS));
    let place = ask(door, shared, Operation::Write(vec![write.clone()], None));
    let (kind, mut body) = members(&write);
    body["TableName"] = json!("tab");
    let operation = format!("{kind}Item");
    body["ReturnValues"] = json!(if kind == "Update" { "ALL_NEW" } else { "ALL_OLD" });
    let answered = call(door, &operation, &body).await;
    let done = match (answered.status, &write) {
        (200, Write::Count(..)) => {
            Operation::New(write, read_item(&answered.json()["Attributes"]).expect("an update has an item"))
        }
        (200, Write::Put(..) | Write::Delete(_)) => {
            Operation::Old(write, read_item(&answered.json()["Attributes"]))
        }
        (200, _) => Operation::Write(vec![write], Some(true)),
        (400, _) => {
            assert!(answered.text().contains("ConditionalCheckFailed"), "{}", answered.text());
            Operation::Write(vec![write], Some(false))
        }
        _ => return,
    };
    answer(door, shared, place, done);
}

/// A transaction of several items; once in a while asked again with its token, when nobody knows what came of it.
async fn transact(door: &Door, shared: &Shared) {
    let dice = &door.world.dice;
    let first = dice.roll(KEYS);
    let mut writes = vec![draw(door, shared, first), draw(door, shared, (first + 1) % KEYS)];
    if dice.once_in(3) {
        writes.push(Write::Exists((first + 2) % KEYS));
    }
    let place = ask(door, shared, Operation::Write(writes.clone(), None));
    let items = writes.iter().map(|write| {
        let (kind, mut body) = members(write);
        body["TableName"] = json!("tab");
        json!({ kind: body })
    });
    let token = format!("token-{}", lock(shared).values);
    let body = json!({ "TransactItems": items.collect::<Vec<_>>(), "ClientRequestToken": token });
    let mut answered = call(door, "TransactWriteItems", &body).await;
    while answered.status >= 500 && door.more() {
        answered = call(door, "TransactWriteItems", &body).await;
    }
    let done = match answered.status {
        200 => true,
        400 => {
            assert!(answered.text().contains("TransactionCanceled"), "{}", answered.text());
            false
        }
        _ => return,
    };
    // One that was refused at its second try was not done at the first either: its token would have told.
    answer(door, shared, place, Operation::Write(writes, Some(done)));
}

/// Reads the table and its stream as they are at the end.
async fn close(door: Door, shared: Shared) {
    let place = ask(&door, &shared, Operation::Read(Vec::new()));
    let scanned = call(&door, "Scan", &json!({ "TableName": "tab", "ConsistentRead": true })).await.ok();
    let items = scanned["Items"].as_array().expect("a scan has items");
    let item = |key| items.iter().find(|item| read_key(item) == key).and_then(read_item);
    answer(&door, &shared, place, Operation::Read((0..KEYS).map(|key| (key, item(key))).collect()));

    let stream = async |operation: &str, body: Json| {
        door.json("dynamodb", &format!("DynamoDBStreams_20120810.{operation}"), &body).await.ok()
    };
    let arn = stream("ListStreams", json!({})).await["Streams"][0]["StreamArn"].clone();
    let described = stream("DescribeStream", json!({ "StreamArn": arn })).await;
    let shard = &described["StreamDescription"]["Shards"][0]["ShardId"];
    let body = json!({ "StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON" });
    let mut iterator = stream("GetShardIterator", body).await["ShardIterator"].clone();
    loop {
        let page = stream("GetRecords", json!({ "ShardIterator": iterator, "Limit": 20 })).await;
        let records = page["Records"].as_array().expect("as it was made");
        for record in records {
            let change = &record["dynamodb"];
            let (old, new) = (read_item(&change["OldImage"]), read_item(&change["NewImage"]));
            lock(&shared).stream.push(Record { key: read_key(&change["Keys"]), old, new });
        }
        if records.is_empty() {
            return;
        }
        iterator = page["NextShardIterator"].clone();
    }
}

impl History {
    /// The stream is a chain of changes for each item, and has each acknowledged write once.
    fn check_stream(&self) {
        let mut table = Table::default();
        for record in &self.stream {
            assert_eq!(
                table.0.get(&record.key),
                record.old.as_ref(),
                "{record:?} does not follow what was before it"
            );
            match record.new {
                Some(item) => table.0.insert(record.key, item),
                None => table.0.remove(&record.key),
            };
        }
        let Some(Operation::Read(found)) = self.operations.last().map(|done| &done.operation) else {
            panic!("a run ends with a read")
        };
        let found = found.iter().filter_map(|(key, item)| Some((*key, (*item)?)));
        assert_eq!(table.0, found.collect(), "the stream does not come to the table");
        for done in &self.operations {
            let (writes, known) = match &done.operation {
                Operation::Write(writes, known) => (writes.as_slice(), *known),
                Operation::Old(write, _) | Operation::New(write, _) => {
                    (std::slice::from_ref(write), Some(true))
                }
                Operation::Read(_) => continue,
            };
            let values = writes.iter().filter_map(|write| Some((write.key(), write.value()?)));
            let told = values.map(|(key, value)| self.records_of(key, value));
            let told = told.collect::<Vec<_>>();
            match known {
                Some(true) => {
                    assert!(told.iter().all(|count| *count == 1), "{done:?} is told {told:?} times")
                }
                Some(false) => {
                    assert!(told.iter().all(|count| *count == 0), "{done:?} was refused and is told")
                }
                None => {
                    assert!(told.iter().all(|count| *count == told[0] && *count <= 1), "{done:?}: {told:?}")
                }
            }
        }
        self.check_order();
    }

    fn records_of(&self, key: u64, value: u64) -> usize {
        let of = |record: &&Record| record.key == key && record.new.is_some_and(|item| item.0 == value);
        self.stream.iter().filter(of).count()
    }

    /// Of two writes of which one was answered before the other was asked, the stream has that one first.
    fn check_order(&self) {
        let at =
            |value: u64| self.stream.iter().position(|record| record.new.is_some_and(|item| item.0 == value));
        let told = self.operations.iter().filter_map(|done| {
            let value = match &done.operation {
                Operation::Write(writes, _) => writes.iter().find_map(Write::value),
                Operation::Old(write, _) | Operation::New(write, _) => write.value(),
                Operation::Read(_) => None,
            };
            Some((done, at(value?)?))
        });
        let told = told.collect::<Vec<_>>();
        for (one, place) in &told {
            for (other, later) in &told {
                let before = one.answered.is_some_and(|answered| answered < other.asked);
                assert!(!before || place < later, "{one:?} is told after {other:?}");
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
    let services = |_: Ground| svc_dynamodb::services(svc_dynamodb::Config::default()).into();
    let prepare = |door: Door| async move {
        let mut body = dynamo_table("tab", "h:S", None);
        body["StreamSpecification"] =
            json!({ "StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES" });
        call(&door, "CreateTable", &body).await.ok();
        loop {
            let described = call(&door, "DescribeTable", &json!({ "TableName": "tab" })).await.ok();
            if described["Table"]["TableStatus"] == "ACTIVE" {
                return;
            }
        }
    };
    let clients = |door: Door| client(door, Arc::clone(&shared));
    world.run(&services, prepare, clients, |door| close(door, Arc::clone(&shared)));
    let history = lock(&shared);
    let fits = linear::check(Table::default(), &history.operations, |asked| world.end_of_life(asked));
    assert!(fits.is_ok(), "no order explains what clients saw: {fits:?}");
    history.check_stream();
}
