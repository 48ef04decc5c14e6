//! Kills a writing process again and again: what it acknowledged must be there, and nothing by half.
//!
//! Each transaction moves money between two accounts, sets both halves of the writer's pair, and logs the move. The log
//! replayed must give the balances, the pairs must match, and the log must hold what was acknowledged and at most the
//! one transaction per writer that was under way.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use env::Env;
use kv::{Direction, Error, Kv, Read, Span, Table, Tx};
use kv_disk::DiskEngine;

const ACCOUNTS: Table<u64, i64> = Table::new(1, "accounts");
const PAIRS: Table<(u64, String), u64> = Table::new(2, "pairs");
const MOVES: Table<(u64, u64), Move> = Table::new(3, "moves");

/// From, to, amount, and a payload that makes memtables fill and files be written within the test.
type Move = (u64, u64, i64, String);

const ROUNDS: u32 = 50;
const WRITERS: u64 = 8;
const ACCOUNT_COUNT: u64 = 12;
const PAYLOAD_BYTES: usize = 4096;
const ACKS_BEFORE_KILL_MAX: u32 = 300;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    match args.get(1).map(String::as_str) {
        Some("write") => write(Path::new(&args[2])),
        _ => kill_again_and_again(),
    }
}

fn kill_again_and_again() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let random = Env::manual(Arc::new(env::ManualClock::new(env::Timestamp::from_secs(0))), 1);
    let mut known = Known::default();
    for round in 0..ROUNDS {
        let mut draw = [0; 4];
        random.fill(&mut draw);
        let kill_after = u32::from_le_bytes(draw) % ACKS_BEFORE_KILL_MAX;
        known.acked.extend(run_and_kill(dir.path(), kill_after));
        known.check(dir.path(), round);
    }
    // Every round looked at what was new in it; all of it must still be there.
    let found = Known { acked: known.acked.clone(), ..Known::default() }.check(dir.path(), ROUNDS);
    assert!(found > u64::from(ROUNDS) * 20, "only {found} transactions were committed");
    println!("crash: {ROUNDS} rounds, {found} transactions, none lost, none by half");
}

/// Starts a writer, kills it after `kill_after` acknowledgements, and returns the last one of each writer.
fn run_and_kill(dir: &Path, kill_after: u32) -> Vec<(u64, u64)> {
    let mut child = Command::new(std::env::current_exe().expect("own path"))
        .arg("write")
        .arg(dir)
        .stdout(Stdio::piped())
        .spawn()
        .expect("start writer");
    let mut acks = Vec::new();
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    assert_eq!(lines.next().expect("a first line").expect("read"), "started");
    // With none to wait for, the writer dies somewhere in opening the store.
    acks.extend(lines.by_ref().take(kill_after as usize).map(|line| line.expect("read")));
    child.kill().expect("kill writer");
    let status = child.wait().expect("reap writer");
    assert!(status.code().is_none(), "the writer ended by itself: {status}");
    acks.extend(lines.map(|line| line.expect("read")));
    let parse = |line: String| {
        let (writer, count) = line.split_once(' ').expect("two numbers");
        (writer.parse().expect("writer"), count.parse().expect("count"))
    };
    acks.into_iter().map(parse).collect()
}

/// What the store must hold.
#[derive(Default)]
struct Known {
    /// How many moves each writer has had acknowledged.
    acked: BTreeMap<u64, u64>,
    /// How many moves of each writer are in `balances`.
    counted: BTreeMap<u64, u64>,
    balances: BTreeMap<u64, i64>,
}

impl Known {
    /// Returns how many moves there are in all. Those that were under way count as acknowledged from now on.
    fn check(&mut self, dir: &Path, round: u32) -> u64 {
        let engine = DiskEngine::open(dir).expect("open after the kill");
        let kv = Kv::new(Arc::new(engine), Env::system());
        let snapshot = runtime().block_on(kv.snapshot()).expect("snapshot");
        let mut total = 0;
        for writer in 0..WRITERS {
            let count = self.count_moves(&snapshot, writer);
            let acked = self.acked.insert(writer, count).unwrap_or(0);
            assert!(count >= acked, "round {round}: writer {writer} lost {acked} - {count} moves");
            assert!(count <= acked + 1, "round {round}: writer {writer} has {count} moves of {acked}");
            for half in ["left", "right"] {
                let value = PAIRS.get(&snapshot, &(writer, half)).expect("get").unwrap_or(0);
                assert_eq!(value, count, "round {round}: {half} of writer {writer}");
            }
            total += count;
        }
        for account in 0..ACCOUNT_COUNT {
            let balance = ACCOUNTS.get(&snapshot, &account).expect("get").unwrap_or(0);
            let expected = self.balances.get(&account).copied().unwrap_or(0);
            assert_eq!(balance, expected, "round {round}: account {account}");
        }
        total
    }

    /// Adds the writer's new moves to the balances, and returns how many it has. There must be no gap.
    fn count_moves(&mut self, reader: &impl Read, writer: u64) -> u64 {
        let count = self.counted.entry(writer).or_default();
        loop {
            let span = Span::prefix(&(writer,)).from(&(writer, *count));
            let rows = MOVES.scan(reader, &span, 1000, Direction::Forward).expect("scan");
            if rows.is_empty() {
                return *count;
            }
            for ((_, number), (from, to, amount, payload)) in rows {
                assert_eq!(number, *count, "writer {writer} has a gap");
                assert_eq!(payload, self::payload(number));
                *self.balances.entry(from).or_default() -= amount;
                *self.balances.entry(to).or_default() += amount;
                *count += 1;
            }
        }
    }
}

fn payload(number: u64) -> String {
    let digits = format!("{number:016}");
    digits.repeat(PAYLOAD_BYTES / digits.len())
}

/// The process that is killed: writes for ever, and prints each acknowledged move.
fn write(dir: &Path) {
    say("started".to_owned());
    let engine = DiskEngine::open(dir).expect("open store");
    let kv = Kv::new(Arc::new(engine), Env::system());
    runtime().block_on(async {
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..WRITERS {
            let kv = kv.clone();
            writers.spawn(async move {
                loop {
                    let count = kv.transact(|tx| one_move(tx, writer)).await.expect("commit");
                    say(format!("{writer} {count}"));
                }
            });
        }
        // The first panic ends the process, which the parent reports.
        writers.join_next().await.expect("there are writers").expect("a writer does not end")
    });
}

/// Returns how many moves the writer then has made.
fn one_move(tx: &mut Tx, writer: u64) -> Result<u64, Error> {
    let number = PAIRS.get(tx, &(writer, "left"))?.unwrap_or(0);
    let (from, to) = ((writer + number) % ACCOUNT_COUNT, (writer * 5 + number * 7 + 1) % ACCOUNT_COUNT);
    let amount = number.cast_signed() % 90 + 1;
    for (account, change) in [(from, -amount), (to, amount)] {
        let balance = ACCOUNTS.get(tx, &account)?.unwrap_or(0);
        ACCOUNTS.put(tx, &account, &(balance + change))?;
    }
    MOVES.put(tx, &(writer, number), &(from, to, amount, payload(number)))?;
    PAIRS.put(tx, &(writer, "left"), &(number + 1))?;
    PAIRS.put(tx, &(writer, "right"), &(number + 1))?;
    Ok(number + 1)
}

/// One write call for a whole line, so that a kill cannot cut it.
fn say(line: String) {
    std::io::stdout().lock().write_all(format!("{line}\n").as_bytes()).expect("the parent reads");
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .expect("start runtime")
}
