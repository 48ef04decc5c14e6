//! Opening: what a store's directory must be, and what is said when it is not.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use env::Env;
use kv::{Direction, KeyRange, Kv, Read, Tx};
use kv_disk::{DiskEngine, OpenError};

fn open(dir: &Path) -> Result<Kv, OpenError> {
    Ok(Kv::new(Arc::new(DiskEngine::open(dir)?), Env::system()))
}

fn refusal(dir: &Path) -> OpenError {
    open(dir).err().expect("opening is refused")
}

async fn put(kv: &Kv, key: &'static str) {
    kv.transact(|tx| tx.put_bytes(key, vec![b'v'; 1000])).await.expect("put");
}

async fn count(kv: &Kv) -> usize {
    let snapshot = kv.snapshot().await.expect("snapshot");
    snapshot.scan_bytes(&KeyRange::all(), 10_000, Direction::Forward).expect("scan").len()
}

#[tokio::test]
async fn what_was_committed_is_there_after_opening_again() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let kv = open(dir.path()).expect("make store");
    put(&kv, "a").await;
    put(&kv, "b").await;
    kv.transact(|tx| tx.delete_bytes("a")).await.expect("delete");
    drop(kv);
    let kv = open(dir.path()).expect("open again");
    assert_eq!(count(&kv).await, 1);
    put(&kv, "c").await;
    drop(kv);
    assert_eq!(count(&open(dir.path()).expect("open a third time")).await, 2);
}

#[tokio::test]
async fn a_second_opening_is_refused_with_the_pid_until_the_last_view_is_gone() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let kv = open(dir.path()).expect("make store");
    let pid = std::process::id();
    let message = format!("another lambent is using {} (pid {pid})", dir.path().display());
    assert_eq!(refusal(dir.path()).to_string(), message);
    let snapshot = kv.snapshot().await.expect("snapshot");
    drop(kv);
    assert_eq!(refusal(dir.path()).to_string(), message);
    drop(snapshot);
    open(dir.path()).expect("open again");
}

#[tokio::test]
async fn commits_under_way_are_finished_before_the_directory_is_given_up() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let kv = open(dir.path()).expect("make store");
    let tasks: Vec<_> = (0..50u8)
        .map(|number| {
            let kv = kv.clone();
            tokio::spawn(async move { kv.transact(|tx| tx.put_bytes(vec![number], "v")).await })
        })
        .collect();
    drop(kv);
    for task in tasks {
        task.await.expect("task").expect("commit");
    }
    assert_eq!(count(&open(dir.path()).expect("open again")).await, 50);
}

#[test]
fn another_format_is_refused() {
    let dir = tempfile::tempdir().expect("temporary directory");
    open(dir.path()).expect("make store");
    fs::write(dir.path().join("FORMAT"), "lambent-kv 2 other\n").expect("write");
    let refusal = refusal(dir.path());
    assert!(
        matches!(&refusal, OpenError::UnknownFormat { found, .. } if found == "lambent-kv 2 other"),
        "{refusal}"
    );
}

#[test]
fn a_directory_with_other_files_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().expect("temporary directory");
    fs::write(dir.path().join("thesis.tex"), "years").expect("write");
    assert!(matches!(refusal(dir.path()), OpenError::NotAStore { .. }));
    assert!(!dir.path().join("data").exists());
}

#[test]
fn an_opening_that_was_cut_short_is_made_good() {
    let dir = tempfile::tempdir().expect("temporary directory");
    fs::write(dir.path().join("LOCK"), "").expect("write");
    fs::write(dir.path().join("FORMAT.new"), "lamb").expect("write");
    open(dir.path()).expect("open");
}

/// What a store of 3000 rows is after one byte of each of `files` has changed: refused, or how many rows can be read.
async fn damage(
    store: &Path,
    files: &[PathBuf],
    at: fn(usize) -> usize,
) -> Result<Result<usize, kv::Error>, OpenError> {
    let copy = tempfile::tempdir().expect("temporary directory");
    copy_tree(store, copy.path());
    for file in files {
        let path = copy.path().join(file.strip_prefix(store).expect("a file of the store"));
        let mut bytes = fs::read(&path).expect("read");
        let at = at(bytes.len());
        bytes[at] ^= 0x55;
        fs::write(&path, bytes).expect("write");
    }
    let kv = open(copy.path())?;
    let snapshot = kv.snapshot().await.expect("snapshot");
    Ok(snapshot.scan_bytes(&KeyRange::all(), 10_000, Direction::Forward).map(|rows| rows.len()))
}

/// The files of `dir` whose names begin with `prefix`.
fn files(dir: PathBuf, prefix: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).expect("list").map(|entry| entry.expect("entry"));
    let named = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix));
    named.map(|entry| entry.path()).collect()
}

/// Fills a store with more than stays in memory, and waits until a file of rows is in use.
async fn fill(dir: &Path) {
    let kv = open(dir).expect("make store");
    let current = dir.join("data/keyspaces/1/current");
    let empty = fs::read(&current).expect("read");
    for batch in 0..30u32 {
        let fill = |tx: &mut Tx| {
            (0..100u32)
                .try_for_each(|row| tx.put_bytes((batch * 100 + row).to_be_bytes().to_vec(), noise(row)))
        };
        kv.transact(fill).await.expect("fill");
    }
    // Files are written in the background; meanwhile one row is written over and over.
    let mut turns = 0;
    while fs::read(&current).expect("read") == empty {
        kv.transact(|tx| tx.put_bytes(0u32.to_be_bytes().to_vec(), "row")).await.expect("put");
        turns += 1;
        assert!(turns < 20_000, "the rows did not reach a file");
    }
}

#[tokio::test]
async fn damage_is_reported() {
    let dir = tempfile::tempdir().expect("temporary directory");
    fill(dir.path()).await;
    let rows = dir.path().join("data/keyspaces/1");
    for files in [files(dir.path().join("data"), "version"), files(rows.clone(), "v")] {
        let refused = damage(dir.path(), &files, |_| 0).await;
        assert!(matches!(refused, Err(OpenError::Damaged { .. })), "{files:?}: {refused:?}");
    }
    for at in [(|_| 0) as fn(usize) -> usize, |length| length / 2] {
        let unreadable = damage(dir.path(), &files(rows.join("tables"), ""), at).await;
        assert!(matches!(unreadable, Ok(Err(kv::Error::Engine { .. }))), "{unreadable:?}");
    }
    // FIXME: this should be refused. fjall takes the first bad record of its journal for a write that was cut
    // short, and drops it with all that follow; they were acknowledged.
    let truncated = damage(dir.path(), &[dir.path().join("data/0.jnl")], |_| 0).await;
    assert!(matches!(truncated, Ok(Ok(count)) if count < 3000), "{truncated:?}");
}

fn copy_tree(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("list") {
        let path = entry.expect("entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            fs::create_dir(&target).expect("create");
            copy_tree(&path, &target);
        } else {
            fs::copy(&path, &target).expect("copy");
        }
    }
}

fn noise(seed: u32) -> Vec<u8> {
    let mut bytes = vec![0; 4096];
    env::Entropy::fill(&env::Seeded::new(seed.into()), &mut bytes);
    bytes
}
