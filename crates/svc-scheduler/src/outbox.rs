//! Invocations that were fired and not yet delivered: stored with the firing, so that a crash loses none of them.
//!
//! Rows are worked on in the order of the moment at which they are due. What fails comes again; what can't be delivered
//! goes to the target's dead letters, again a row until they have it.

use std::time::Duration;

use aws_wire::{AwsError, Result};
use serde::{Deserialize, Serialize};
use service::{Outbox, RowKey};

use crate::keys::{OUTBOX, ScheduleKey};
use crate::send::{self, Failure};
use crate::target::Target;
use crate::{Ctx, Scheduler};

/// Rows worked on at once.
const AT_ONCE: usize = 64;
/// Between tries: doubling, and at most this long. So 185 tries take most of a day.
const PAUSE_S_MAX: u64 = 600;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Parcel {
    pub schedule: ScheduleKey,
    /// As it was when the schedule was due.
    pub target: Target,
    /// The moment that it was scheduled for, in seconds.
    pub at: i64,
    pub execution: String,
    /// In microseconds; what its age counts from.
    pub fired_us: i64,
    /// How often it was tried in vain; once it is dead, to bury it.
    #[serde(default)]
    pub tries: u32,
    /// It can't be delivered: it is on its way to the dead letters.
    #[serde(default)]
    pub dead: Option<Dead>,
}

/// Why an invocation could not be delivered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Dead {
    pub code: String,
    pub message: String,
    /// Which bound ended the tries; `None` when there were none because trying again would not help.
    pub exhausted: Option<String>,
    pub retries: u32,
    pub queue: String,
    /// In microseconds.
    pub since_us: i64,
}

/// Delivers until the platform stops.
pub(crate) async fn run(cx: Ctx) {
    let outbox = Outbox {
        what: "deliver invocations of schedules",
        table: &OUTBOX,
        at_once: AT_ONCE,
        agenda: |state: &Scheduler| &state.agenda,
        lane: |_, _| None,
    };
    outbox.run(cx, one).await;
}

/// Delivers one row, and stores what is left of it.
async fn one(cx: Ctx, key: RowKey, parcel: Parcel) -> Result<()> {
    let again = match &parcel.dead {
        Some(dead) => bury(&cx, &parcel, dead).await,
        None => deliver(&cx, &parcel).await,
    };
    cx.kv
        .transact(|tx| {
            OUTBOX.delete(tx, &key)?;
            if let Some((at, parcel)) = &again {
                OUTBOX.put(tx, &(*at, key.1), parcel)?;
            }
            Ok::<_, AwsError>(())
        })
        .await?;
    again.into_iter().for_each(|(at, _)| cx.state.agenda.added(at));
    Ok(())
}

/// The row that follows, and when.
type Again = Option<(i64, Parcel)>;

async fn deliver(cx: &Ctx, parcel: &Parcel) -> Again {
    let failure = send::send(cx, parcel).await.err()?;
    let now = cx.env.now();
    let at = now.after(pause(cx, parcel.tries)).as_micros();
    let Some(exhausted) = ended(parcel, &failure, at) else {
        return Some((at, Parcel { tries: parcel.tries + 1, ..parcel.clone() }));
    };
    let schedule = &parcel.schedule.3;
    tracing::warn!(
        target = parcel.target.arn,
        schedule,
        failure.message,
        "a schedule's target can't be invoked"
    );
    let dead = Dead {
        code: failure.code.to_owned(),
        message: failure.message,
        exhausted: exhausted.map(str::to_owned),
        retries: parcel.tries,
        queue: parcel.target.dead_letters.clone()?,
        since_us: now.as_micros(),
    };
    Some((now.as_micros(), Parcel { tries: 0, dead: Some(dead), ..parcel.clone() }))
}

/// Whether the tries have an end here, and if so by which bound, if by any.
fn ended(parcel: &Parcel, failure: &Failure, next: i64) -> Option<Option<&'static str>> {
    if !failure.is_worth_another_try {
        return Some(None);
    }
    if parcel.tries >= parcel.target.attempts_max() {
        return Some(Some("MaximumRetryAttempts"));
    }
    let age_s = (next - parcel.fired_us) / 1_000_000;
    (age_s > parcel.target.age_s_max()).then_some(Some("MaximumEventAgeInSeconds"))
}

/// Sends what could not be delivered to its dead letters; they too are tried for a day.
async fn bury(cx: &Ctx, parcel: &Parcel, dead: &Dead) -> Again {
    let failure = send::bury(cx, parcel, dead).await.err()?;
    let at = cx.env.now().after(pause(cx, parcel.tries)).as_micros();
    let age_s = (at - dead.since_us) / 1_000_000;
    if failure.is_worth_another_try && age_s <= Target::default().age_s_max() {
        return Some((at, Parcel { tries: parcel.tries + 1, ..parcel.clone() }));
    }
    tracing::warn!(queue = dead.queue, failure.message, "dead letters did not take an invocation");
    None
}

/// Doubles from a second on; of it a random half, so that those who failed together spread.
fn pause(cx: &Ctx, tries: u32) -> Duration {
    let most = Duration::from_secs(PAUSE_S_MAX.min(1 << tries.min(10)));
    let random = f64::from(crate::schedules::draw(cx)) / f64::from(u32::MAX);
    most.mul_f64(0.5 + 0.5 * random)
}
