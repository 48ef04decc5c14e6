//! Tumbling windows: the function's own state goes from one batch to the next, until its time is over.

use std::time::Duration;

use env::Timestamp;
use serde_json::{Value as Json, json};

use crate::batch;
use crate::keys::Window;
use crate::lane::{Lane, Shared, Waited};

/// A larger state ends its window early.
const STATE_BYTES_MAX: usize = 1024 * 1024;
const NO_STATE: &str = "{}";

/// What an event has beside its records.
pub(crate) enum Frame {
    None,
    Window {
        window: Window,
        length_s: i64,
        /// Whether it is the window's last event.
        last: bool,
        early: bool,
    },
}

impl Frame {
    /// What the event has beside its records, a comma before each member.
    pub(crate) fn beside(&self, shared: &Shared) -> Option<String> {
        let Self::Window { window, length_s, last, early } = self else { return None };
        let time = |at_s| aws_wire::timestamp::iso8601(Timestamp::from_secs(at_s));
        let beside = json!({
            "window": { "start": time(window.start_s), "end": time(window.start_s + length_s) },
            "shardId": shared.shard,
            "eventSourceARN": shared.stream.arn(),
            "isFinalInvokeForWindow": last,
            "isWindowTerminatedEarly": early,
        });
        let beside = beside.to_string();
        Some(format!(",\"state\":{},{}", window.state, &beside[1..beside.len() - 1]))
    }

    /// Takes the state from an answer. Without one the answer counts as a failure, as on AWS.
    pub(crate) fn take_state(&mut self, answer: &[u8]) -> bool {
        let Self::Window { window, last, .. } = self else { return true };
        if *last {
            return true;
        }
        let answer = serde_json::from_slice::<Json>(answer).unwrap_or_default();
        match answer.get("state").filter(|state| state.is_object()) {
            Some(state) => {
                window.state = state.to_string();
                true
            }
            None => false,
        }
    }

    /// What of it is kept with the checkpoint.
    pub(crate) fn kept(&self) -> Option<Window> {
        match self {
            Self::Window { window, last: false, .. } => Some(window.clone()),
            Self::Window { .. } | Self::None => None,
        }
    }
}

/// A lane whose batches belong to windows. Whether everything was handled.
pub(crate) async fn run(mut lane: Lane, length_s: i64) -> bool {
    let mut open = lane.shared.keeper.window().await;
    loop {
        let due = open.as_ref().map(|window| until(&lane.shared, window.start_s + length_s));
        match lane.wait(due).await {
            Waited::Stopped => return false,
            Waited::TimeOver => {
                if !close(&lane.shared, open.take(), length_s, false).await {
                    return false;
                }
                continue;
            }
            Waited::Ended => return close(&lane.shared, open.take(), length_s, false).await,
            Waited::Records => {}
        }
        let start_of = |arrived: Timestamp| arrived.as_secs().div_euclid(length_s) * length_s;
        let Some(start_s) = lane.first().map(|record| start_of(record.arrived)) else { continue };
        if open.as_ref().is_some_and(|window| window.start_s != start_s)
            && !close(&lane.shared, open.take(), length_s, false).await
        {
            return false;
        }
        let window = open.take().unwrap_or_else(|| Window { start_s, state: NO_STATE.to_owned() });
        let batch = lane.gather(window.state.len(), |record| start_of(record.arrived) == start_s).await;
        let mut frame = Frame::Window { window, length_s, last: false, early: false };
        if !batch::handle(&lane.shared, batch, &mut frame).await {
            return false;
        }
        open = frame.kept();
        if open.as_ref().is_some_and(|window| window.state.len() > STATE_BYTES_MAX)
            && !close(&lane.shared, open.take(), length_s, true).await
        {
            return false;
        }
    }
}

/// The moment on the clock that never goes back.
fn until(shared: &Shared, at_s: i64) -> Duration {
    let env = &shared.polled.cx.env;
    let left_ms = at_s * 1000 - env.now().as_millis();
    env.monotonic() + Duration::from_millis(u64::try_from(left_ms).unwrap_or(0))
}

/// The window's last event, which has its state and no records.
async fn close(shared: &Shared, window: Option<Window>, length_s: i64, early: bool) -> bool {
    let Some(window) = window else { return true };
    let window = Window { state: if early { NO_STATE.to_owned() } else { window.state }, ..window };
    let mut frame = Frame::Window { window, length_s, last: true, early };
    batch::handle(shared, Vec::new(), &mut frame).await
}
