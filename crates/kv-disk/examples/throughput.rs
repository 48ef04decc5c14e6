//! Measures the engine through the contract: `cargo run --release -p kv-disk --example throughput -- DIRECTORY`.
//!
//! With `floor` after the directory it prints one number: the durable writes per second of 64 writers who each store
//! a row that nobody else touches. `cargo xtask bench` sets the intake of events beside it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use env::Env;
use kv::{Direction, Error, Kv, Span, Table};
use kv_disk::DiskEngine;

/// A record of the size of a small message.
const ROWS: Table<(u64, u64), String> = Table::new(1, "rows");
const COUNTERS: Table<u64, u64> = Table::new(2, "counters");
const VALUE_BYTES: usize = 1000;
const MEASURE_FOR: Duration = Duration::from_secs(3);

fn main() {
    let dir = std::env::args().nth(1).expect("usage: throughput DIRECTORY");
    let env = Env::system();
    let before = env.monotonic();
    let engine = DiskEngine::open(Path::new(&dir)).expect("open store");
    println!(
        "open: {:.1} ms, resident {} KiB",
        (env.monotonic() - before).as_secs_f64() * 1e3,
        resident_kib()
    );
    let kv = Kv::new(Arc::new(engine), env.clone());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_time().build().expect("start runtime");
    if std::env::args().nth(2).as_deref() == Some("floor") {
        return println!("{:.0}", runtime.block_on(floor(&kv, &env)));
    }
    runtime.block_on(async {
        for writers in [1, 8, 64, 256] {
            let rate = writers_rate(&kv, &env, writers, false).await;
            println!("{writers} writers, 2 rows each, no conflicts: {rate:.0} transactions/s");
            println!("resident {} KiB", resident_kib());
        }
        println!("64 writers on one counter: {:.0} transactions/s", writers_rate(&kv, &env, 64, true).await);
        reads(&kv, &env).await;
        queue(&kv, &env).await;
    });
    println!("resident {} KiB", resident_kib());
}

async fn writers_rate(kv: &Kv, env: &Env, writers: u64, one_counter: bool) -> f64 {
    let started = env.monotonic();
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..writers {
        let (kv, env) = (kv.clone(), env.clone());
        tasks.spawn(async move {
            let mut count = 0u64;
            while env.monotonic() - started < MEASURE_FOR {
                let counter = if one_counter { 1_000_000 } else { writer };
                let add = kv.transact(|tx| {
                    let number = COUNTERS.get(tx, &counter)?.unwrap_or(0);
                    COUNTERS.put(tx, &counter, &(number + 1))?;
                    ROWS.put(tx, &(counter, number), &"v".repeat(VALUE_BYTES))
                });
                match add.await {
                    Ok(()) => count += 1,
                    Err(Error::Contention { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            count
        });
    }
    let total: u64 = tasks.join_all().await.iter().sum();
    total as f64 / (env.monotonic() - started).as_secs_f64()
}

/// The least that storing an event can be: one row, nothing read.
async fn floor(kv: &Kv, env: &Env) -> f64 {
    let started = env.monotonic();
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..64u64 {
        let (kv, env) = (kv.clone(), env.clone());
        tasks.spawn(async move {
            let mut count = 0u64;
            while env.monotonic() - started < MEASURE_FOR {
                let put = kv.transact(|tx| ROWS.put(tx, &(writer, count), &"v".repeat(VALUE_BYTES)));
                put.await.expect("put");
                count += 1;
            }
            count
        });
    }
    let total: u64 = tasks.join_all().await.iter().sum();
    total as f64 / (env.monotonic() - started).as_secs_f64()
}

async fn reads(kv: &Kv, env: &Env) {
    let (started, mut count) = (env.monotonic(), 0u64);
    while env.monotonic() - started < MEASURE_FOR {
        let snapshot = kv.snapshot().await.expect("snapshot");
        ROWS.get(&snapshot, &(count % 64, count % 100)).expect("get");
        count += 1;
    }
    println!("get: {:.0}/s", count as f64 / MEASURE_FOR.as_secs_f64());
    let (started, mut count) = (env.monotonic(), 0usize);
    let mut span = Span::all();
    while env.monotonic() - started < MEASURE_FOR {
        let snapshot = kv.snapshot().await.expect("snapshot");
        let rows = ROWS.scan(&snapshot, &span, 1000, Direction::Forward).expect("scan");
        count += rows.len();
        span = rows.last().map_or(Span::all(), |(key, _)| Span::all().after(key));
    }
    println!("scan by 1000: {:.0} rows/s", count as f64 / (env.monotonic() - started).as_secs_f64());
}

/// What taking from the head costs once many rows before it are deleted.
async fn queue(kv: &Kv, env: &Env) {
    const QUEUE: Table<u64, String> = Table::new(3, "queue");
    const ROWS_PER_TRANSACTION: u64 = 100;
    for hundred_thousands in 1..=2u64 {
        let started = env.monotonic();
        for number in (hundred_thousands - 1) * 1000..hundred_thousands * 1000 {
            let first = number * ROWS_PER_TRANSACTION;
            let put = kv.transact(|tx| {
                let mut rows = first..first + ROWS_PER_TRANSACTION;
                rows.try_for_each(|row| QUEUE.put(tx, &row, &"v".repeat(VALUE_BYTES)))
            });
            put.await.expect("put");
            let take = kv.transact(|tx| {
                let head = QUEUE.scan(tx, &Span::all(), ROWS_PER_TRANSACTION as usize, Direction::Forward)?;
                head.iter().try_for_each(|(row, _)| QUEUE.delete(tx, row))
            });
            take.await.expect("take");
        }
        let each = (env.monotonic() - started).as_secs_f64() / 1000.0;
        let look = async |from: u64| {
            let (before, snapshot) = (env.monotonic(), kv.snapshot().await.expect("snapshot"));
            QUEUE.scan(&snapshot, &Span::all().from(&from), 1, Direction::Forward).expect("scan");
            (env.monotonic() - before).as_secs_f64() * 1e3
        };
        let (from_beginning, from_head) = (look(0).await, look(hundred_thousands * 100_000).await);
        println!(
            "queue, {hundred_thousands}00,000 taken: put and take of 100 rows {:.1} ms, look at the head {from_beginning:.2} \
             ms from the beginning, {from_head:.3} ms from where it was",
            each * 1e3
        );
    }
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or(0)
}
