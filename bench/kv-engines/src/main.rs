//! Measures embedded stores for the same work: `kv-engines ENGINE DIRECTORY` prints one line per figure.
//!
//! 200,000 rows of a 100-byte key and a 1 KiB incompressible value; every commit is durable when acknowledged.

mod engines;

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use engines::{Pair, Store};

const ROWS: u64 = 200_000;
const ROWS_PER_LOAD_COMMIT: u64 = 1000;
const WRITERS: usize = 64;
const BATCH_MAX: usize = 256;
const WRITE_FOR: Duration = Duration::from_secs(4);

fn main() {
    let mut args = std::env::args().skip(1);
    let engine = args.next().expect("usage: kv-engines ENGINE DIRECTORY [STEP]");
    let dir = args.next().expect("usage: kv-engines ENGINE DIRECTORY [STEP]");
    match args.next().as_deref() {
        None => whole(&engine, Path::new(&dir)),
        Some("write") => write(&engine, Path::new(&dir)),
        Some("open") => open(&engine, Path::new(&dir)),
        Some("read") => read(&engine, Path::new(&dir)),
        Some(other) => panic!("no step {other}"),
    }
}

/// Each step runs in a process of its own, so that memory figures are of that step alone.
fn whole(engine: &str, dir: &Path) {
    let _ = std::fs::remove_dir_all(dir);
    std::fs::create_dir_all(dir).expect("create directory");
    step(engine, dir, "open", "empty: ");
    let mut child = Command::new(std::env::current_exe().expect("own path"))
        .args([engine, dir.to_str().expect("utf-8 path"), "write"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("start writer");
    let mut acked = 0;
    for line in BufReader::new(child.stdout.take().expect("piped")).lines() {
        let line = line.expect("read line");
        if let Some(count) = line.strip_prefix("acked ") {
            acked = count.parse().expect("a number");
            break;
        }
        println!("{engine} {line}");
    }
    child.kill().expect("kill writer");
    child.wait().expect("reap writer");
    println!("{engine} acked before the kill: {acked}; disk {} MB", disk_mb(dir));
    step(engine, dir, "open", "after kill -9: ");
    step(engine, dir, "open", "after a clean close: ");
    step(engine, dir, "read", "");
}

fn step(engine: &str, dir: &Path, step: &str, label: &str) {
    let output = Command::new(std::env::current_exe().expect("own path"))
        .args([engine, dir.to_str().expect("utf-8 path"), step])
        .output()
        .expect("run step");
    assert!(output.status.success(), "{step}: {}", String::from_utf8_lossy(&output.stderr));
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        println!("{engine} {label}{line}");
    }
}

fn write(engine: &str, dir: &Path) {
    let store = engines::open(engine, dir);
    let started = Instant::now();
    for commit in 0..ROWS / ROWS_PER_LOAD_COMMIT {
        let first = commit * ROWS_PER_LOAD_COMMIT;
        store.commit((first..first + ROWS_PER_LOAD_COMMIT).map(row).collect());
    }
    println!("load, 1000 rows per commit: {:.0} rows/s", ROWS as f64 / started.elapsed().as_secs_f64());

    let (started, mut commits) = (Instant::now(), 0);
    let mut latencies = Vec::new();
    while started.elapsed() < WRITE_FOR {
        let before = Instant::now();
        store.commit(vec![row(ROWS + commits)]);
        latencies.push(before.elapsed());
        commits += 1;
    }
    latencies.sort();
    println!(
        "one writer: {:.0} commits/s, p50 {} us, p99 {} us",
        commits as f64 / WRITE_FOR.as_secs_f64(),
        latencies[latencies.len() / 2].as_micros(),
        latencies[latencies.len() * 99 / 100].as_micros()
    );
    let acked = grouped(store);
    std::thread::sleep(Duration::from_secs(2));
    println!("resident two seconds later: {:.1} MiB", resident_mib());
    println!("acked {acked}");
    // Killed here by the parent, with everything acknowledged and nothing closed.
    let _ = std::io::stdin().read(&mut [0]);
    loop {
        std::thread::park();
    }
}

/// 64 blocking writers; one thread commits whatever waits as one durable batch.
fn grouped(store: Arc<dyn Store>) -> u64 {
    let (sender, receiver) = mpsc::channel::<(Pair, mpsc::SyncSender<()>)>();
    let stop = Arc::new(AtomicBool::new(false));
    let acked = Arc::new(AtomicU64::new(0));
    let writers: Vec<_> = (0..WRITERS as u64)
        .map(|writer| {
            let (sender, stop, acked) = (sender.clone(), stop.clone(), acked.clone());
            std::thread::spawn(move || {
                let (done, wait) = mpsc::sync_channel(1);
                for turn in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let pair = row(1_000_000 + turn * WRITERS as u64 + writer);
                    sender.send((pair, done.clone())).expect("committer runs");
                    wait.recv().expect("committer answers");
                    acked.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    drop(sender);
    let started = Instant::now();
    let mut batches = 0u64;
    while let Ok(first) = receiver.recv() {
        let mut waiting = vec![first];
        waiting.extend(receiver.try_iter().take(BATCH_MAX - 1));
        let (pairs, answers): (Vec<_>, Vec<_>) = waiting.into_iter().unzip();
        store.commit(pairs);
        batches += 1;
        answers.iter().for_each(|answer| answer.send(()).expect("writer waits"));
        if started.elapsed() >= WRITE_FOR {
            stop.store(true, Ordering::Relaxed);
        }
    }
    let elapsed = started.elapsed().as_secs_f64();
    writers.into_iter().for_each(|writer| writer.join().expect("writer does not panic"));
    let acked = acked.load(Ordering::Relaxed);
    println!(
        "64 writers: {:.0} commits/s, {:.0} per batch",
        acked as f64 / elapsed,
        acked as f64 / batches as f64
    );
    println!("resident after writing: {:.1} MiB", resident_mib());
    acked
}

fn open(engine: &str, dir: &Path) {
    let before_mib = resident_mib();
    let started = Instant::now();
    let store = engines::open(engine, dir);
    let opened = started.elapsed();
    println!(
        "open {:.1} ms, resident {:.1} MiB (before {before_mib:.1})",
        opened.as_secs_f64() * 1e3,
        resident_mib()
    );
    std::io::stdout().flush().expect("flush");
    drop(store);
}

fn read(engine: &str, dir: &Path) {
    let store = engines::open(engine, dir);
    let mut state = 7;
    let mut latencies = Vec::new();
    let started = Instant::now();
    for _ in 0..ROWS {
        let key = row(mix(&mut state) % ROWS).0;
        let before = Instant::now();
        assert_eq!(store.get(&key).expect("row is there").len(), 1024);
        latencies.push(before.elapsed());
    }
    let elapsed = started.elapsed().as_secs_f64();
    latencies.sort();
    println!(
        "get: {:.0}/s, p50 {:.1} us, p99 {:.1} us",
        ROWS as f64 / elapsed,
        latencies[latencies.len() / 2].as_nanos() as f64 / 1e3,
        latencies[latencies.len() * 99 / 100].as_nanos() as f64 / 1e3
    );
    let started = Instant::now();
    let rows = store.count();
    println!(
        "scan: {:.0} rows/s; resident {:.1} MiB",
        rows as f64 / started.elapsed().as_secs_f64(),
        resident_mib()
    );
}

/// A 100-byte key in hashed order and a 1 KiB value, both from `number` alone.
fn row(number: u64) -> Pair {
    let mut state = number;
    let mut key = vec![b'k'; 100];
    key[..16].copy_from_slice(format!("{:016x}", mix(&mut state)).as_bytes());
    let value = (0..128).flat_map(|_| mix(&mut state).to_le_bytes()).collect();
    (key, value)
}

/// SplitMix64.
fn mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut word = *state;
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("procfs");
    let line = status.lines().find(|line| line.starts_with("VmRSS")).expect("VmRSS");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok()).expect("a number") / 1024.0
}

fn disk_mb(dir: &Path) -> u64 {
    let output = Command::new("du").args(["-sm", dir.to_str().expect("utf-8 path")]).output().expect("du");
    String::from_utf8_lossy(&output.stdout)
        .split_whitespace()
        .next()
        .and_then(|n| n.parse().ok())
        .expect("a number")
}
