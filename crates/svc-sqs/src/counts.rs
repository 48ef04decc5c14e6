//! How many messages a queue has: counted when asked, for a row that every send had to change would cost every send.

use std::time::Duration;

use aws_wire::Result;
use kv::{Direction, Span};

use crate::Ctx;
use crate::keys::{READY, SEQUENCES};
use crate::queue::Queue;

/// Rows read at once; others run in between.
const PAGE: usize = 5_000;
/// A queue with more messages than this is not counted again within [`AGE_MAX`].
const MANY: usize = 20_000;
const AGE_MAX: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub visible: usize,
    pub not_visible: usize,
    pub delayed: usize,
}

impl Counts {
    fn total(self) -> usize {
        self.visible + self.not_visible + self.delayed
    }

    fn add(&mut self, now: i64, at: i64, received: bool) {
        match (at <= now, received) {
            (true, _) => self.visible += 1,
            (false, true) => self.not_visible += 1,
            (false, false) => self.delayed += 1,
        }
    }
}

/// # Errors
/// Those of the store.
pub(crate) async fn count(cx: &Ctx, queue: &Queue) -> Result<Counts> {
    let cursor = cx.state.cursors.of(queue.store);
    let monotonic = cx.env.monotonic();
    if let Some(counts) = cursor.counted(monotonic, AGE_MAX).filter(|counts| counts.total() > MANY) {
        return Ok(counts);
    }
    let now = cx.env.now();
    let oldest_ms = now.as_millis() - queue.retention_ms();
    let snapshot = cx.kv.snapshot().await?;
    let mut counts = Counts::default();
    if queue.is_fifo() {
        let mut span = Span::prefix(&(queue.store,));
        loop {
            let page = SEQUENCES.scan(&snapshot, &span, PAGE, Direction::Forward)?;
            for (_, state) in page.iter().filter(|(_, state)| state.sent_ms > oldest_ms) {
                counts.add(now.as_micros(), state.at, state.receives > 0);
            }
            let Some((last, _)) = page.last().filter(|_| page.len() == PAGE) else { break };
            span = span.after(last);
            tokio::task::yield_now().await;
        }
    } else {
        let from = cursor.counting_from();
        let mut span = Span::prefix(&(queue.store,)).from(&(queue.store, from, [0; 16]));
        loop {
            let page = READY.scan(&snapshot, &span, PAGE, Direction::Forward)?;
            for ((_, at, _), standing) in page.iter().filter(|(_, standing)| standing.sent_ms > oldest_ms) {
                counts.add(now.as_micros(), *at, standing.received);
            }
            let Some((last, _)) = page.last().filter(|_| page.len() == PAGE) else { break };
            span = span.after(last);
            tokio::task::yield_now().await;
        }
    }
    cursor.count(monotonic, counts);
    Ok(counts)
}
