//! The wish that a poller ends when its batches under way are done.

use tokio::sync::watch;

/// Whoever may ask for the end.
pub(crate) struct Handle(watch::Sender<bool>);

/// Whoever is to end. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Stop(watch::Receiver<bool>);

pub(crate) fn stop() -> (Handle, Stop) {
    let (sender, receiver) = watch::channel(false);
    (Handle(sender), Stop(receiver))
}

impl Handle {
    pub(crate) fn request(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    pub(crate) fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Resolves when the end is asked for.
    pub(crate) async fn requested(&self) {
        let mut asked = self.0.clone();
        // The handle is dropped only with the poller itself.
        let _ = asked.wait_for(|asked| *asked).await;
    }
}
