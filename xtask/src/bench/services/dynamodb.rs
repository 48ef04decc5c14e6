//! A table with a sort key.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::super::http::Connection;
use super::api::{Numbers, Operation};
use super::load::{Measured, drive};
use super::{CLIENTS, TIMES};
use crate::Error;

pub const TABLE: &str = "bench";
/// Of the items that `load` puts: so many partitions of so many.
const PARTITIONS: u64 = 20;
const IN_PARTITION: u64 = 100;
/// Most that one `BatchWriteItem` takes.
const BATCH: usize = 25;

/// About two hundred bytes.
pub fn item(partition: &str, sort: u64) -> Json {
    json!({
        "p": { "S": partition },
        "s": { "N": sort.to_string() },
        "name": { "S": format!("item {sort} of {partition}") },
        "text": { "S": "t".repeat(120) },
        "count": { "N": "42" },
        "known": { "BOOL": true },
    })
}

pub fn make_table(connection: &mut Connection) -> Result<(), Error> {
    let table = json!({
        "TableName": TABLE,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [
            { "AttributeName": "p", "KeyType": "HASH" },
            { "AttributeName": "s", "KeyType": "RANGE" },
        ],
        "AttributeDefinitions": [
            { "AttributeName": "p", "AttributeType": "S" },
            { "AttributeName": "s", "AttributeType": "N" },
        ],
    });
    Operation::dynamodb("CreateTable").json(connection, &table)?;
    let (describe, asked) = (Operation::dynamodb("DescribeTable"), json!({ "TableName": TABLE }));
    while describe.json(connection, &asked)?["Table"]["TableStatus"] != "ACTIVE" {
        std::thread::park_timeout(Duration::from_millis(20));
    }
    Ok(())
}

/// Puts items in batches.
pub fn put_all(connection: &mut Connection, items: impl Iterator<Item = Json>) -> Result<(), Error> {
    let write = Operation::dynamodb("BatchWriteItem");
    let mut items = items.map(|item| json!({ "PutRequest": { "Item": item } })).peekable();
    while items.peek().is_some() {
        let batch = items.by_ref().take(BATCH).collect::<Vec<_>>();
        let done = write.json(connection, &json!({ "RequestItems": { TABLE: batch } }))?;
        if done["UnprocessedItems"].as_object().is_some_and(|left| !left.is_empty()) {
            return Err("BatchWriteItem: items were left".into());
        }
    }
    Ok(())
}

/// The table and what is in it before anything is measured.
pub fn load(address: &str) -> Result<(), Error> {
    let mut connection = Connection::open(address)?;
    make_table(&mut connection)?;
    let keys = (0..PARTITIONS).flat_map(|partition| (0..IN_PARTITION).map(move |sort| (partition, sort)));
    put_all(&mut connection, keys.map(|(partition, sort)| item(&format!("q-{partition}"), sort)))
}

/// `PutItem` of new items.
pub fn put_item(address: &str) -> Result<Measured, Error> {
    drive(address, CLIENTS, TIMES, |number| {
        let put = Operation::dynamodb("PutItem");
        let mut count = 0;
        move |connection| {
            count += 1;
            let item = item(&format!("put-{number}-{count}"), 0);
            put.call(connection, &json!({ "TableName": TABLE, "Item": item }).to_string()).map(drop)
        }
    })
}

/// `GetItem` of any of the items there.
pub fn get_item(address: &str) -> Result<Measured, Error> {
    drive(address, CLIENTS, TIMES, |number| {
        let get = Operation::dynamodb("GetItem");
        let mut numbers = Numbers(number as u64);
        move |connection| {
            let (partition, sort) = (numbers.below(PARTITIONS), numbers.below(IN_PARTITION));
            let body = format!(
                r#"{{"TableName":"{TABLE}","Key":{{"p":{{"S":"q-{partition}"}},"s":{{"N":"{sort}"}}}}}}"#
            );
            found(&get.call(connection, &body)?)
        }
    })
}

/// Items are large, answers without one are not.
pub fn found(answer: &[u8]) -> Result<(), Error> {
    if answer.len() > 120 { Ok(()) } else { Err("GetItem: there is no such item".into()) }
}

/// `Query` of a partition of a hundred items.
pub fn query(address: &str) -> Result<Measured, Error> {
    drive(address, CLIENTS, TIMES, |number| {
        let query = Operation::dynamodb("Query");
        let mut numbers = Numbers(number as u64);
        move |connection| {
            let body = json!({
                "TableName": TABLE,
                "KeyConditionExpression": "p = :p",
                "ExpressionAttributeValues": { ":p": { "S": format!("q-{}", numbers.below(PARTITIONS)) } },
            });
            let answer = query.call(connection, &body.to_string())?;
            if answer.len() > 100 * 120 { Ok(()) } else { Err("Query: items are missing".into()) }
        }
    })
}
