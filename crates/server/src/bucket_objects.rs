//! What Lambda asks of S3, asked as a client would: `GetObject`, by the one who called Lambda.

use std::io;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll, ready};

use api_s3::GetObjectInput;
use aws_wire::{AwsError, Pieces};
use blob::BoxFuture;
use bytes::{Buf as _, Bytes};
use futures_util::StreamExt as _;
use service::{Caller, Platform};
use svc_lambda::{Object, ObjectName, ObjectRefused, Objects};
use tokio::io::{AsyncRead, ReadBuf};

/// S3 of this platform, once it is there.
#[derive(Default)]
pub struct BucketObjects(OnceLock<Platform>);

impl BucketObjects {
    pub fn connect(&self, platform: Platform) {
        let _ = self.0.set(platform);
    }

    async fn open(&self, caller: &Caller, name: &ObjectName) -> Result<Object, ObjectRefused> {
        let platform = self.0.get().expect("connected before anybody can call");
        let cx = platform.ctx(caller.clone(), platform.env().uuid().to_string().into());
        let input = GetObjectInput {
            bucket: name.bucket.clone(),
            key: name.key.clone(),
            version_id: name.version.clone(),
            ..GetObjectInput::default()
        };
        let object = cx.call(input).await.map_err(refused)?;
        let source = object.body.and_then(|body| body.take());
        let pieces = source.map_or_else(|| Box::pin(futures_util::stream::empty()) as Pieces, |s| s.pieces);
        Ok(Box::pin(Reader { pieces, left: Bytes::new() }))
    }
}

fn refused(error: AwsError) -> ObjectRefused {
    ObjectRefused { code: error.code.into_owned(), message: error.message.unwrap_or_default() }
}

impl Objects for BucketObjects {
    fn get<'a>(
        &'a self,
        caller: &'a Caller,
        name: &'a ObjectName,
    ) -> BoxFuture<'a, Result<Object, ObjectRefused>> {
        Box::pin(self.open(caller, name))
    }
}

/// Pieces as one stream of bytes.
struct Reader {
    pieces: Pieces,
    left: Bytes,
}

impl AsyncRead for Reader {
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
        buffer.put_slice(&self.left[..count]);
        self.left.advance(count);
        Poll::Ready(Ok(()))
    }
}
