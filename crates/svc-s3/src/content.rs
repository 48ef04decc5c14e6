//! What versions and parts consist of: small bytes in the store, large ones as blobs, of which several contents may
//! hold the same.
//!
//! A blob belongs to whoever has a row in `REFERENCES`. Between its being stored and that row's being written it is
//! *held* (`holds.rs`), so that the collector of garbage leaves it alone.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use aws_wire::{AwsError, ByteStream, Pieces, Result, Source};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use blob::{BlobReader, Blobs, Digest, PIECE_BYTES};
use bytes::{Buf as _, Bytes};
use futures_util::{StreamExt as _, TryStreamExt as _};
use kv::{Read, Tx};
use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

use crate::checksum::{self, Algorithm, Checksum, Hasher, Stated};
use crate::customer::{Cipher, CustomerKey, Nonce};
use crate::holds::{Entry, Hold, Holds};
use crate::keys::{CONTENTS, DOOMED, Id, REFERENCES};
use crate::object::Object;
use crate::{Ctx, errors};

/// Up to here bytes lie in the store, where one write to disk serves many of them.
const SMALL_BYTES_MAX: usize = 16 * 1024;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Content {
    /// Base64 of what is small.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub small: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pieces: Vec<Piece>,
    /// Of an object that was uploaded in parts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PartOf>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Piece {
    #[serde(rename = "b")]
    Blob { sha256: String, size_bytes: u64 },
    /// Base64: a small part.
    #[serde(rename = "s")]
    Small(String),
    /// Encrypted with a key of the client's own.
    #[serde(rename = "e")]
    Sealed { nonce: Nonce, piece: Box<Self> },
}

impl Piece {
    fn digest(&self) -> Option<[u8; 32]> {
        match self {
            Self::Blob { sha256, .. } => sha256.parse::<Digest>().ok().map(|digest| *digest.as_bytes()),
            Self::Small(_) => None,
            Self::Sealed { piece, .. } => piece.digest(),
        }
    }
}

/// A part of an object, as `GetObject` with a part's number finds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PartOf {
    pub number: u32,
    pub size_bytes: u64,
    #[serde(default)]
    pub checksum: Option<Checksum>,
}

impl Content {
    /// What it consists of, one after the other.
    pub(crate) fn all_pieces(&self) -> Vec<Piece> {
        match &self.small {
            Some(small) => vec![Piece::Small(small.clone())],
            None => self.pieces.clone(),
        }
    }

    fn digests(&self) -> impl Iterator<Item = [u8; 32]> {
        self.pieces.iter().filter_map(Piece::digest)
    }

    fn sealed(self, nonce: Nonce) -> Self {
        let sealed = |piece| Piece::Sealed { nonce, piece: Box::new(piece) };
        Self { small: None, pieces: self.all_pieces().into_iter().map(sealed).collect(), ..self }
    }
}

/// A body that was received whole, and is kept from the collector while this lives.
pub(crate) struct Received {
    pub content: Content,
    pub size_bytes: u64,
    /// What the entity tag is: the MD5 of the bytes as they are stored.
    pub md5: [u8; 16],
    /// The one that was asked for, else a CRC-64.
    pub checksum: Checksum,
    /// Keeps the collector away until the content is stored.
    hold: Option<Hold>,
}

/// Takes a body in, to its end, and checks it against what the client says of it; encrypted, when it comes with a key.
///
/// # Errors
/// 400 when it is not what the client says, or larger than `size_bytes_max`. Nothing is kept then.
pub(crate) async fn receive(
    cx: &Ctx,
    body: Option<ByteStream>,
    content_md5: Option<&str>,
    stated: &Stated,
    size_bytes_max: u64,
    key: Option<&CustomerKey>,
) -> Result<Received> {
    let expected_md5 = content_md5.map(|text| {
        let bytes = BASE64.decode(text).ok().filter(|bytes| bytes.len() == 16);
        bytes.ok_or_else(|| errors::invalid_digest(text))
    });
    let expected_md5 = expected_md5.transpose()?;
    let source = body.unwrap_or_else(|| Bytes::new().into()).take();
    let Source { pieces, size_bytes, trailer } =
        source.ok_or_else(|| AwsError::internal("the body was taken before"))?;
    if size_bytes.is_some_and(|size| size > size_bytes_max) {
        return Err(errors::entity_too_large(size_bytes_max));
    }
    let algorithm = stated.algorithm().unwrap_or(Algorithm::Crc64Nvme);
    let nonce = cx.env.uuid().into_bytes();
    let mut intake = Intake::new(pieces, algorithm, key.map(|key| key.cipher(&nonce, 0)));
    let (content, hold) = store(&cx.state.blobs, &cx.state.holds, &mut intake, size_bytes_max).await?;
    let content = if key.is_some() { content.sealed(nonce) } else { content };
    let (received_bytes, md5, stored_md5, value) = intake.finish();
    let shown = Checksum { algorithm, value: checksum::base64(&value), composite: false };
    let received = Received { content, size_bytes: received_bytes, md5: stored_md5, checksum: shown, hold };
    let header = algorithm.header();
    let in_trailer = trailer.get().and_then(|fields| fields.iter().find(|(name, _)| *name == header));
    let claimed = stated.values.iter().map(|(_, value)| value).chain(in_trailer.map(|(_, value)| value));
    if size_bytes.is_some_and(|announced| announced != received_bytes) {
        return Err(errors::incomplete_body());
    }
    if expected_md5.is_some_and(|expected| expected != md5) {
        return Err(errors::bad_digest("The Content-MD5 you specified did not match what we received."));
    }
    check_claimed(algorithm, claimed, &value).map(|()| received)
}

fn check_claimed<'a>(
    algorithm: Algorithm,
    mut claimed: impl Iterator<Item = &'a String>,
    value: &[u8],
) -> Result<()> {
    claimed.try_for_each(|claimed| {
        if checksum::read(algorithm, claimed)? == value {
            return Ok(());
        }
        let name = algorithm.name();
        Err(errors::bad_digest(format!("The {name} you specified did not match the calculated checksum.")))
    })
}

impl Received {
    /// The entity tag of what was sent at once.
    pub(crate) fn etag(&self) -> String {
        self.md5.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Makes it somebody's in the transaction `body`, or leaves it to the collector when that fails.
    pub(crate) async fn store<T>(
        mut self,
        cx: &Ctx,
        mut body: impl FnMut(&mut Tx, &Content) -> Result<T>,
    ) -> Result<T> {
        let stored = cx.kv.transact(|tx| body(tx, &self.content)).await?;
        self.hold.iter_mut().for_each(Hold::settle);
        Ok(stored)
    }
}

async fn store(
    blobs: &Arc<dyn Blobs>,
    holds: &Holds,
    intake: &mut Intake,
    size_bytes_max: u64,
) -> Result<(Content, Option<Hold>)> {
    let mut head = Vec::new();
    let mut limited = (&mut *intake).take(SMALL_BYTES_MAX as u64 + 1);
    limited.read_to_end(&mut head).await.map_err(source_error)?;
    if head.len() <= SMALL_BYTES_MAX {
        return Ok((Content { small: Some(BASE64.encode(&head)), ..Content::default() }, None));
    }
    let mut whole = AsyncReadExt::chain(std::io::Cursor::new(head), intake);
    let blob = blobs.put(&mut whole, size_bytes_max).await.map_err(|error| match error {
        blob::Error::Source(error) => source_error(error),
        blob::Error::TooLarge { size_bytes_max } => errors::entity_too_large(size_bytes_max),
        error @ blob::Error::Io { .. } => AwsError::internal(error),
    })?;
    let hold = holds.hold(blob.digest).await;
    // The collector may have been at the same bytes just before; then they are gone, and the client is to try again.
    if !blobs.contains(blob.digest).await.map_err(AwsError::internal)? {
        return Err(errors::other(503, "SlowDown", "Please reduce your request rate."));
    }
    let piece = Piece::Blob { sha256: blob.digest.to_string(), size_bytes: blob.size_bytes };
    Ok((Content { pieces: vec![piece], ..Content::default() }, Some(hold)))
}

/// What ended a body: AWS's words for it, or that the client went away.
fn source_error(error: io::Error) -> AwsError {
    match error.downcast::<AwsError>() {
        Ok(refused) => refused,
        Err(error) => errors::incomplete_body().because(error),
    }
}

/// A body on its way in, with what it comes to.
struct Intake {
    pieces: Pieces,
    left: Bytes,
    size_bytes: u64,
    md5: Md5,
    checksum: Option<Hasher>,
    /// What encrypts it, and the MD5 of what comes of that.
    sealing: Option<(Cipher, Md5)>,
}

impl Intake {
    fn new(pieces: Pieces, algorithm: Algorithm, cipher: Option<Cipher>) -> Self {
        let checksum = Some(Hasher::new(algorithm));
        let sealing = cipher.map(|cipher| (cipher, Md5::new()));
        Self { pieces, left: Bytes::new(), size_bytes: 0, md5: Md5::new(), checksum, sealing }
    }

    /// Its size, its MD5 as it came and as it is stored, and its checksum.
    fn finish(self) -> (u64, [u8; 16], [u8; 16], Vec<u8>) {
        let checksum = self.checksum.map(Hasher::finish).unwrap_or_default();
        let md5 = self.md5.finalize().into();
        let stored = self.sealing.map_or(md5, |(_, md5)| md5.finalize().into());
        (self.size_bytes, md5, stored, checksum)
    }
}

impl AsyncRead for Intake {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.left.is_empty() {
            match ready!(self.pieces.poll_next_unpin(cx)) {
                Some(piece) => self.left = piece?,
                None => return Poll::Ready(Ok(())),
            }
        }
        let count = self.left.len().min(buffer.remaining());
        let taken = self.left.slice(..count);
        self.left.advance(count);
        self.size_bytes += count as u64;
        self.md5.update(&taken);
        if let Some(checksum) = &mut self.checksum {
            checksum.update(&taken);
        }
        let before = buffer.filled().len();
        buffer.put_slice(&taken);
        if let Some((cipher, md5)) = &mut self.sealing {
            let taken = &mut buffer.filled_mut()[before..];
            cipher.apply(taken);
            md5.update(taken);
        }
        Poll::Ready(Ok(()))
    }
}

/// Stores what was received, with its references. To be called in the transaction that makes it somebody's.
pub(crate) fn keep(tx: &mut Tx, id: Id, content: &Content) -> Result<()> {
    CONTENTS.put(tx, &id, content)?;
    for digest in content.digests() {
        REFERENCES.put(tx, &(digest, id), &())?;
    }
    Ok(())
}

/// Lets go of a content; whether its blobs are anybody else's is the collector's affair.
pub(crate) fn release(tx: &mut Tx, id: Id) -> Result<()> {
    let Some(content) = CONTENTS.get(tx, &id)? else { return Ok(()) };
    for digest in content.digests() {
        REFERENCES.delete(tx, &(digest, id))?;
        DOOMED.put(tx, &digest, &())?;
    }
    Ok(CONTENTS.delete(tx, &id)?)
}

/// # Errors
/// 500 when it is not there, which nothing a client does explains.
pub(crate) fn find(reader: &impl Read, id: Option<Id>) -> Result<Content> {
    let Some(id) = id else { return Ok(Content::default()) };
    CONTENTS.get(reader, &id)?.ok_or_else(|| AwsError::internal("an object without its content"))
}

/// `size_bytes` of a content from `start` on, as they are read. Found since `entry`, it is held until it is read: what
/// replaces or deletes the object meanwhile takes nothing away from who is reading it.
pub(crate) fn open(
    cx: &Ctx,
    entry: &Entry<'_>,
    content: &Content,
    (start, size_bytes): (u64, u64),
    key: Option<CustomerKey>,
) -> ByteStream {
    read(&cx.state.blobs, hold(entry, content), content, (start, size_bytes), (key, None))
}

/// As [`open`] all of an object's content, checked on the way: against the object's own checksum where that costs less
/// than the blobs' digests do.
pub(crate) fn open_all(
    cx: &Ctx,
    entry: &Entry<'_>,
    content: &Content,
    object: &Object,
    key: Option<CustomerKey>,
) -> ByteStream {
    let whole = (0, object.size_bytes);
    read(&cx.state.blobs, hold(entry, content), content, whole, (key, check_of(object)))
}

fn hold(entry: &Entry<'_>, content: &Content) -> Vec<Hold> {
    content.digests().map(|digest| entry.hold(Digest::from_bytes(digest))).collect()
}

fn check_of(object: &Object) -> Option<(Hasher, String)> {
    let check = object.checksum.as_ref().filter(|checksum| checksum.is_cheap());
    check.map(|checksum| (Hasher::new(checksum.algorithm), checksum.value.clone()))
}

fn read(
    blobs: &Arc<dyn Blobs>,
    holds: Vec<Hold>,
    content: &Content,
    (start, size_bytes): (u64, u64),
    (key, check): (Option<CustomerKey>, Option<(Hasher, String)>),
) -> ByteStream {
    let reading = Reading {
        blobs: Arc::clone(blobs),
        _holds: holds,
        pieces: content.all_pieces().into_iter(),
        skip: start,
        left: size_bytes,
        open: None,
        key,
        cipher: None,
        check,
    };
    let pieces = futures_util::stream::try_unfold(reading, |mut reading| async move {
        Ok(reading.next().await?.map(|piece| (piece, reading)))
    });
    ByteStream::new(Box::pin(pieces), Some(size_bytes))
}

struct Reading {
    blobs: Arc<dyn Blobs>,
    _holds: Vec<Hold>,
    pieces: std::vec::IntoIter<Piece>,
    skip: u64,
    left: u64,
    open: Option<blob::Range>,
    /// The client's own, and what it makes of the piece that is read.
    key: Option<CustomerKey>,
    cipher: Option<Cipher>,
    /// What all that is read comes to, and what it should.
    check: Option<(Hasher, String)>,
}

impl Reading {
    /// The next piece; the last is given away only if everything is what was stored.
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        let Some(piece) = self.next_unchecked().await? else { return Ok(None) };
        if let Some((hasher, _)) = &mut self.check {
            hasher.update(&piece);
        }
        if self.left == 0
            && let Some((hasher, expected)) = self.check.take()
            && checksum::base64(&hasher.finish()) != expected
        {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "stored bytes of an object are damaged"));
        }
        Ok(Some(piece))
    }

    async fn next_unchecked(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            if let Some(open) = &mut self.open {
                if let Some(piece) = open.try_next().await?.filter(|piece| !piece.is_empty()) {
                    self.left = self.left.saturating_sub(piece.len() as u64);
                    return Ok(Some(self.opened(piece)));
                }
                self.open = None;
            }
            if self.left == 0 {
                return Ok(None);
            }
            let Some(piece) = self.pieces.next() else {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a content ends too early"));
            };
            let piece = self.unseal(piece)?;
            if let Some(small) = self.enter(piece).await? {
                return Ok(Some(self.opened(small)));
            }
        }
    }

    /// The piece inside a sealed one, which is decrypted from where it is read on.
    fn unseal(&mut self, piece: Piece) -> io::Result<Piece> {
        let Piece::Sealed { nonce, piece } = piece else {
            self.cipher = None;
            return Ok(piece);
        };
        let missing =
            || io::Error::new(io::ErrorKind::PermissionDenied, "an encrypted content without its key");
        self.cipher = Some(self.key.as_ref().ok_or_else(missing)?.cipher(&nonce, self.skip));
        Ok(*piece)
    }

    fn opened(&mut self, bytes: Bytes) -> Bytes {
        let Some(cipher) = &mut self.cipher else { return bytes };
        let mut bytes = bytes::BytesMut::from(bytes);
        cipher.apply(&mut bytes);
        bytes.freeze()
    }

    /// Begins a piece, unless all of it lies before what is asked for; a small one comes back at once.
    async fn enter(&mut self, piece: Piece) -> io::Result<Option<Bytes>> {
        match piece {
            Piece::Small(text) => {
                let bytes = Bytes::from(BASE64.decode(text).map_err(io::Error::other)?);
                let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
                let count = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len() - skipped);
                self.skip -= skipped as u64;
                self.left -= count as u64;
                Ok((count > 0).then(|| bytes.slice(skipped..skipped + count)))
            }
            Piece::Sealed { .. } => Err(io::Error::other("a piece that is sealed twice")),
            Piece::Blob { size_bytes, .. } if size_bytes <= self.skip => {
                self.skip -= size_bytes;
                Ok(None)
            }
            Piece::Blob { sha256, size_bytes } => {
                let digest = sha256.parse::<Digest>().map_err(io::Error::other)?;
                let wanted = self.left.min(size_bytes - self.skip);
                let gone = || io::Error::new(io::ErrorKind::NotFound, format!("blob {sha256} is gone"));
                let is_checked_here = wanted == size_bytes && self.check.is_none();
                self.open = Some(if is_checked_here {
                    // Read whole, it is checked against its digest on the way.
                    let reader = self.blobs.get(digest).await.map_err(io::Error::other)?;
                    checked_pieces(reader.ok_or_else(gone)?)
                } else {
                    let range = self.blobs.get_range(digest, self.skip, wanted).await;
                    range.map_err(io::Error::other)?.ok_or_else(gone)?
                });
                self.skip = 0;
                Ok(None)
            }
        }
    }
}

/// All of a blob in pieces; the last comes only if they are what the digest is of.
fn checked_pieces(reader: BlobReader) -> blob::Range {
    Box::pin(futures_util::stream::try_unfold(reader, |mut reader| async move {
        let mut piece = bytes::BytesMut::with_capacity(PIECE_BYTES);
        let read = reader.read_buf(&mut piece).await?;
        Ok((read > 0).then(|| (piece.freeze(), reader)))
    }))
}

#[cfg(test)]
mod tests;
