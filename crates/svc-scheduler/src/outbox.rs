//! Invocations that were fired and not yet delivered: stored with the firing, so that a crash loses none of them.
//!
//! Rows are worked on in the order of the moment at which they are due. What fails comes again; what can't be delivered
//! goes to the target's dead letters, again a row until they have it.

use std::time::Duration;

use aws_wire::{AwsError, Result};
use kv::{Direction, Span};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::Ctx;
use crate::keys::{Id, OUTBOX, ScheduleKey};
use crate::send::{self, Failure};
use crate::target::Target;

/// Rows worked on at once.
const AT_ONCE: usize = 64;
/// The clock is looked at this often, for it may be set.
const LOOK_EVERY: Duration = Duration::from_secs(60);
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
    let mut arrivals = cx.state.agenda.arrivals();
    loop {
        let next = match deliver_due(&cx).await {
            Ok(next) => next,
            Err(error) => {
                tracing::error!(%error, cause = ?error.cause, "deliver invocations of schedules");
                cx.env.now().as_micros() + 1_000_000
            }
        };
        let wait = u64::try_from(next.saturating_sub(cx.env.now().as_micros())).unwrap_or(0);
        tokio::select! {
            _ = arrivals.changed() => {}
            () = cx.env.sleep(Duration::from_micros(wait).min(LOOK_EVERY)) => {}
        }
    }
}

/// Works on what is due; gives when to look again.
async fn deliver_due(cx: &Ctx) -> Result<i64> {
    let now = cx.env.now().as_micros();
    let span = Span::all().from(&(cx.state.agenda.begin(), [0; 16]));
    let rows = OUTBOX.scan(&cx.kv.snapshot().await?, &span, AT_ONCE, Direction::Forward)?;
    let next = rows.iter().map(|((at, _), _)| *at).find(|at| *at > now);
    let full = rows.len() == AT_ONCE;
    let due = rows.into_iter().filter(|((at, _), _)| *at <= now).collect::<Vec<_>>();
    let last = due.last().map(|((at, _), _)| *at);
    let mut tasks = JoinSet::new();
    for (key, parcel) in due {
        let cx = cx.clone();
        tasks.spawn(async move { work(&cx, key, parcel).await });
    }
    while let Some(done) = tasks.join_next().await {
        done.map_err(AwsError::internal)??;
    }
    // What follows the last row at its very moment is not gone, so the next look begins there.
    let head = match (full, next) {
        (_, Some(next)) => next,
        (true, None) => last.unwrap_or(now),
        (false, None) => i64::MAX,
    };
    cx.state.agenda.end(head);
    Ok(if full && next.is_none() { now } else { head })
}

/// Delivers one row, and stores what is left of it.
async fn work(cx: &Ctx, key: (i64, Id), parcel: Parcel) -> Result<()> {
    let again = match &parcel.dead {
        Some(dead) => bury(cx, &parcel, dead).await,
        None => deliver(cx, &parcel).await,
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
