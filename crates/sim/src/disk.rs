//! The store as one process sees it: slow, sometimes failing, and gone at the process' last step.
//!
//! What the engine behind it holds is what is durable. A commit that fails may have been written or not, as the contract
//! says of engines; a process can die before its commit is written, or after it and before anybody hears of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use env::Env;
use kv::{BoxFuture, Commit, CommitError, Engine, Error, View, Watches};
use kv_mem::MemEngine;

use crate::dice::Dice;
use crate::life::Life;

/// A slow commit takes so many milliseconds at most, on each side of its being written.
const SLOW_MS_MAX: u64 = 200;

/// What can go wrong, each once in so many times; `None` for never.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Faults {
    pub slow: Option<u64>,
    pub conflict: Option<u64>,
    pub failed: Option<u64>,
}

impl Faults {
    pub(crate) const NONE: Self = Self { slow: None, conflict: None, failed: None };
}

pub(crate) struct Disk {
    pub engine: MemEngine,
    pub life: Arc<Life>,
    pub dice: Dice,
    pub env: Env,
    pub faults: Faults,
    /// While this is set nothing goes wrong.
    pub is_calm: Arc<AtomicBool>,
}

fn failure() -> Error {
    Error::engine("commit transaction", std::io::Error::other("the simulated disk fails"))
}

impl Disk {
    fn happens(&self, odds: Option<u64>) -> bool {
        let odds = odds.filter(|_| !self.is_calm.load(Ordering::Relaxed));
        odds.is_some_and(|odds| self.dice.once_in(odds))
    }

    /// Something is about to be written, or just was: the process may die here.
    pub(crate) async fn step(&self) {
        if !self.is_calm.load(Ordering::Relaxed) {
            self.life.step().await;
        }
    }

    pub(crate) async fn linger(&self) {
        if self.happens(self.faults.slow) {
            self.env.sleep(Duration::from_millis(self.dice.roll(SLOW_MS_MAX))).await;
        }
    }
}

impl Engine for Disk {
    fn view(&self) -> BoxFuture<'_, kv::Result<Arc<dyn View>>> {
        Box::pin(async move {
            self.life.go_on().await;
            let view = self.engine.view().await;
            // So that others commit between a look and what follows from it.
            for _ in 0..self.dice.roll(3) {
                tokio::task::yield_now().await;
            }
            view
        })
    }

    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<(), CommitError>> {
        Box::pin(async move {
            self.step().await;
            self.linger().await;
            if self.happens(self.faults.conflict) {
                return Err(CommitError::Conflict);
            }
            let fails = self.happens(self.faults.failed);
            if fails && self.dice.once_in(2) {
                return Err(CommitError::Failed(failure()));
            }
            self.life.go_on().await;
            let committed = self.engine.commit(commit).await;
            self.step().await;
            self.linger().await;
            if fails {
                return Err(CommitError::Failed(failure()));
            }
            committed
        })
    }

    fn watches(&self) -> &Watches {
        self.engine.watches()
    }
}
