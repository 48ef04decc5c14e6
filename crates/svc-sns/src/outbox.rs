//! What is published and not yet delivered: stored with the publishing, so that a crash loses none of it.
//!
//! A row is one message with the subscriptions it is still for. They are delivered in the order of the moment at which
//! they are due; what fails comes later again, what can't ever be delivered goes to its subscription's dead letters.

use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;
use std::time::Duration;

use aws_wire::{AwsError, Result};
use bytes::Bytes;
use kv::{Direction, Span};
use serde::{Deserialize, Serialize};
use service::{Attribute, Caller, Delivery, InOrder, Outbox, RowKey, Sender, TargetArn, Undelivered};

use crate::dead_letter::{Dead, bury};
use crate::envelope::{self, Sender as From};
use crate::keys::{DUPLICATES, LAPSES, OUTBOX, SUBSCRIPTIONS};
use crate::message::Message;
use crate::signing::{Seal, SignatureVersion};
use crate::subscription;
use crate::{Ctx, Sns};

/// Rows worked on at once.
const AT_ONCE: usize = 64;
/// Until dead letters whose queue does not take them are tried again.
const BURY_AGAIN: Duration = Duration::from_secs(20);
/// How long a FIFO topic's deduplication ids and subscriptions that nobody confirmed stay after they mean nothing.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// Rows read at once when the process begins.
const PAGE: usize = 1000;
/// After a failure of the store.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Parcel {
    pub topic_arn: String,
    /// `host:port` by which the publisher reached the platform.
    pub host: String,
    pub message: Message,
    pub recipients: Vec<Recipient>,
    #[serde(default)]
    pub signature_version: SignatureVersion,
    /// How often it was tried.
    #[serde(default)]
    pub tries: u32,
    /// Whether it stands later than when it was published.
    #[serde(default)]
    pub put_back: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Recipient {
    pub subscription_arn: String,
    /// `sqs` or `lambda`.
    pub protocol: String,
    pub endpoint: String,
    #[serde(default)]
    pub raw: bool,
    /// The queue for what could not be delivered.
    #[serde(default)]
    pub dead_letters: Option<String>,
}

/// What of FIFO topics was put back, by subscription: whatever was published later waits until it is delivered.
#[derive(Default)]
pub(crate) struct Holds(Mutex<HashMap<String, Waiting>>);

struct Waiting {
    /// The sequence numbers of those that were put back, as many as the store has rows of them.
    sequences: BTreeSet<u64>,
    /// Where the last of them stands.
    last: i64,
}

impl Holds {
    fn holds(&self) -> std::sync::MutexGuard<'_, HashMap<String, Waiting>> {
        self.0.lock().expect("no panic while held")
    }

    /// Where a message has to wait behind earlier ones of the same subscription; `None` when it is its turn.
    fn wait_behind(&self, subscription: &str, sequence: u64) -> Option<i64> {
        let mut holds = self.holds();
        let waiting = holds.get_mut(subscription)?;
        // Not only the first of all has to be waited for: when it is delivered, the second may still stand behind what
        // was published long after it.
        waiting.sequences.first().filter(|first| **first < sequence)?;
        waiting.last += 1;
        Some(waiting.last)
    }

    /// A message is put back to `at`.
    fn hold(&self, subscription: &str, sequence: u64, at: i64) {
        let mut holds = self.holds();
        let new = || Waiting { sequences: BTreeSet::new(), last: at };
        let waiting = holds.entry(subscription.to_owned()).or_insert_with(new);
        waiting.sequences.insert(sequence);
        waiting.last = waiting.last.max(at);
    }

    /// A message is delivered, or given up.
    fn release(&self, subscription: &str, sequence: u64) {
        let mut holds = self.holds();
        let Some(waiting) = holds.get_mut(subscription) else { return };
        waiting.sequences.remove(&sequence);
        if waiting.sequences.is_empty() {
            holds.remove(subscription);
        }
    }
}

/// When to try again after so many tries: at once, then within seconds, then every twenty; for 23 days, as AWS does
/// for queues and functions.
fn pause(tries: u32) -> Option<Duration> {
    match tries {
        0..=3 => Some(Duration::ZERO),
        4..=5 => Some(Duration::from_secs(1)),
        6..=15 => Some(Duration::from_secs(u64::from(tries - 5) * 2)),
        16..=100_015 => Some(Duration::from_secs(20)),
        _ => None,
    }
}

/// Delivers until the platform stops. A FIFO topic's messages go one after the other, all others side by side.
pub(crate) async fn run(cx: Ctx) {
    while let Err(error) = find_holds(&cx).await {
        tracing::error!(%error, cause = ?error.cause, "find what waits for its turn");
        cx.env.sleep(PAUSE).await;
    }
    let outbox = Outbox {
        what: "deliver notifications",
        table: &OUTBOX,
        at_once: AT_ONCE,
        agenda: |state: &Sns| &state.agenda,
        lane: |_, parcel: &Parcel| parcel.message.sequence.as_ref().map(|_| parcel.topic_arn.clone()),
    };
    outbox.run(cx, deliver_row).await;
}

/// Finds what of FIFO topics was put back before this process began: what was published later has to wait behind it.
async fn find_holds(cx: &Ctx) -> Result<()> {
    let (snapshot, mut span) = (cx.kv.snapshot().await?, Span::all());
    loop {
        let rows = OUTBOX.scan(&snapshot, &span, PAGE, Direction::Forward)?;
        let Some((last, _)) = rows.last() else { return Ok(()) };
        span = span.after(last);
        for ((at, _), parcel) in rows.iter().filter(|(_, parcel)| parcel.put_back) {
            let Some(sequence) = parcel.message.sequence else { continue };
            for recipient in &parcel.recipients {
                cx.state.holds.hold(&recipient.subscription_arn, sequence, *at);
            }
        }
    }
}

/// Forgets what means nothing any more, until the platform stops.
pub(crate) async fn run_sweep(cx: Ctx) {
    loop {
        cx.env.sleep(SWEEP_EVERY).await;
        if let Err(error) = sweep(&cx).await {
            tracing::error!(%error, cause = ?error.cause, "sweep what means nothing any more");
        }
    }
}

/// Delivers one row. On a FIFO topic what has to wait holds back what is behind it.
async fn deliver_row(cx: Ctx, key: RowKey, mut parcel: Parcel) -> Result<()> {
    let holds = &cx.state.holds;
    let sequence = parcel.message.sequence;
    let release = |subscription: &str| sequence.map(|sequence| holds.release(subscription, sequence));
    let (mut left, mut again_at, mut failed) = (Vec::new(), i64::MIN, false);
    let mut seals = Seals::default();
    for recipient in std::mem::take(&mut parcel.recipients) {
        let subscription = recipient.subscription_arn.as_str();
        if let Some(behind) = sequence.and_then(|sequence| holds.wait_behind(subscription, sequence)) {
            again_at = again_at.max(behind);
            left.push(recipient);
            continue;
        }
        let Err(error) = send(&cx, &parcel, &recipient, &mut seals).await else {
            release(subscription);
            continue;
        };
        let Some(pause) = pause(parcel.tries + 1).filter(|_| error.is_worth_another_try()) else {
            if bury(&cx, &Dead::of(&parcel, &recipient), kind(&error), &error.to_string()).await {
                release(subscription);
                continue;
            }
            again_at = again_at.max(cx.env.now().after(BURY_AGAIN).as_micros());
            left.push(recipient);
            continue;
        };
        failed = true;
        again_at = again_at.max(cx.env.now().after(pause).as_micros());
        left.push(recipient);
    }
    parcel.recipients = left;
    parcel.tries += u32::from(failed);
    parcel.put_back = true;
    let stored = cx
        .kv
        .transact(|tx| {
            OUTBOX.delete(tx, &key)?;
            if !parcel.recipients.is_empty() {
                OUTBOX.put(tx, &(again_at, key.1), &parcel)?;
            }
            Ok::<_, AwsError>(())
        })
        .await;
    // Also after a failure: the store may have moved it all the same.
    if !parcel.recipients.is_empty() {
        if let Some(sequence) = sequence {
            let waiting = parcel.recipients.iter();
            waiting.for_each(|recipient| holds.hold(&recipient.subscription_arn, sequence, again_at));
        }
        cx.state.agenda.added(again_at);
    }
    stored
}

/// A message's signatures, each made when it is first wanted: a body of a protocol's own has another.
#[derive(Default)]
struct Seals(HashMap<String, Seal>);

impl Seals {
    async fn of(&mut self, cx: &Ctx, parcel: &Parcel, protocol: &str) -> Result<&Seal> {
        let body = if parcel.message.bodies.contains_key(protocol) { protocol } else { "default" };
        if !self.0.contains_key(body) {
            let text = envelope::text_to_sign(&parcel.message, protocol, &parcel.topic_arn);
            let seal = cx.state.signer.sign(cx, parcel.signature_version, text).await?;
            self.0.insert(body.to_owned(), seal);
        }
        Ok(&self.0[body])
    }
}

async fn send(
    cx: &Ctx,
    parcel: &Parcel,
    recipient: &Recipient,
    seals: &mut Seals,
) -> Result<(), Undelivered> {
    let invalid = || Undelivered::Invalid(recipient.endpoint.clone());
    let target = TargetArn::parse(&recipient.endpoint).ok_or_else(invalid)?;
    let (message, protocol) = (&parcel.message, recipient.protocol.as_str());
    let from = From {
        topic_arn: &parcel.topic_arn,
        subscription_arn: &recipient.subscription_arn,
        host: &parcel.host,
    };
    let payload = if recipient.raw {
        envelope::raw(message, protocol).to_owned()
    } else {
        let seal = seals.of(cx, parcel, protocol).await;
        let seal = seal.map_err(|error| Undelivered::Failed(format!("sign it: {error}")))?;
        match protocol {
            "lambda" => envelope::of_function(message, &from, seal),
            _ => envelope::of_text(message, protocol, &from, seal),
        }
    };
    let attributes = message.attributes.iter().filter(|_| recipient.raw).map(|(name, attribute)| {
        let data_type = attribute.data_type.clone().into();
        (name.clone(), Attribute { data_type, value: attribute.value.clone() })
    });
    cx.deliver(Delivery {
        target,
        payload: Bytes::from(payload),
        sender: sender(&parcel.topic_arn),
        attributes: attributes.collect(),
        in_order: in_order(message),
        bus: None,
        object_key: None,
        trace: None,
    })
    .await
}

pub(crate) fn sender(topic_arn: &str) -> Sender {
    Sender {
        service: "sns.amazonaws.com".to_owned(),
        source_arn: topic_arn.to_owned(),
        source_account: topic_arn.split(':').nth(4).unwrap_or_default().to_owned(),
        role: None,
    }
}

pub(crate) fn in_order(message: &Message) -> Option<InOrder> {
    let (group, deduplication) = (message.group.clone(), message.deduplication.clone());
    group.map(|group| InOrder { group, deduplication: deduplication.unwrap_or_else(|| message.id.clone()) })
}

fn kind(error: &Undelivered) -> &'static str {
    match error {
        Undelivered::Denied(_) => "AccessDenied",
        Undelivered::NotFound(_) => "NotFound",
        Undelivered::TooLarge { .. } => "InvalidParameterValue",
        Undelivered::Invalid(_) | Undelivered::NotServed { .. } => "InvalidParameter",
        Undelivered::Throttled => "Throttling",
        Undelivered::Failed(_) => "ServiceUnavailable",
    }
}

/// The surroundings of a delivery for an account of its own.
pub(crate) fn as_account(cx: &Ctx, account: &str, region: &str) -> Ctx {
    cx.as_caller(Caller::root(account, region))
}

/// Forgets deduplication ids whose five minutes are over, and subscriptions that nobody confirmed in time.
async fn sweep(cx: &Ctx) -> Result<()> {
    let now = cx.env.now().as_micros();
    let rows = DUPLICATES.all(&cx.kv.snapshot().await?, &Span::all())?;
    for chunk in rows.chunks(500) {
        cx.kv
            .transact(|tx| {
                for (key, _) in chunk.iter().filter(|(_, published)| published.until <= now) {
                    if DUPLICATES.get(tx, key)?.is_some_and(|published| published.until <= now) {
                        DUPLICATES.delete(tx, key)?;
                    }
                }
                Ok::<_, AwsError>(())
            })
            .await?;
    }
    let due = Span::all().before(&(now, ""));
    let lapsed = LAPSES.scan(&cx.kv.snapshot().await?, &due, 500, Direction::Forward)?;
    for (row, ()) in lapsed {
        cx.kv
            .transact(|tx| {
                LAPSES.delete(tx, &row)?;
                let Some(key) = subscription::key_of_arn(&row.1) else { return Ok(()) };
                // Asked again or confirmed meanwhile, it lapses later or never.
                match SUBSCRIPTIONS.get(tx, &key)? {
                    Some(known) if known.lapses_by(now) => Ok(SUBSCRIPTIONS.delete(tx, &key)?),
                    _ => Ok::<_, AwsError>(()),
                }
            })
            .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_back_is_waited_for_until_the_last_of_it_is_delivered() {
        let holds = Holds::default();
        assert_eq!(holds.wait_behind("s", 1), None);
        holds.hold("s", 1, 100);
        assert_eq!(holds.wait_behind("other", 2), None);
        assert_eq!(holds.wait_behind("s", 2), Some(101));
        holds.hold("s", 2, 101);
        assert_eq!(holds.wait_behind("s", 1), None, "it is the first's turn");
        holds.release("s", 1);
        assert_eq!(holds.wait_behind("s", 3), Some(102), "published while the second still waits");
        holds.hold("s", 3, 102);
        assert_eq!(holds.wait_behind("s", 2), None);
        holds.release("s", 2);
        assert_eq!(holds.wait_behind("s", 3), None);
        holds.release("s", 3);
        assert_eq!(holds.wait_behind("s", 4), None);
        assert!(holds.holds().is_empty(), "nothing is left behind");
    }
}
