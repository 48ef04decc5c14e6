//! Events that were taken and not yet delivered: stored with the taking, so that a crash loses none of them.
//!
//! A row is one event with the targets that it is still for. Rows are worked on in the order of the moment at which they
//! are due. What fails comes again, each target in a row of its own; what can't be delivered goes to the target's
//! dead letters, again a row until they have it. Where the rows begin is known in memory, so that nothing walks over
//! what was deleted.

use std::time::Duration;

use aws_wire::{AwsError, Result};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use service::{Outbox, RowKey};

use crate::keys::{BusKey, OUTBOX};
use crate::send::{self, Failure};
use crate::target::Target;
use crate::{Ctx, Events};

/// Rows worked on at once.
const AT_ONCE: usize = 64;
/// Between tries: doubling, and at most this long. So 185 tries take most of a day.
const PAUSE_S_MAX: u64 = 600;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Parcel {
    pub bus: BusKey,
    pub event: Box<RawValue>,
    /// In microseconds; what its age counts from.
    pub received_us: i64,
    pub recipients: Vec<Recipient>,
    #[serde(default)]
    pub trace: Option<String>,
    #[serde(default)]
    pub hops: u8,
    /// How often it was tried in vain; once it is dead, to bury it.
    #[serde(default)]
    pub tries: u32,
    /// It can't be delivered: it is on its way to the dead letters of its one target.
    #[serde(default)]
    pub dead: Option<Dead>,
}

/// Told by its names: the target as it is then is sent to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Recipient {
    pub rule: String,
    pub target: String,
}

/// Why an event could not be delivered.
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
        what: "deliver events",
        table: &OUTBOX,
        at_once: AT_ONCE,
        agenda: |state: &Events| &state.agenda,
        lane: |_, _| None,
    };
    outbox.run(cx, one).await;
}

/// Delivers one row, and stores what is left of it.
async fn one(cx: Ctx, key: RowKey, parcel: Parcel) -> Result<()> {
    let mut left = Vec::new();
    for recipient in &parcel.recipients {
        let again = match &parcel.dead {
            Some(dead) => bury(&cx, &parcel, recipient, dead).await?,
            None => deliver(&cx, &parcel, recipient).await?,
        };
        left.extend(again.map(|(at, parcel)| ((at, cx.env.uuid().into_bytes()), parcel)));
    }
    cx.kv
        .transact(|tx| {
            OUTBOX.delete(tx, &key)?;
            left.iter().try_for_each(|(key, parcel)| OUTBOX.put(tx, key, parcel))?;
            Ok::<_, AwsError>(())
        })
        .await?;
    if let Some(first) = left.iter().map(|((at, _), _)| *at).min() {
        cx.state.agenda.added(first);
    }
    Ok(())
}

/// One target's row that follows, and when.
type Again = Option<(i64, Parcel)>;

async fn deliver(cx: &Ctx, parcel: &Parcel, recipient: &Recipient) -> Result<Again> {
    // A target that was removed meanwhile is sent nothing any more.
    let Some((rule, target)) = send::find(cx, &parcel.bus, recipient).await? else { return Ok(None) };
    let Err(failure) = send::send(cx, parcel, recipient, &rule, &target).await else { return Ok(None) };
    let now = cx.env.now();
    let usual = now.after(pause(cx, parcel.tries)).as_micros();
    let at = match failure.not_before_us {
        Some(at) if failure.is_no_try => at,
        wanted => usual.max(wanted.unwrap_or(0)),
    };
    let rest = |tries, dead| Parcel { recipients: vec![recipient.clone()], tries, dead, ..parcel.clone() };
    let Some(exhausted) = ended(parcel, &target, &failure, at) else {
        return Ok(Some((at, rest(parcel.tries + u32::from(!failure.is_no_try), None))));
    };
    tracing::warn!(
        target = target.arn,
        rule = recipient.rule,
        failure.message,
        "an event can't be delivered"
    );
    let Some(queue) = target.dead_letters else { return Ok(None) };
    let dead = Dead {
        code: failure.code.to_owned(),
        message: failure.message,
        exhausted: exhausted.map(str::to_owned),
        retries: parcel.tries,
        queue,
        since_us: now.as_micros(),
    };
    Ok(Some((now.as_micros(), rest(0, Some(dead)))))
}

/// Whether the tries have an end here, and if so by which bound, if by any.
fn ended(parcel: &Parcel, target: &Target, failure: &Failure, next: i64) -> Option<Option<&'static str>> {
    if !failure.is_worth_another_try {
        return Some(None);
    }
    if parcel.tries >= target.attempts_max() && !failure.is_no_try {
        return Some(Some("MaximumRetryAttempts"));
    }
    let age_s = (next - parcel.received_us) / 1_000_000;
    (age_s > target.age_s_max()).then_some(Some("MaximumEventAgeInSeconds"))
}

/// Sends what could not be delivered to its dead letters; they too are tried for a day.
async fn bury(cx: &Ctx, parcel: &Parcel, recipient: &Recipient, dead: &Dead) -> Result<Again> {
    let Err(failure) = send::bury(cx, parcel, recipient, dead).await else { return Ok(None) };
    let at = cx.env.now().after(pause(cx, parcel.tries)).as_micros();
    let age_s = (at - dead.since_us) / 1_000_000;
    if failure.is_worth_another_try && age_s <= Target::default().age_s_max() {
        return Ok(Some((at, Parcel { tries: parcel.tries + 1, ..parcel.clone() })));
    }
    tracing::warn!(
        queue = dead.queue,
        rule = recipient.rule,
        failure.message,
        "dead letters did not take an event"
    );
    Ok(None)
}

/// Doubles from a second on; of it a random half, so that those who failed together spread.
fn pause(cx: &Ctx, tries: u32) -> Duration {
    let most = Duration::from_secs(PAUSE_S_MAX.min(1 << tries.min(10)));
    let mut random = [0; 4];
    cx.env.fill(&mut random);
    most.mul_f64(0.5 + 0.5 * f64::from(u32::from_le_bytes(random)) / f64::from(u32::MAX))
}
