//! Waking all who wait, in the order in which they came to wait.
//!
//! Tokio's `watch` wakes in an order that it draws, and nobody but this crate draws: a seed would not repeat its run.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// Something that happens again and again.
#[derive(Debug, Default)]
pub struct Signal(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// How often it happened.
    count: AtomicU64,
    waiting: Notify,
}

/// Somebody who wants to hear of it.
#[derive(Debug)]
pub struct Listener {
    signal: Arc<Inner>,
    heard: u64,
}

impl Signal {
    /// It happened.
    pub fn raise(&self) {
        self.0.count.fetch_add(1, Ordering::SeqCst);
        self.0.waiting.notify_waiters();
    }

    /// Hears of it from now on.
    pub fn listen(&self) -> Listener {
        Listener { signal: Arc::clone(&self.0), heard: self.0.count.load(Ordering::SeqCst) }
    }

    pub fn listeners(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }
}

impl Listener {
    /// Whether it happened since it was last heard of.
    pub fn has_changed(&self) -> bool {
        self.signal.count.load(Ordering::SeqCst) != self.heard
    }

    /// Resolves when it happened since this was made or since this last resolved. Dropping the future loses nothing.
    pub async fn changed(&mut self) {
        loop {
            // Made before the look, so that what happens between the two wakes it.
            let notified = self.signal.waiting.notified();
            let count = self.signal.count.load(Ordering::SeqCst);
            if count != self.heard {
                self.heard = count;
                return;
            }
            notified.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_listens_hears_once_of_what_happened_since() {
        let signal = Signal::default();
        signal.raise();
        let mut listener = signal.listen();
        assert!(!listener.has_changed());
        signal.raise();
        signal.raise();
        assert!(listener.has_changed());
        listener.changed().await;
        assert!(!listener.has_changed());
        assert_eq!(signal.listeners(), 1);
    }

    #[tokio::test]
    async fn all_wake_in_the_order_in_which_they_wait() {
        let (signal, heard) = (Signal::default(), Arc::new(std::sync::Mutex::new(Vec::new())));
        let waiting = (0..20).map(|number| {
            let (mut listener, heard) = (signal.listen(), Arc::clone(&heard));
            tokio::spawn(async move {
                listener.changed().await;
                heard.lock().expect("no panic while held").push(number);
            })
        });
        let waiting = waiting.collect::<Vec<_>>();
        tokio::task::yield_now().await;
        signal.raise();
        for task in waiting {
            task.await.expect("it does not panic");
        }
        assert!(heard.lock().expect("no panic while held").is_sorted());
    }
}
