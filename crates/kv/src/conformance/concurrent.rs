//! Many tasks at once, on real threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::Bench;
use crate::{Direction, Error, Span, Table};

const NUMBERS: Table<(String, u64), i64> = Table::new(7, "numbers");

const TASKS: u64 = 16;
const TURNS: u64 = 25;

/// A test that waits this long for a wake-up has lost it.
const LOST_AFTER: Duration = Duration::from_secs(60);

async fn add(bench: &Bench, key: (&str, u64), amount: i64) {
    let add = bench.kv.transact(|tx| {
        let old = NUMBERS.get(tx, &key)?.unwrap_or(0);
        NUMBERS.put(tx, &key, &(old + amount))
    });
    add.await.expect("add");
}

async fn sum(bench: &Bench) -> Result<i64, Error> {
    let snapshot = bench.kv.snapshot().await?;
    let rows = NUMBERS.scan(&snapshot, &Span::all(), 100, Direction::Forward)?;
    Ok(rows.into_iter().map(|(_, number)| number).sum())
}

pub async fn counters_lose_nothing(bench: Bench) {
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let bench = bench.clone();
            tokio::spawn(async move {
                for _ in 0..TURNS {
                    add(&bench, ("counter", task % 2), 1).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("task");
    }
    let snapshot = bench.kv.snapshot().await.expect("snapshot");
    for counter in 0..2u64 {
        let count = NUMBERS.get(&snapshot, &("counter", counter)).expect("get");
        assert_eq!(count, Some((TASKS * TURNS / 2).cast_signed()));
    }
}

pub async fn transfers_keep_the_sum(bench: Bench) {
    const ACCOUNTS: u64 = 5;
    for account in 0..ACCOUNTS {
        add(&bench, ("account", account), 100).await;
    }
    let done = Arc::new(AtomicBool::new(false));
    let auditor = tokio::spawn({
        let (bench, done) = (bench.clone(), done.clone());
        async move {
            let mut audits = 0;
            while !done.load(Ordering::Relaxed) || audits == 0 {
                assert_eq!(sum(&bench).await.expect("sum"), 100 * ACCOUNTS.cast_signed());
                audits += 1;
                tokio::task::yield_now().await;
            }
        }
    });
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let bench = bench.clone();
            tokio::spawn(async move {
                for turn in 0..TURNS {
                    let (from, to) = ((task + turn) % ACCOUNTS, (task * 3 + turn * 2 + 1) % ACCOUNTS);
                    let transfer = bench.kv.transact(|tx| {
                        // One after the other, so that a transfer to the same account changes nothing.
                        for (account, amount) in [(from, -7), (to, 7)] {
                            let old = NUMBERS.get(tx, &("account", account))?.unwrap_or(0);
                            NUMBERS.put(tx, &("account", account), &(old + amount))?;
                        }
                        Ok::<_, Error>(())
                    });
                    transfer.await.expect("transfer");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("task");
    }
    done.store(true, Ordering::Relaxed);
    auditor.await.expect("every audit saw the whole sum");
    assert_eq!(sum(&bench).await.expect("sum"), 100 * ACCOUNTS.cast_signed());
}

/// Each side waits until the other has moved: one lost wake-up and both stand still.
pub async fn no_wake_up_is_lost(bench: Bench) {
    const ROUNDS: i64 = 100;
    let side = |own: u64, other: u64, head_start: i64| {
        let bench = bench.clone();
        async move {
            let mut watch = bench.kv.watch(NUMBERS.prefix(&("side", other)));
            for round in 1..=ROUNDS {
                loop {
                    let snapshot = bench.kv.snapshot().await.expect("snapshot");
                    let seen = NUMBERS.get(&snapshot, &("side", other)).expect("get").unwrap_or(0);
                    if seen >= round - head_start {
                        break;
                    }
                    tokio::time::timeout(LOST_AFTER, watch.changed()).await.expect("a wake-up was lost");
                }
                bench.kv.transact(|tx| NUMBERS.put(tx, &("side", own), &round)).await.expect("put");
            }
        }
    };
    // A write before the first `changed` counts too.
    let mut early = bench.kv.watch(NUMBERS.prefix(&()));
    let (ping, pong) = (tokio::spawn(side(0, 1, 1)), tokio::spawn(side(1, 0, 0)));
    ping.await.expect("ping");
    pong.await.expect("pong");
    tokio::time::timeout(LOST_AFTER, early.changed()).await.expect("the early watch");
}

/// Whoever is told of a commit sees it, whichever handle and thread it uses.
pub async fn an_acknowledged_write_is_seen(bench: Bench) {
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let bench = bench.clone();
            tokio::spawn(async move {
                for turn in 0..TURNS.cast_signed() {
                    bench.kv.transact(|tx| NUMBERS.put(tx, &("own", task), &turn)).await.expect("put");
                    let snapshot = bench.kv.snapshot().await.expect("snapshot");
                    assert_eq!(NUMBERS.get(&snapshot, &("own", task)).expect("get"), Some(turn));
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("task");
    }
}
