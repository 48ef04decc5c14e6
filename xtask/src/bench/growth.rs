//! `cargo xtask bench growth`: what calls cost with little data and with much.
//!
//! Two platforms, one with little and one with much, are asked in turn over one connection each, so that both see the
//! same machine whatever else it does.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use super::http::Connection;
use super::services::api::{Numbers, Operation};
use super::services::{dynamodb, sqs};
use super::{Platform, Samples, build, start};
use crate::Error;

/// Clients that load, and what each takes of the numbers to load at once.
const LOADERS: usize = 16;
const PORTION: u64 = 250;
/// Keys of one prefix: a page of a listing.
const PAGE_KEYS: u64 = 1000;
/// Files that are written anew while something is measured would be measured with it.
const SETTLED: Duration = Duration::from_secs(5);

/// A kind of data that grows, and a call that is to cost the same whatever there is of it.
struct Growth {
    name: &'static str,
    little: u64,
    much: u64,
    samples: usize,
    /// How many times as much it may cost with much.
    goal: Option<f64>,
    make: fn(&mut Connection) -> Result<(), Error>,
    /// Puts those numbers.
    put: fn(&mut Connection, std::ops::Range<u64>) -> Result<(), Error>,
    /// One call, where there is so much; how long it took.
    call: fn(&mut Connection, u64, &mut Numbers) -> Result<Duration, Error>,
}

const GROWTHS: &[Growth] = &[
    Growth {
        name: "DynamoDB: GetItem of any of so many items",
        little: 10_000,
        much: 1_000_000,
        samples: 5000,
        goal: Some(1.5),
        make: dynamodb::make_table,
        put: |connection, numbers| {
            dynamodb::put_all(connection, numbers.map(|number| dynamodb::item(&format!("i-{number}"), 0)))
        },
        call: |connection, count, numbers| {
            let key = json!({ "p": { "S": format!("i-{}", numbers.below(count)) }, "s": { "N": "0" } });
            let body = json!({ "TableName": dynamodb::TABLE, "Key": key }).to_string();
            let get = Operation::dynamodb("GetItem");
            let began = Instant::now();
            let answer = get.call(connection, &body)?;
            let took = began.elapsed();
            dynamodb::found(&answer)?;
            Ok(took)
        },
    },
    Growth {
        name: "SQS: ReceiveMessage with so many waiting",
        little: 1000,
        much: 1_000_000,
        samples: 2000,
        goal: Some(1.5),
        make: |connection| sqs::make_queue(connection, "growth").map(drop),
        put: send,
        call: |connection, _, _| {
            // As many wait afterwards as before.
            send(connection, 0..1)?;
            let began = Instant::now();
            let answer = Operation::sqs("ReceiveMessage").json(connection, &json!({ "QueueUrl": QUEUE }))?;
            let took = began.elapsed();
            let handle = answer["Messages"][0]["ReceiptHandle"].as_str().ok_or("a message waits")?;
            let body = json!({ "QueueUrl": QUEUE, "ReceiptHandle": handle }).to_string();
            Operation::sqs("DeleteMessage").call(connection, &body)?;
            Ok(took)
        },
    },
    Growth {
        name: "S3: a page of 1,000 keys of one prefix among so many",
        little: 10_000,
        much: 1_000_000,
        samples: 100,
        goal: None,
        make: |connection| connection.expect("PUT", "/growth", b"").map(drop),
        put: |connection, numbers| {
            numbers.into_iter().try_for_each(|number| {
                let (prefix, rest) = (number / PAGE_KEYS, number % PAGE_KEYS);
                connection.expect("PUT", &format!("/growth/{prefix:05}/{rest:05}"), b"x").map(drop)
            })
        },
        call: |connection, count, numbers| {
            let prefix = numbers.below(count / PAGE_KEYS);
            let path = format!("/growth?list-type=2&prefix={prefix:05}/");
            let began = Instant::now();
            let page = connection.expect("GET", &path, b"")?;
            let took = began.elapsed();
            let keys = String::from_utf8(page)?.matches("<Key>").count() as u64;
            if keys == PAGE_KEYS { Ok(took) } else { Err(format!("a page of {keys} keys").into()) }
        },
    },
];

const QUEUE: &str = "http://localhost/000000000000/growth";

fn send(connection: &mut Connection, numbers: std::ops::Range<u64>) -> Result<(), Error> {
    let batch = Operation::sqs("SendMessageBatch");
    let numbers = numbers.collect::<Vec<_>>();
    numbers.chunks(10).try_for_each(|numbers| {
        let entry = |number: &u64| json!({ "Id": number.to_string(), "MessageBody": "m".repeat(256) });
        let entries = numbers.iter().map(entry).collect::<Vec<_>>();
        let sent: Json = batch.json(connection, &json!({ "QueueUrl": QUEUE, "Entries": entries }))?;
        match sent["Failed"].as_array() {
            Some(failed) if !failed.is_empty() => Err("SendMessageBatch: messages were refused".into()),
            _ => Ok(()),
        }
    })
}

pub fn run(root: &Path) -> Result<(), Error> {
    let lambent = build(root)?;
    let work = root.join("target/bench/growth");
    let mut table = String::from(
        "| | little | much | loaded in | p50 ms, little | p50 ms, much | p99 ms, much | much ÷ little | to reach |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    for growth in GROWTHS {
        let _ = fs::remove_dir_all(&work);
        fs::create_dir_all(&work)?;
        let small = start(&lambent, &work.join("little"), false, false)?;
        let large = start(&lambent, &work.join("much"), false, false)?;
        load(growth, &small, growth.little)?;
        let began = Instant::now();
        load(growth, &large, growth.much)?;
        let loaded = began.elapsed();
        std::thread::park_timeout(SETTLED);
        let (little, much) = ask(growth, &small, &large)?;
        let (before, after) = (little.quantile(0.5), much.quantile(0.5));
        let _ = writeln!(
            table,
            "| {} | {} | {} | {:.0} s | {before:.3} | {after:.3} | {:.3} | {:.2} × | {} |",
            growth.name,
            growth.little,
            growth.much,
            loaded.as_secs_f64(),
            much.quantile(0.99),
            after / before,
            growth.goal.map_or_else(|| "–".to_owned(), |goal| format!("≤ {goal} ×"))
        );
        eprintln!("{}", table.lines().last().unwrap_or_default());
    }
    print!("{table}");
    fs::remove_dir_all(&work)?;
    fs::write(root.join("target/bench-growth.md"), &table)?;
    Ok(())
}

fn load(growth: &Growth, platform: &Platform, count: u64) -> Result<(), Error> {
    (growth.make)(&mut Connection::open(&platform.address)?)?;
    let next = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let one = || -> Result<(), String> {
            let mut connection = Connection::open(&platform.address).map_err(|error| error.to_string())?;
            loop {
                let from = next.fetch_add(PORTION, Ordering::Relaxed);
                if from >= count {
                    return Ok(());
                }
                let portion = from..count.min(from + PORTION);
                (growth.put)(&mut connection, portion).map_err(|error| error.to_string())?;
            }
        };
        let loaders = (0..LOADERS).map(|_| scope.spawn(one)).collect::<Vec<_>>();
        let join = |loader: std::thread::ScopedJoinHandle<'_, _>| {
            loader.join().map_err(|_| "a client panicked".to_owned())?
        };
        loaders.into_iter().try_for_each(join)
    })?;
    Ok(())
}

/// Samples of the platform with little and of the one with much, taken in turn.
fn ask(growth: &Growth, small: &Platform, large: &Platform) -> Result<(Samples, Samples), Error> {
    let (mut at_small, mut at_large) = (Connection::open(&small.address)?, Connection::open(&large.address)?);
    let (mut numbers, mut little) = (Numbers(1), Vec::new());
    let much = Samples::take(growth.samples, || {
        little.push((growth.call)(&mut at_small, growth.little, &mut numbers)?);
        (growth.call)(&mut at_large, growth.much, &mut numbers)
    })?;
    let mut little = little.into_iter();
    Ok((Samples::take(growth.samples, || little.next().ok_or_else(|| "one of each".into()))?, much))
}
