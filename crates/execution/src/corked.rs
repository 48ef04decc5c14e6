//! A connection to a runtime that sends what is written in one breath at once.
//!
//! A runtime that asks for its next event as it answers gets two answers: that its own was taken, and the event. The first
//! is there at once, the second often a moment later, when whoever waits for the environment has heard that it is free.
//! So a flush lets the others go first, once. It spares a call to the kernel and a change of process, and the caller has
//! the runtime's answer before the runtime is thanked for it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// More than this is not copied to be sent together with something else.
const HELD_BYTES_MAX: usize = 16 * 1024;

pub(crate) struct Corked<S> {
    stream: S,
    held: Vec<u8>,
    /// The others have gone first.
    has_yielded: bool,
}

impl<S: AsyncWrite + Unpin> Corked<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, held: Vec::new(), has_yielded: false }
    }

    fn poll_send_held(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut sent = 0;
        let outcome = loop {
            if sent == self.held.len() {
                break Poll::Ready(Ok(()));
            }
            match Pin::new(&mut self.stream).poll_write(cx, &self.held[sent..]) {
                Poll::Ready(Ok(0)) => break Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(count)) => sent += count,
                Poll::Ready(Err(error)) => break Poll::Ready(Err(error)),
                Poll::Pending => break Poll::Pending,
            }
        };
        self.held.drain(..sent);
        self.has_yielded &= !self.held.is_empty();
        outcome
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Corked<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Corked<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let length = pieces.iter().map(|piece| piece.len()).sum::<usize>();
        if this.held.len() + length <= HELD_BYTES_MAX {
            pieces.iter().for_each(|piece| this.held.extend_from_slice(piece));
            return Poll::Ready(Ok(length));
        }
        ready!(this.poll_send_held(cx))?;
        Pin::new(&mut this.stream).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.held.is_empty() && !std::mem::replace(&mut this.has_yielded, true) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        ready!(this.poll_send_held(cx))?;
        Pin::new(&mut this.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_send_held(cx))?;
        Pin::new(&mut this.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    #[tokio::test]
    async fn what_is_written_before_the_others_are_done_leaves_together() {
        let (near, mut far) = duplex(1 << 20);
        let mut corked = Corked::new(near);
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert!(Pin::new(&mut corked).poll_write(&mut cx, b"first, ").is_ready());
        assert!(Pin::new(&mut corked).poll_flush(&mut cx).is_pending(), "the others go first");
        assert!(Pin::new(&mut corked).poll_write(&mut cx, b"second").is_ready());
        assert!(Pin::new(&mut corked).poll_flush(&mut cx).is_ready());
        let mut seen = [0; 64];
        let count = far.read(&mut seen).await.expect("read");
        assert_eq!(&seen[..count], b"first, second");
    }

    #[tokio::test]
    async fn everything_arrives_in_its_order() {
        let (near, mut far) = duplex(100);
        let reading = tokio::spawn(async move {
            let mut all = Vec::new();
            far.read_to_end(&mut all).await.expect("read");
            all
        });
        let mut corked = Corked::new(near);
        let pieces = [10, HELD_BYTES_MAX, 3 * HELD_BYTES_MAX, 1, 0, 5000];
        let all =
            (0..).map(|number: u32| number.to_le_bytes()[0]).take(pieces.iter().sum()).collect::<Vec<_>>();
        let mut rest = &all[..];
        for length in pieces {
            let (piece, after) = rest.split_at(length);
            corked.write_all(piece).await.expect("write");
            if length % 2 == 0 {
                corked.flush().await.expect("flush");
            }
            rest = after;
        }
        corked.shutdown().await.expect("shut down");
        drop(corked);
        assert_eq!(reading.await.expect("no panic"), all);
    }
}
