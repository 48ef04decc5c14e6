//! Where events wait to be stored together: whatever has come while one write was under way is the next.
//!
//! The store groups transactions into durable writes by itself; one transaction for many events also spares each of
//! them a view, a commit of its own and the hand-over to the committer's thread.

use std::sync::{Arc, Mutex, MutexGuard};

use kv::Kv;
use tokio::sync::oneshot;

use crate::asynchronous::event::Work;
use crate::asynchronous::queue::Queue;
use crate::keys::WorkKey;

/// Events in one transaction.
const BATCH_MAX: usize = 256;
/// A transaction takes no further event above this; the largest one more, all of it escaped, is still below the
/// store's bound.
const BATCH_BYTES_MAX: usize = 3 << 20;

type Stored = Result<(), kv::Error>;

/// One event that waits.
struct Waiting {
    key: WorkKey,
    work: Work,
    bytes: usize,
    reply: oneshot::Sender<Stored>,
}

#[derive(Default)]
pub(crate) struct Intake(Mutex<State>);

#[derive(Default)]
struct State {
    waiting: Vec<Waiting>,
    /// Whether somebody is storing what waits.
    is_busy: bool,
}

impl Intake {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no panic while held")
    }

    /// The next batch, oldest first; none ends the one who stores.
    fn take(&self) -> Vec<Waiting> {
        let mut state = self.state();
        let mut bytes = 0;
        let mut fits = |waiting: &Waiting| {
            let fits = bytes < BATCH_BYTES_MAX;
            bytes += waiting.bytes;
            fits
        };
        let count = state.waiting.iter().take(BATCH_MAX).take_while(|waiting| fits(waiting)).count();
        let rest = state.waiting.split_off(count);
        let batch = std::mem::replace(&mut state.waiting, rest);
        state.is_busy = !batch.is_empty();
        batch
    }
}

/// Stores an event, together with those that come at the same time; durable when this returns.
///
/// # Errors
/// Those of the store.
pub(crate) async fn store(queue: &Arc<Queue>, kv: &Kv, key: WorkKey, work: Work) -> Stored {
    let bytes = match &work {
        Work::Invoke(event) => event.payload.len(),
        Work::Deliver(parcel) => parcel.body.len(),
    };
    let (reply, stored) = oneshot::channel();
    let was_busy = {
        let mut state = queue.intake.state();
        state.waiting.push(Waiting { key, work, bytes, reply });
        std::mem::replace(&mut state.is_busy, true)
    };
    if !was_busy {
        // A task of its own: the first to come would else store for everybody who comes after.
        tokio::spawn(drain(Arc::clone(queue), kv.clone()));
    }
    stored.await.unwrap_or_else(|_| Err(kv::Error::engine("store an event", Unanswered)))
}

/// The runtime is going down.
#[derive(Debug, thiserror::Error)]
#[error("the task that stores events is gone")]
struct Unanswered;

async fn drain(queue: Arc<Queue>, kv: Kv) {
    loop {
        let batch = queue.intake.take();
        if batch.is_empty() {
            return;
        }
        let (rows, replies): (Vec<_>, Vec<_>) =
            batch.into_iter().map(|waiting| ((waiting.key, waiting.work), waiting.reply)).unzip();
        let stored = queue.put(&kv, &rows).await;
        for reply in replies {
            // Whoever asked may have gone; the event stands.
            let _ = reply.send(stored.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asynchronous::event::tests::event;

    fn waiting(bytes: usize) -> Waiting {
        let key = (String::new(), String::new(), String::new(), env::Timestamp::default(), String::new());
        Waiting { key, work: Work::Invoke(event()), bytes, reply: oneshot::channel().0 }
    }

    #[test]
    fn batches_are_bounded_and_the_last_one_ends_the_storing() {
        let check = |sizes: &[usize], expected: &[usize]| {
            let intake = Intake::default();
            intake.state().waiting = sizes.iter().map(|bytes| waiting(*bytes)).collect();
            let mut found = Vec::new();
            loop {
                let batch = intake.take();
                assert_eq!(intake.state().is_busy, !batch.is_empty());
                if batch.is_empty() {
                    break;
                }
                found.push(batch.len());
            }
            assert_eq!(found, expected, "{sizes:?}");
        };
        check(&[], &[]);
        check(&[1; 300], &[256, 44]);
        check(&[1 << 20; 5], &[3, 2]);
        check(&[2 << 20, 1 << 20, 1], &[2, 1]);
    }
}
