//! A stream of several shards.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::super::http::Connection;
use super::api::{Numbers, Operation};
use super::load::{Measured, drive};
use super::{CLIENTS, TIMES};
use crate::Error;

const RECORDS: u32 = 500;
const SHARDS: u32 = 16;

/// `PutRecords` of 500 records each; counts records.
pub fn put_records(address: &str) -> Result<Measured, Error> {
    let mut connection = Connection::open(address)?;
    let stream = json!({ "StreamName": "bench", "ShardCount": SHARDS });
    Operation::kinesis("CreateStream").call(&mut connection, &stream.to_string())?;
    let (describe, asked) = (Operation::kinesis("DescribeStream"), json!({ "StreamName": "bench" }));
    while describe.json(&mut connection, &asked)?["StreamDescription"]["StreamStatus"] != "ACTIVE" {
        std::thread::park_timeout(Duration::from_millis(20));
    }
    // A hundred bytes each.
    let data = format!("{}==", "A".repeat(134));
    let mut calls = drive(address, CLIENTS, TIMES, |number| {
        let (put, data) = (Operation::kinesis("PutRecords"), &data);
        let mut numbers = Numbers(number as u64);
        move |connection| {
            let records = (0..RECORDS)
                .map(|_| json!({ "PartitionKey": numbers.below(u64::MAX).to_string(), "Data": data }))
                .collect::<Vec<_>>();
            let body = json!({ "StreamName": "bench", "Records": records }).to_string();
            let done = serde_json::from_slice::<Json>(&put.call(connection, &body)?)?;
            match done["FailedRecordCount"].as_u64() {
                None | Some(0) => Ok(()),
                Some(failed) => Err(format!("PutRecords: {failed} records were refused").into()),
            }
        }
    })?;
    calls.per_s *= f64::from(RECORDS);
    Ok(calls)
}
