//! How long to wait before something is tried again.

use std::time::Duration;

use env::Env;

use crate::stop::Stop;

const FIRST: Duration = Duration::from_millis(100);
/// AWS does not say how long pollers wait between tries; a minute is the longest that has been seen.
const LONGEST: Duration = Duration::from_secs(60);

/// Waits that double.
pub(crate) struct Pause(Duration);

impl Default for Pause {
    fn default() -> Self {
        Self(FIRST)
    }
}

impl Pause {
    /// Waits, or returns early when the end is asked for.
    pub(crate) async fn wait(&mut self, env: &Env, stop: &Stop) {
        let pause = self.0;
        self.0 = (pause * 2).min(LONGEST);
        tokio::select! {
            () = env.sleep(pause) => {}
            () = stop.requested() => {}
        }
    }
}

/// Sleeps so long, or for ever.
pub(crate) async fn sleep(env: &Env, duration: Option<Duration>) {
    match duration {
        Some(duration) => env.sleep(duration).await,
        None => std::future::pending().await,
    }
}
