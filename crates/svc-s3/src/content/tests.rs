//! Contents are read to their end, or not when they are damaged.

use futures_util::TryStreamExt as _;
use testkit::S3;

use super::*;

/// A blob between two small pieces.
async fn content(blobs: &Arc<dyn Blobs>) -> (Content, Vec<u8>) {
    let middle = vec![b'-'; 3 * PIECE_BYTES];
    let blob = blobs.put(&mut middle.as_slice(), u64::MAX).await.expect("store a blob");
    let pieces = vec![
        Piece::Small(BASE64.encode("begin")),
        Piece::Blob { sha256: blob.digest.to_string(), size_bytes: blob.size_bytes },
        Piece::Small(BASE64.encode("end")),
    ];
    let whole = [b"begin", &middle[..], b"end"].concat();
    (Content { pieces, ..Content::default() }, whole)
}

async fn read_all(body: ByteStream) -> (usize, Option<io::ErrorKind>) {
    let mut pieces = body.take().expect("nobody took it").pieces;
    let mut count = 0;
    loop {
        match pieces.try_next().await {
            Ok(Some(piece)) => count += piece.len(),
            Ok(None) => return (count, None),
            Err(error) => return (count, Some(error.kind())),
        }
    }
}

#[tokio::test]
async fn what_is_damaged_is_not_given_to_its_end() {
    let s3 = S3::new().await;
    let blobs = Arc::clone(&s3.blobs);
    let (content, whole) = content(&blobs).await;
    let mut of_whole = Hasher::new(Algorithm::Crc64Nvme);
    of_whole.update(&whole);
    let right = checksum::base64(&of_whole.finish());
    let object = |value: &str, composite| Object {
        size_bytes: whole.len() as u64,
        checksum: Some(Checksum { algorithm: Algorithm::Crc64Nvme, value: value.to_owned(), composite }),
        ..Object::default()
    };
    let read = async |object: Object| {
        read_all(super::read(&blobs, Vec::new(), &content, (0, object.size_bytes), (None, check_of(&object))))
            .await
    };
    assert_eq!(read(object(&right, false)).await, (whole.len(), None));
    let damaged = Some(io::ErrorKind::InvalidData);
    assert_eq!(
        read(object("AAAAAAAAAAA=", false)).await,
        (whole.len() - 3, damaged),
        "all but the last piece"
    );
    // A checksum of checksums says nothing of the bytes; then the blobs' own digests are checked.
    assert_eq!(read(object("AAAAAAAAAAA=", true)).await, (whole.len(), None));
}
