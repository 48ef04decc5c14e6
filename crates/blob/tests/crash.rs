//! Kills an uploading process again and again: acknowledged blobs are whole, and no other is there by half.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use blob::{Blobs, Digest, DiskBlobs};
use env::{Entropy, Env, Seeded};
use tokio::io::AsyncReadExt;

const ROUNDS: u64 = 30;
const UPLOADERS: u64 = 4;
const ACKS_BEFORE_KILL_MAX: u32 = 30;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    match args.get(1).map(String::as_str) {
        Some("upload") => {
            blob::conformance::run(upload(Path::new(&args[2]), args[3].parse().expect("a seed")))
        }
        _ => blob::conformance::run(kill_again_and_again()),
    }
}

async fn kill_again_and_again() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let random = Seeded::new(1);
    let mut acked = BTreeSet::new();
    for round in 0..ROUNDS {
        let mut draw = [0; 4];
        random.fill(&mut draw);
        let kill_after = u32::from_le_bytes(draw) % ACKS_BEFORE_KILL_MAX;
        acked.extend(run_and_kill(dir.path(), round, kill_after));
        let blobs = DiskBlobs::open(dir.path(), Env::system()).await.expect("open blobs");
        let unfinished = std::fs::read_dir(dir.path().join("unfinished")).expect("list").count();
        assert_eq!(unfinished, 0, "round {round}");
        let mut stored = BTreeSet::new();
        for found in blobs.list(None).await.expect("list") {
            let mut bytes = Vec::new();
            let mut reader = blobs.get(found.blob.digest).await.expect("get").expect("listed");
            reader.read_to_end(&mut bytes).await.expect("every blob is whole");
            stored.insert(found.blob.digest);
        }
        assert!(stored.is_superset(&acked), "round {round}: an acknowledged blob is missing");
    }
    assert!(acked.len() as u64 > ROUNDS * 5, "only {} blobs were acknowledged", acked.len());
    println!("crash: {ROUNDS} rounds, {} blobs, none lost, none by half", acked.len());
}

fn run_and_kill(dir: &Path, round: u64, kill_after: u32) -> Vec<Digest> {
    let mut child = Command::new(std::env::current_exe().expect("own path"))
        .arg("upload")
        .arg(dir)
        .arg(round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .expect("start uploader");
    let mut lines =
        BufReader::new(child.stdout.take().expect("piped")).lines().map(|line| line.expect("read"));
    let mut acks: Vec<_> = lines.by_ref().take(kill_after as usize).collect();
    child.kill().expect("kill uploader");
    let status = child.wait().expect("reap uploader");
    assert!(status.code().is_none(), "the uploader ended by itself: {status}");
    acks.extend(lines);
    acks.iter().map(|line| line.parse().expect("a digest")).collect()
}

/// The process that is killed: uploads for ever, and prints each acknowledged digest.
async fn upload(dir: &Path, seed: u64) {
    let blobs = Arc::new(DiskBlobs::open(dir, Env::system()).await.expect("open blobs"));
    let uploaders: Vec<_> = (0..UPLOADERS)
        .map(|uploader| {
            let blobs = blobs.clone();
            tokio::spawn(async move {
                let random = Seeded::new(seed * UPLOADERS + uploader);
                for turn in 0.. {
                    let mut bytes = vec![0; 20_000 * (1 + turn % 10)];
                    random.fill(&mut bytes);
                    let blob = blobs.put(&mut &bytes[..], u64::MAX).await.expect("put");
                    let line = format!("{}\n", blob.digest);
                    std::io::stdout().lock().write_all(line.as_bytes()).expect("the parent reads");
                }
            })
        })
        .collect();
    for uploader in uploaders {
        uploader.await.expect("an uploader does not end");
    }
}
