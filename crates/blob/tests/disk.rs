//! Blobs on disk: the suite, and what only files can suffer.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use blob::{Blobs, Digest, DiskBlobs};
use env::Env;
use tokio::io::AsyncReadExt;

async fn make() -> (Arc<dyn Blobs>, tempfile::TempDir) {
    let dir = tempfile::tempdir().expect("temporary directory");
    (Arc::new(open(dir.path()).await), dir)
}

blob::blob_conformance!(make());

async fn open(dir: &Path) -> DiskBlobs {
    DiskBlobs::open(dir, Env::system()).await.expect("open blobs")
}

fn run<F: Future<Output = ()>>(case: impl FnOnce(tempfile::TempDir) -> F) {
    let dir = tempfile::tempdir().expect("temporary directory");
    blob::conformance::run(case(dir));
}

fn file_of(dir: &Path, digest: Digest) -> std::path::PathBuf {
    let digits = digest.to_string();
    dir.join(&digits[..2]).join(digits)
}

/// Reads as an install of a package would, and says which kind of error ends it.
async fn read(blobs: &DiskBlobs, digest: Digest) -> Result<Vec<u8>, std::io::ErrorKind> {
    let mut bytes = Vec::new();
    let mut reader = blobs.get(digest).await.expect("get").expect("present");
    reader.read_to_end(&mut bytes).await.map(|_| bytes).map_err(|error| error.kind())
}

#[test]
fn damage_is_found_on_reading_and_healed_by_putting_again() {
    run(async |dir| {
        let blobs = open(dir.path()).await;
        let bytes = vec![7; 200_000];
        let digest = blobs.put(&mut &bytes[..], u64::MAX).await.expect("put").digest;
        let path = file_of(dir.path(), digest);
        let mut flipped = bytes.clone();
        flipped[123_456] ^= 1;
        for damaged in [&flipped[..], &bytes[..199_999], &[&bytes[..], &[7]].concat(), &[]] {
            fs::write(&path, damaged).expect("damage");
            assert_eq!(read(&blobs, digest).await, Err(std::io::ErrorKind::InvalidData));
            blobs.put(&mut &bytes[..], u64::MAX).await.expect("put again");
            assert_eq!(read(&blobs, digest).await, Ok(bytes.clone()));
        }
    });
}

#[test]
fn leftovers_are_swept_on_opening_and_blobs_stay() {
    run(async |dir| {
        let digest = open(dir.path()).await.put(&mut &b"kept"[..], 9).await.expect("put").digest;
        let leftover = dir.path().join("unfinished").join("half");
        fs::write(&leftover, "hal").expect("write");
        let blobs = open(dir.path()).await;
        assert!(!leftover.exists());
        assert_eq!(read(&blobs, digest).await, Ok(b"kept".to_vec()));
    });
}

#[test]
fn nothing_unfinished_stays_whatever_becomes_of_an_upload() {
    run(async |dir| {
        let blobs = open(dir.path()).await;
        blobs.put(&mut &b"whole"[..], 5).await.expect("put");
        blobs.put(&mut &b"too large"[..], 5).await.expect_err("refused");
        {
            let (mut endless, _writer) = tokio::io::duplex(8);
            let mut upload = blobs.put(&mut endless, 5);
            while fs::read_dir(dir.path().join("unfinished")).expect("list").next().is_none() {
                tokio::select! {
                    biased;
                    _ = &mut upload => unreachable!("the source has no end"),
                    () = tokio::task::yield_now() => {}
                }
            }
        }
        assert_eq!(fs::read_dir(dir.path().join("unfinished")).expect("list").count(), 0);
    });
}

#[test]
fn putting_again_renews_the_time() {
    run(async |dir| {
        let blobs = open(dir.path()).await;
        let digest = blobs.put(&mut &b"x"[..], 5).await.expect("put").digest;
        let file = fs::File::options().write(true).open(file_of(dir.path(), digest)).expect("open");
        file.set_modified(std::time::UNIX_EPOCH).expect("set time");
        let stored_at = async || blobs.list(None).await.expect("list")[0].stored_at.as_secs();
        assert_eq!(stored_at().await, 0);
        blobs.put(&mut &b"x"[..], 5).await.expect("put again");
        assert!(stored_at().await > 1_700_000_000);
    });
}

#[test]
fn long_lists_come_in_pages() {
    run(async |dir| {
        let blobs = open(dir.path()).await;
        // Names are enough for a list, and quicker than a thousand durable uploads.
        let mut all: Vec<_> = (0..2500u32)
            .map(|number| {
                let mut bytes = [0; 32];
                bytes[..4].copy_from_slice(&number.wrapping_mul(0x9e37_79b9).to_be_bytes());
                Digest::from_bytes(bytes)
            })
            .collect();
        for digest in &all {
            let path = file_of(dir.path(), *digest);
            fs::create_dir_all(path.parent().expect("a shard")).expect("create");
            fs::write(path, "").expect("write");
        }
        all.sort();
        let mut listed = Vec::new();
        let mut pages = Vec::new();
        loop {
            let page = blobs.list(listed.last().copied()).await.expect("list");
            if page.is_empty() {
                break;
            }
            pages.push(page.len());
            listed.extend(page.into_iter().map(|stored| stored.blob.digest));
        }
        assert_eq!(pages, [1000, 1000, 500]);
        assert!(listed == all);
    });
}
