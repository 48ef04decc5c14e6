//! The suite that every implementation runs: `blob_conformance!(make_blobs())`.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::TryStreamExt as _;
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

use crate::{Blob, Blobs, Digest, Error};

/// Makes one test of each case. The expression makes an empty store each time: a future of a pair of an
/// `Arc<dyn Blobs>` and whatever must live as long as it.
#[macro_export]
macro_rules! blob_conformance {
    ($make:expr) => {
        $crate::blob_conformance! {
            $make;
            what_was_put_comes_back, a_range_is_a_part, too_large_is_refused, a_failing_source_stores_nothing,
            an_abandoned_upload_stores_nothing, deleting_says_whether_it_was_there, lists_in_order,
            the_same_content_at_once_is_one_blob
        }
    };
    ($make:expr; $($case:ident),+) => {
        $(#[test]
        fn $case() {
            $crate::conformance::run(async {
                let (blobs, _guard) = $make.await;
                $crate::conformance::$case(blobs).await;
            });
        })+
    };
}

pub fn run(case: impl Future<Output = ()>) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("start runtime");
    runtime.block_on(case);
}

/// SHA-256 of "abc", from FIPS 180-2.
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

async fn put(blobs: &Arc<dyn Blobs>, mut bytes: &[u8]) -> Result<Blob, Error> {
    blobs.put(&mut bytes, u64::MAX).await
}

async fn get(blobs: &Arc<dyn Blobs>, digest: Digest) -> Option<Vec<u8>> {
    let mut reader = blobs.get(digest).await.expect("get")?;
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).await.expect("read");
    assert_eq!(reader.size_bytes(), bytes.len() as u64);
    Some(bytes)
}

fn noise(seed: u64, size_bytes: usize) -> Vec<u8> {
    let mut bytes = vec![0; size_bytes];
    env::Entropy::fill(&env::Seeded::new(seed), &mut bytes);
    bytes
}

pub async fn what_was_put_comes_back(blobs: Arc<dyn Blobs>) {
    let abc: Digest = ABC.parse().expect("a digest");
    assert_eq!(get(&blobs, abc).await, None);
    assert!(!blobs.contains(abc).await.expect("contains"));
    assert_eq!(put(&blobs, b"abc").await.expect("put"), Blob { digest: abc, size_bytes: 3 });
    assert!(blobs.contains(abc).await.expect("contains"));
    assert_eq!(get(&blobs, abc).await.as_deref(), Some(&b"abc"[..]));
    for size_bytes in [0, 1, 65_535, 65_536, 65_537, 3_000_000] {
        let bytes = noise(1, size_bytes);
        let blob = put(&blobs, &bytes).await.expect("put");
        assert_eq!(blob.size_bytes, size_bytes as u64);
        assert!(get(&blobs, blob.digest).await.expect("present") == bytes, "{size_bytes} bytes");
    }
}

pub async fn a_range_is_a_part(blobs: Arc<dyn Blobs>) {
    let bytes = noise(4, 300_000);
    let blob = put(&blobs, &bytes).await.expect("put");
    for (start, size_bytes) in [(0, 300_000), (0, 1), (299_999, 1), (65_535, 70_000), (300_000, 0)] {
        let range = blobs.get_range(blob.digest, start as u64, size_bytes as u64).await.expect("get");
        let read = range.expect("present").try_collect::<Vec<_>>().await.expect("read").concat();
        assert!(read == bytes[start..start + size_bytes], "{size_bytes} from {start}");
    }
    let absent = blobs.get_range(Digest::from_bytes([1; 32]), 0, 1).await.expect("get");
    assert!(absent.is_none());
}

pub async fn too_large_is_refused(blobs: Arc<dyn Blobs>) {
    let bytes = noise(2, 100_000);
    let refused = blobs.put(&mut &bytes[..], 99_999).await;
    assert!(matches!(refused, Err(Error::TooLarge { size_bytes_max: 99_999 })), "{refused:?}");
    assert_eq!(blobs.list(None).await.expect("list"), []);
    // A source without end is refused as well.
    let refused = blobs.put(&mut tokio::io::repeat(7), 1_000_000).await;
    assert!(matches!(refused, Err(Error::TooLarge { .. })), "{refused:?}");
    blobs.put(&mut &bytes[..], 100_000).await.expect("exactly the limit");
}

/// Gives some bytes, and then an error or nothing for ever.
struct Broken {
    bytes_left: usize,
    fails: bool,
}

impl AsyncRead for Broken {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        if self.bytes_left == 0 {
            return if self.fails { Poll::Ready(Err(std::io::Error::other("cut"))) } else { Poll::Pending };
        }
        let count = self.bytes_left.min(buffer.remaining());
        buffer.put_slice(&vec![1; count]);
        self.bytes_left -= count;
        Poll::Ready(Ok(()))
    }
}

pub async fn a_failing_source_stores_nothing(blobs: Arc<dyn Blobs>) {
    let failed = blobs.put(&mut Broken { bytes_left: 200_000, fails: true }, u64::MAX).await;
    assert!(matches!(failed, Err(Error::Source(_))), "{failed:?}");
    assert_eq!(blobs.list(None).await.expect("list"), []);
}

pub async fn an_abandoned_upload_stores_nothing(blobs: Arc<dyn Blobs>) {
    let mut source = Broken { bytes_left: 200_000, fails: false };
    let mut upload = blobs.put(&mut source, u64::MAX);
    // Far enough for a file to be there, were one left behind.
    for _ in 0..100 {
        tokio::select! {
            biased;
            _ = &mut upload => unreachable!("the source has no end"),
            () = tokio::task::yield_now() => {}
        }
    }
    drop(upload);
    assert_eq!(blobs.list(None).await.expect("list"), []);
}

pub async fn deleting_says_whether_it_was_there(blobs: Arc<dyn Blobs>) {
    let (one, two) = (put(&blobs, b"one").await.expect("put"), put(&blobs, b"two").await.expect("put"));
    let mut open = blobs.get(one.digest).await.expect("get").expect("present");
    assert!(blobs.delete(one.digest).await.expect("delete"));
    assert!(!blobs.delete(one.digest).await.expect("delete again"));
    assert_eq!(get(&blobs, one.digest).await, None);
    assert_eq!(get(&blobs, two.digest).await.as_deref(), Some(&b"two"[..]));
    let mut text = String::new();
    open.read_to_string(&mut text).await.expect("an open reader goes on");
    assert_eq!(text, "one");
}

pub async fn lists_in_order(blobs: Arc<dyn Blobs>) {
    let mut all = Vec::new();
    for number in 0..300u32 {
        all.push(put(&blobs, &number.to_be_bytes()).await.expect("put"));
    }
    all.sort_by_key(|blob| blob.digest);
    let list = async |after| {
        let stored = blobs.list(after).await.expect("list");
        stored.into_iter().map(|stored| stored.blob).collect::<Vec<_>>()
    };
    assert_eq!(list(None).await, all);
    for after in [0, 1, 150, 298, 299] {
        assert_eq!(list(Some(all[after].digest)).await, all[after + 1..], "after {after}");
    }
    assert_eq!(list(Some(Digest::from_bytes([255; 32]))).await, []);
}

pub async fn the_same_content_at_once_is_one_blob(blobs: Arc<dyn Blobs>) {
    let bytes: Arc<[u8]> = noise(3, 500_000).into();
    let uploads: Vec<_> = (0..16)
        .map(|_| {
            let (blobs, bytes) = (blobs.clone(), bytes.clone());
            tokio::spawn(async move {
                let blob = put(&blobs, &bytes).await.expect("put");
                assert!(get(&blobs, blob.digest).await.expect("present")[..] == bytes[..]);
                blob
            })
        })
        .collect();
    let mut digests = Vec::new();
    for upload in uploads {
        digests.push(upload.await.expect("upload").digest);
    }
    digests.dedup();
    assert_eq!(digests.len(), 1);
    assert_eq!(blobs.list(None).await.expect("list").len(), 1);
}
