//! Time and randomness. Nobody else reads the clock or draws entropy, so a test can drive both.

#![expect(clippy::disallowed_methods, reason = "this crate is the one place that reads the clock")]

mod clock;
mod entropy;
mod signal;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

pub use clock::{ManualClock, Timestamp};
pub use entropy::Seeded;
pub use signal::{Listener, Signal};
pub use uuid::Uuid;

/// A future that a clock hands out; resolves when the wanted time has come.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where time comes from.
pub trait Clock: Send + Sync {
    /// Wall-clock time, for records and for AWS's timestamps.
    fn now(&self) -> Timestamp;
    /// Time since some fixed point that never goes back, for measuring durations.
    fn monotonic(&self) -> Duration;
    /// Resolves once `monotonic()` has advanced by `duration`.
    fn sleep(&self, duration: Duration) -> Sleep;
}

/// Where randomness comes from.
pub trait Entropy: Send + Sync {
    /// Fills `buffer` with random bytes.
    fn fill(&self, buffer: &mut [u8]);
}

/// The clock and the entropy that a part of the platform runs on. Cheap to clone.
#[derive(Clone)]
pub struct Env {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Env {
    /// The machine's clock and the kernel's randomness.
    pub fn system() -> Self {
        Self { clock: Arc::new(clock::SystemClock::start()), entropy: Arc::new(entropy::Kernel) }
    }

    /// A clock that moves only when told to, and randomness that repeats for the same `seed`.
    pub fn manual(clock: Arc<ManualClock>, seed: u64) -> Self {
        Self { clock, entropy: Arc::new(Seeded::new(seed)) }
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }

    pub fn sleep(&self, duration: Duration) -> Sleep {
        self.clock.sleep(duration)
    }

    pub fn fill(&self, buffer: &mut [u8]) {
        self.entropy.fill(buffer);
    }

    /// A random (version 4) UUID.
    pub fn uuid(&self) -> Uuid {
        let mut bytes = [0; 16];
        self.fill(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }
}
