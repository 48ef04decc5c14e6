//! How long a process lives, counted in steps that matter: both sides of each commit.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A process' life: it ends at its last step.
pub(crate) struct Life {
    steps_left: AtomicU64,
    is_over: AtomicBool,
}

impl Life {
    pub(crate) fn of(steps: u64) -> Self {
        Self { steps_left: AtomicU64::new(steps), is_over: AtomicBool::new(false) }
    }

    /// Something is about to become durable, or just has; it does not return when the process dies here.
    pub(crate) async fn step(&self) {
        if self.is_over() || self.steps_left.load(Ordering::Relaxed) == 0 {
            self.is_over.store(true, Ordering::Relaxed);
            std::future::pending::<()>().await;
        }
        self.steps_left.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// The dead do nothing more.
    pub(crate) async fn go_on(&self) {
        if self.is_over() {
            std::future::pending::<()>().await;
        }
    }
}
