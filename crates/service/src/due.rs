//! What is due by the clock, from an index whose keys begin with the moment. Between two moments nothing is looked at.

use std::future::Future;

use aws_wire::Result;
use bytes::Bytes;
use env::Timestamp;

use crate::Ctx;
use crate::agenda::{AFTER_A_FAILURE, LOOK_EVERY};

/// Moments this long before the last look are not looked at again: what is made while another is fired is due later
/// than it was made, or at that moment.
const SLACK_US: i64 = 5 * 60 * 1_000_000;

/// Fires until the platform stops. `index` is the prefix of the index's rows; `fire_due`, given from which moment on to
/// look and the moment it is, in microseconds, fires what is due and gives when the next is. `what` is for the log.
pub async fn fire_when_due<S, F>(
    cx: Ctx<S>,
    what: &'static str,
    index: Bytes,
    fire_due: fn(Ctx<S>, i64, i64) -> F,
) where
    F: Future<Output = Result<Option<i64>>>,
{
    let mut watch = cx.kv.watch(index);
    let mut from = i64::MIN;
    loop {
        let now = cx.env.now().as_micros();
        let wait = match fire_due(cx.clone(), from, now).await {
            Ok(next) => {
                from = now.saturating_sub(SLACK_US);
                next.map_or(LOOK_EVERY, |next| Timestamp::from_micros(next).since(cx.env.now()))
            }
            Err(error) => {
                tracing::error!(%error, cause = ?error.cause, what);
                AFTER_A_FAILURE
            }
        };
        tokio::select! {
            biased;
            () = watch.changed() => {}
            () = cx.env.sleep(wait.min(LOOK_EVERY)) => {}
        }
    }
}
