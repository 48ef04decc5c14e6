//! What a shard takes and gives in a second, where the setting is that streams refuse more.
//!
//! Only provisioned streams refuse: one on demand would have grown on AWS.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use aws_wire::Result;

use crate::Ctx;
use crate::keys::Id;
use crate::refusal::rate_exceeded;
use crate::stream::Named;

const WRITE_BYTES: f64 = 1024.0 * 1024.0;
const WRITE_RECORDS: f64 = 1000.0;
const READ_BYTES: f64 = 2.0 * 1024.0 * 1024.0;
const READS: f64 = 5.0;

#[derive(Default)]
pub(crate) struct Throttle {
    enforced: bool,
    left: Mutex<HashMap<(Id, u32), Shard>>,
}

/// What is left of a second, as fractions of it may be: bytes may be overdrawn by the request that empties them.
struct Shard {
    written_bytes: Left,
    written_records: Left,
    read_bytes: Left,
    reads: Left,
}

struct Left {
    units: f64,
    a_second: f64,
    at: Duration,
}

impl Left {
    fn new(a_second: f64, now: Duration) -> Self {
        Self { units: a_second, a_second, at: now }
    }

    fn refill(&mut self, now: Duration) -> f64 {
        let gained = now.saturating_sub(self.at).as_secs_f64() * self.a_second;
        self.units = (self.units + gained).min(self.a_second);
        self.at = now;
        self.units
    }
}

#[expect(clippy::cast_precision_loss, reason = "a record has ten megabytes at most")]
fn float(bytes: usize) -> f64 {
    bytes as f64
}

impl Throttle {
    pub(crate) fn new(enforced: bool) -> Self {
        Self { enforced, ..Self::default() }
    }

    /// Draws for one record of so many bytes; false, and nothing drawn, when the shard takes no more now.
    pub(crate) fn takes_write(&self, cx: &Ctx, named: &Named, shard: u32, bytes: usize) -> bool {
        self.with(cx, named, shard, |left, now| {
            // A record above what is left passes when the second is untouched: AWS takes bursts of large records.
            let bytes_left = left.written_bytes.refill(now);
            let fits = bytes_left >= float(bytes).min(WRITE_BYTES) && left.written_records.refill(now) >= 1.0;
            if fits {
                left.written_bytes.units -= float(bytes);
                left.written_records.units -= 1.0;
            }
            fits
        })
    }

    /// Draws for one call that reads; what it read is told by [`Throttle::gave`].
    ///
    /// # Errors
    /// `ProvisionedThroughputExceededException`, when there were five in this second, or two megabytes.
    pub(crate) fn check_read(&self, cx: &Ctx, named: &Named, shard: u32) -> Result<()> {
        let fits = self.with(cx, named, shard, |left, now| {
            let fits = left.read_bytes.refill(now) > 0.0 && left.reads.refill(now) >= 1.0;
            if fits {
                left.reads.units -= 1.0;
            }
            fits
        });
        if fits { Ok(()) } else { Err(rate_exceeded(shard, &named.key)) }
    }

    pub(crate) fn gave(&self, cx: &Ctx, named: &Named, shard: u32, bytes: usize) {
        self.with(cx, named, shard, |left, _| {
            left.read_bytes.units -= float(bytes);
            true
        });
    }

    /// Forgets a stream that is gone.
    pub(crate) fn forget(&self, stream: Id) {
        self.left.lock().expect("no panic while held").retain(|(id, _), _| *id != stream);
    }

    fn with(
        &self,
        cx: &Ctx,
        named: &Named,
        shard: u32,
        draw: impl FnOnce(&mut Shard, Duration) -> bool,
    ) -> bool {
        if !self.enforced || named.stream.is_on_demand() {
            return true;
        }
        let now = cx.env.monotonic();
        let mut all = self.left.lock().expect("no panic while held");
        let left = all.entry((named.stream.id, shard)).or_insert_with(|| Shard {
            written_bytes: Left::new(WRITE_BYTES, now),
            written_records: Left::new(WRITE_RECORDS, now),
            read_bytes: Left::new(READ_BYTES, now),
            reads: Left::new(READS, now),
        });
        draw(left, now)
    }
}
