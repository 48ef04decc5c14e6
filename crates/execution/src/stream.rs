//! Answers that reach the caller while the function still writes them.
//!
//! Nowhere is the whole of one kept: a few pieces wait between the function and its caller, so a caller who reads
//! slowly slows the function down. One who goes away does not: the rest is read and thrown away.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use env::Env;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::{Failure, Invocation, Outcome, Pools, Refused, Version};

/// Bounds of streamed answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Streaming {
    pub bytes_max: u64,
    /// The first of an answer, which goes as fast as it can.
    pub full_speed_bytes: u64,
    /// How fast the rest goes; no bound without one.
    pub bytes_per_second: Option<u64>,
}

/// AWS's.
impl Default for Streaming {
    fn default() -> Self {
        Self { bytes_max: 200 << 20, full_speed_bytes: 6 << 20, bytes_per_second: Some(2 << 20) }
    }
}

/// Of one piece; larger ones are cut.
const PIECE_BYTES_MAX: usize = 64 * 1024;
/// Pieces between a function and its caller.
const PIECES_WAITING_MAX: usize = 4;

/// The way of an invocation's answer to its caller.
#[derive(Clone, Debug)]
pub struct Sink(mpsc::Sender<Piece>);

#[derive(Debug)]
enum Piece {
    Begun { content_type: String },
    Bytes(Bytes),
}

/// What became of an invocation whose caller wants the answer as it is written.
#[derive(Debug)]
pub enum Streamed {
    /// It answered in one piece, or failed before its answer began.
    Whole(Outcome),
    Begun(AnswerStream),
}

/// An answer that has begun.
#[derive(Debug)]
pub struct AnswerStream {
    /// As the runtime gave it.
    pub content_type: String,
    pieces: mpsc::Receiver<Piece>,
    running: JoinHandle<Result<Outcome, Refused>>,
    outcome: Option<Outcome>,
}

impl Pools {
    /// Runs one invocation of `version`; returns when its answer begins. The invocation goes on, whatever becomes of
    /// the returned stream.
    ///
    /// # Errors
    /// As [`Pools::invoke`].
    pub async fn stream(
        &self,
        version: &Arc<Version>,
        mut invocation: Invocation,
    ) -> Result<Streamed, Refused> {
        let (sender, mut pieces) = mpsc::channel(PIECES_WAITING_MAX);
        invocation.sink = Some(Sink(sender));
        let (pools, version) = (self.clone(), Arc::clone(version));
        let mut running = tokio::spawn(async move { pools.invoke(&version, invocation).await });
        tokio::select! {
            biased;
            Some(Piece::Begun { content_type }) = pieces.recv() => {
                Ok(Streamed::Begun(AnswerStream { content_type, pieces, running, outcome: None }))
            }
            ended = &mut running => ended.unwrap_or_else(|error| Err(lost(&error))).map(Streamed::Whole),
        }
    }
}

impl AnswerStream {
    /// The next bytes; none when the answer is over.
    pub async fn next(&mut self) -> Option<Bytes> {
        loop {
            let piece = if self.outcome.is_some() {
                // What was written before the end is there already.
                self.pieces.try_recv().ok()
            } else {
                tokio::select! {
                    biased;
                    Some(piece) = self.pieces.recv() => Some(piece),
                    ended = &mut self.running => {
                        self.outcome = Some(outcome_of(ended));
                        continue;
                    }
                }
            };
            match piece {
                Some(Piece::Bytes(bytes)) => return Some(bytes),
                Some(Piece::Begun { .. }) => {}
                None => return None,
            }
        }
    }

    /// How the invocation ended; what of its answer was not read is thrown away.
    pub async fn outcome(mut self) -> Outcome {
        while self.next().await.is_some() {}
        let outcome = self.outcome.take();
        outcome.expect("an answer is over when its invocation is")
    }
}

fn outcome_of(ended: Result<Result<Outcome, Refused>, tokio::task::JoinError>) -> Outcome {
    let failure = match ended {
        Ok(Ok(outcome)) => return outcome,
        Ok(Err(refused)) => Failure::Sandbox(format!("refused after its answer began: {refused:?}")),
        Err(error) => Failure::Sandbox(error.to_string()),
    };
    tracing::error!(?failure, "an invocation was lost");
    let error_type = Some(failure.error_type().to_owned());
    Outcome { payload: failure.payload(""), failed: true, error_type, log_tail: Vec::new() }
}

fn lost(error: &tokio::task::JoinError) -> Refused {
    Refused::Sandbox(error.to_string())
}

/// The function's end of the way.
pub(crate) struct Writer {
    sink: Sink,
    pace: Pace,
    env: Env,
    bytes_max: u64,
    written: u64,
    /// The caller has gone away.
    gone: bool,
}

impl Writer {
    pub(crate) fn new(sink: Sink, streaming: Streaming, env: Env) -> Self {
        let pace = Pace::new(streaming);
        Self { sink, pace, env, bytes_max: streaming.bytes_max, written: 0, gone: false }
    }

    pub(crate) async fn begin(&mut self, content_type: String) {
        self.send(Piece::Begun { content_type }).await;
    }

    /// Waits until the caller has room for `bytes`, and until it is time for them.
    ///
    /// # Errors
    /// When the answer is longer than an answer may be. What is beyond does not go out.
    pub(crate) async fn write(&mut self, mut bytes: Bytes) -> Result<(), Failure> {
        self.written = self.written.saturating_add(bytes.len() as u64);
        if self.written > self.bytes_max {
            return Err(Failure::StreamTooLarge { bytes_max: self.bytes_max });
        }
        while !bytes.is_empty() && !self.gone {
            let piece = bytes.split_to(bytes.len().min(PIECE_BYTES_MAX));
            let delay = self.pace.delay(self.env.monotonic(), piece.len() as u64);
            if !delay.is_zero() {
                tokio::select! {
                    () = self.env.sleep(delay) => {}
                    () = self.sink.0.closed() => {}
                }
            }
            self.send(Piece::Bytes(piece)).await;
        }
        Ok(())
    }

    async fn send(&mut self, piece: Piece) {
        self.gone = self.gone || self.sink.0.send(piece).await.is_err();
    }
}

/// How fast an answer may go. Pure: told the time.
struct Pace {
    full_speed_bytes: u64,
    bytes_per_second: Option<u64>,
    /// When, by the monotonic clock, the bytes told of so far have gone.
    free_at: Duration,
}

impl Pace {
    fn new(streaming: Streaming) -> Self {
        let Streaming { full_speed_bytes, bytes_per_second, .. } = streaming;
        Self { full_speed_bytes, bytes_per_second, free_at: Duration::ZERO }
    }

    /// How long so many bytes have to wait.
    fn delay(&mut self, now: Duration, bytes: u64) -> Duration {
        let free = bytes.min(self.full_speed_bytes);
        self.full_speed_bytes -= free;
        let paced = bytes - free;
        let Some(rate) = self.bytes_per_second.filter(|_| paced > 0) else { return Duration::ZERO };
        let takes = Duration::from_nanos(paced.saturating_mul(1_000_000_000) / rate.max(1));
        self.free_at = self.free_at.max(now) + takes;
        self.free_at - now
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn the_first_goes_at_full_speed_and_the_rest_by_the_rate() {
        let streaming = Streaming { bytes_max: 100, full_speed_bytes: 10, bytes_per_second: Some(2) };
        let mut pace = Pace::new(streaming);
        let mut check = |now_ms: u64, bytes: u64, delay_ms: u64| {
            let delay = pace.delay(Duration::from_millis(now_ms), bytes);
            assert_eq!(delay, Duration::from_millis(delay_ms), "{bytes} bytes at {now_ms}");
        };
        check(0, 8, 0);
        // Two are free; four at two a second.
        check(1000, 6, 2000);
        check(3000, 2, 1000);
        // Who comes late has saved nothing up.
        check(9000, 2, 1000);
        check(9000, 2, 2000);
    }

    #[tokio::test]
    async fn a_caller_who_reads_nothing_stops_the_writer() {
        let env = Env::manual(Arc::new(env::ManualClock::new(env::Timestamp::default())), 1);
        let (sender, mut pieces) = mpsc::channel(PIECES_WAITING_MAX);
        let mut writer = Writer::new(Sink(sender), Streaming::default(), env);
        let full = Bytes::from(vec![0; PIECES_WAITING_MAX * PIECE_BYTES_MAX]);
        assert_eq!(writer.write(full).now_or_never(), Some(Ok(())));
        let mut more = std::pin::pin!(writer.write(Bytes::from_static(b"more")));
        assert_eq!((&mut more).now_or_never(), None);
        pieces.recv().await.expect("a piece waits");
        assert_eq!(more.now_or_never(), Some(Ok(())));
    }

    #[test]
    fn without_a_rate_nothing_waits() {
        let streaming = Streaming { bytes_max: 100, full_speed_bytes: 0, bytes_per_second: None };
        assert_eq!(Pace::new(streaming).delay(Duration::ZERO, 99), Duration::ZERO);
    }

    #[test]
    fn the_defaults_are_awss() {
        let Streaming { bytes_max, full_speed_bytes, bytes_per_second } = Streaming::default();
        assert_eq!(
            (bytes_max, full_speed_bytes, bytes_per_second),
            (209_715_200, 6_291_456, Some(2_097_152))
        );
    }
}
