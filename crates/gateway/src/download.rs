//! Packages by presigned URL: `GET /_lambent/packages/<sha256>`, streamed, to whoever holds a URL of ours.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use aws_wire::{AwsError, Request, Response, rest, xml};
use blob::{BlobReader, Digest};
use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Either;
use service::PACKAGES_PATH;
use tokio::io::{AsyncRead as _, ReadBuf};

use crate::Gateway;
use crate::listener::{Outgoing, into_http};

/// How much of a package is held at a time.
const PIECE_BYTES: usize = 64 * 1024;

/// The package that a path names.
pub(crate) fn wanted(path: &str) -> Option<Digest> {
    path.strip_prefix(PACKAGES_PATH)?.parse().ok()
}

impl Gateway {
    pub(crate) async fn download(&self, mut request: Request, digest: Digest) -> Outgoing {
        match self.open(&mut request, digest).await {
            Ok(reader) => {
                let mut response = http::Response::new(Either::Right(Content::new(reader)));
                rest::insert_header(response.headers_mut(), "content-type", "application/zip");
                response
            }
            Err(error) => into_http(refusal(&error)),
        }
    }

    async fn open(&self, request: &mut Request, digest: Digest) -> Result<BlobReader, AwsError> {
        let now = self.0.platform.env().now();
        self.0.authenticator.demand("s3", request, now).await?;
        let found = match &self.0.packages {
            Some(packages) => packages.get(digest).await.map_err(AwsError::internal)?,
            None => None,
        };
        found.ok_or_else(|| AwsError::common("NoSuchKey", 404, "The specified key does not exist."))
    }
}

/// As S3 refuses a presigned URL.
fn refusal(error: &AwsError) -> Response {
    let mut body = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>".to_owned();
    xml::write_text_element(&mut body, "Code", &error.code);
    xml::write_text_element(&mut body, "Message", error.message.as_deref().unwrap_or_default());
    body.push_str("</Error>");
    let mut response = Response::empty(error.status);
    rest::insert_header(&mut response.headers, "content-type", "application/xml");
    response.body = body.into();
    response
}

/// A package on its way out. One whose bytes are damaged ends in an error, which breaks the connection.
pub(crate) struct Content {
    reader: BlobReader,
    unread: u64,
    unsent: u64,
    /// The last piece, which goes out when the reader has compared the checksum.
    held: Option<Bytes>,
}

impl Content {
    fn new(reader: BlobReader) -> Self {
        let size = reader.size_bytes();
        // An empty package has a checksum too.
        let held = (size == 0).then(Bytes::new);
        Self { reader, unread: size, unsent: size, held }
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        let mut piece = BytesMut::zeroed(PIECE_BYTES);
        let mut buffer = ReadBuf::new(&mut piece);
        ready!(Pin::new(&mut self.reader).poll_read(cx, &mut buffer))?;
        let read = buffer.filled().len();
        piece.truncate(read);
        Poll::Ready(Ok(piece.freeze()))
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        while self.unread > 0 || self.held.is_some() {
            let piece = ready!(self.poll_piece(cx))?;
            let piece = match self.held.take() {
                Some(last) if piece.is_empty() => last,
                _ if piece.is_empty() => return Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into()))),
                _ => {
                    self.unread = self.unread.saturating_sub(piece.len() as u64);
                    if self.unread == 0 {
                        self.held = Some(piece);
                        continue;
                    }
                    piece
                }
            };
            self.unsent = self.unsent.saturating_sub(piece.len() as u64);
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.unread == 0 && self.held.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.unsent)
    }
}
