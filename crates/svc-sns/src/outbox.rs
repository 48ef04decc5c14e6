//! What is published and not yet delivered: stored with the publishing, so that a crash loses none of it.
//!
//! A row is one message with the subscriptions it is still for. They are delivered in the order of the moment at which
//! they are due; what fails comes later again, what can't ever be delivered goes to its subscription's dead letters. As
//! in SQS's cursor, where the rows begin is known in memory, so that nothing walks over what was deleted.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::time::Duration;

use aws_wire::{AwsError, Result};
use bytes::Bytes;
use env::Signal;
use kv::{Direction, Span};
use serde::{Deserialize, Serialize};
use service::{Attribute, Caller, Delivery, InOrder, Sender, TargetArn, Undelivered};
use tokio::task::JoinSet;

use crate::Ctx;
use crate::envelope::{self, Sender as From};
use crate::keys::{DUPLICATES, Id, OUTBOX};
use crate::message::Message;

/// Rows worked on at once.
const AT_ONCE: usize = 64;
/// How long a FIFO topic's deduplication ids stay after they mean nothing; see [`sweep`].
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

/// Where the outbox begins.
pub(crate) struct Agenda {
    place: Mutex<Place>,
    holds: Mutex<HashMap<String, Hold>>,
    arrivals: Signal,
}

struct Place {
    head: i64,
    /// The earliest row added since the last look began.
    added: i64,
}

/// What a FIFO topic's subscription waits for: a message that has to be tried again before those behind it.
struct Hold {
    row: Id,
    /// Where the last of those who wait stands.
    last: i64,
}

impl Default for Agenda {
    fn default() -> Self {
        let place = Mutex::new(Place { head: i64::MIN, added: i64::MAX });
        Self { place, holds: Mutex::default(), arrivals: Signal::default() }
    }
}

impl Agenda {
    /// A row of this moment was committed.
    pub(crate) fn added(&self, at: i64) {
        let mut place = self.place.lock().expect("no panic while held");
        place.added = place.added.min(at);
        place.head = place.head.min(at);
        drop(place);
        self.arrivals.raise();
    }

    fn holds(&self) -> std::sync::MutexGuard<'_, HashMap<String, Hold>> {
        self.holds.lock().expect("no panic while held")
    }

    /// Where a row has to wait behind another of the same subscription; `None` when it need not.
    fn wait_behind(&self, subscription: &str, row: Id) -> Option<i64> {
        let mut holds = self.holds();
        let hold = holds.get_mut(subscription).filter(|hold| hold.row != row)?;
        hold.last += 1;
        Some(hold.last)
    }

    /// A row is put back to `at`; those that follow come behind it.
    fn hold(&self, subscription: &str, row: Id, at: i64) {
        let mut holds = self.holds();
        let hold = holds.entry(subscription.to_owned()).or_insert(Hold { row, last: at });
        hold.last = hold.last.max(at);
    }

    fn release(&self, subscription: &str, row: Id) {
        let mut holds = self.holds();
        if holds.get(subscription).is_some_and(|hold| hold.row == row) {
            holds.remove(subscription);
        }
    }

    fn begin(&self) -> i64 {
        let mut place = self.place.lock().expect("no panic while held");
        place.added = i64::MAX;
        place.head
    }

    /// Every row before `head` is gone, but for those added meanwhile.
    fn end(&self, head: i64) {
        let mut place = self.place.lock().expect("no panic while held");
        place.head = head.min(place.added);
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

/// Delivers until the platform stops.
pub(crate) async fn run(cx: Ctx) {
    let mut arrivals = cx.state.agenda.arrivals.listen();
    let mut swept = cx.env.monotonic();
    while let Err(error) = find_holds(&cx).await {
        tracing::error!(%error, cause = ?error.cause, "find what waits for its turn");
        cx.env.sleep(PAUSE).await;
    }
    loop {
        let next = match deliver_due(&cx).await {
            Ok(next) => next,
            Err(error) => {
                tracing::error!(%error, cause = ?error.cause, "deliver notifications");
                cx.env.now().as_micros() + 1_000_000
            }
        };
        if cx.env.monotonic().saturating_sub(swept) >= SWEEP_EVERY {
            swept = cx.env.monotonic();
            if let Err(error) = sweep(&cx).await {
                tracing::error!(%error, cause = ?error.cause, "sweep deduplication ids");
            }
        }
        let wait = u64::try_from(next.saturating_sub(cx.env.now().as_micros())).unwrap_or(0);
        let wait = Duration::from_micros(wait).min(SWEEP_EVERY);
        tokio::select! {
            biased;
            () = arrivals.changed() => {}
            () = cx.env.sleep(wait) => {}
        }
    }
}

/// Finds what of FIFO topics was put back before this process began: what was published later has to wait behind it.
async fn find_holds(cx: &Ctx) -> Result<()> {
    // By subscription: the first of those put back, by its sequence number, and where the last of them stands.
    let mut found = BTreeMap::<String, (u64, Id, i64)>::new();
    let (snapshot, mut span) = (cx.kv.snapshot().await?, Span::all());
    loop {
        let rows = OUTBOX.scan(&snapshot, &span, PAGE, Direction::Forward)?;
        let Some((last, _)) = rows.last() else { break };
        span = span.after(last);
        for ((at, id), parcel) in rows.iter().filter(|(_, parcel)| parcel.put_back) {
            let Some(sequence) = parcel.message.sequence else { continue };
            for recipient in &parcel.recipients {
                let hold = found.entry(recipient.subscription_arn.clone()).or_insert((sequence, *id, *at));
                if sequence < hold.0 {
                    (hold.0, hold.1) = (sequence, *id);
                }
                hold.2 = hold.2.max(*at);
            }
        }
    }
    for (subscription, (_, row, last)) in found {
        cx.state.agenda.hold(&subscription, row, last);
    }
    Ok(())
}

/// Works on what is due; gives when to look again.
async fn deliver_due(cx: &Ctx) -> Result<i64> {
    let now = cx.env.now().as_micros();
    let from = cx.state.agenda.begin();
    let span = Span::all().from(&(from, [0; 16]));
    let rows = OUTBOX.scan(&cx.kv.snapshot().await?, &span, AT_ONCE, Direction::Forward)?;
    let next = rows.iter().map(|((at, _), _)| *at).find(|at| *at > now);
    let full = rows.len() == AT_ONCE;
    let due = rows.into_iter().filter(|((at, _), _)| *at <= now).collect::<Vec<_>>();
    let last = due.last().map(|((at, _), _)| *at);
    let mut lanes = BTreeMap::<String, Vec<((i64, Id), Parcel)>>::new();
    for (key, parcel) in due {
        // A FIFO topic's messages go one after the other, all others side by side.
        let lane = match parcel.message.sequence {
            Some(_) => parcel.topic_arn.clone(),
            None => format!("{key:?}"),
        };
        lanes.entry(lane).or_default().push((key, parcel));
    }
    let mut tasks = JoinSet::new();
    for (_, lane) in lanes {
        let cx = cx.clone();
        tasks.spawn(async move { deliver_lane(&cx, lane).await });
    }
    // One that fails ends none of the others: what they store has to be known here.
    let mut failed = Ok(());
    while let Some(done) = tasks.join_next().await {
        let done = done.map_err(AwsError::internal).flatten();
        failed = failed.and(done);
    }
    failed?;
    // What follows the last row at its very moment is not gone, so the next look begins there.
    let head = match (full, next) {
        (_, Some(next)) => next,
        (true, None) => last.unwrap_or(now),
        (false, None) => i64::MAX,
    };
    cx.state.agenda.end(head);
    Ok(if full && next.is_none() { now } else { head })
}

/// Delivers one row after the other; when one has to wait, those behind it wait too.
async fn deliver_lane(cx: &Ctx, lane: Vec<((i64, Id), Parcel)>) -> Result<()> {
    let agenda = &cx.state.agenda;
    for (key, mut parcel) in lane {
        let fifo = parcel.message.sequence.is_some();
        let (mut left, mut again_at, mut failed) = (Vec::new(), i64::MIN, false);
        for recipient in std::mem::take(&mut parcel.recipients) {
            let subscription = recipient.subscription_arn.as_str();
            if let Some(behind) = agenda.wait_behind(subscription, key.1) {
                again_at = again_at.max(behind);
                left.push(recipient);
                continue;
            }
            let Err(error) = send(cx, &parcel, &recipient).await else {
                agenda.release(subscription, key.1);
                continue;
            };
            let Some(pause) = pause(parcel.tries + 1).filter(|_| error.is_worth_another_try()) else {
                bury(cx, &parcel, &recipient, &error).await;
                agenda.release(subscription, key.1);
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
            let waiting = parcel.recipients.iter().filter(|_| fifo);
            waiting.for_each(|recipient| agenda.hold(&recipient.subscription_arn, key.1, again_at));
            agenda.added(again_at);
        }
        stored?;
    }
    Ok(())
}

async fn send(cx: &Ctx, parcel: &Parcel, recipient: &Recipient) -> Result<(), Undelivered> {
    let invalid = || Undelivered::Invalid(recipient.endpoint.clone());
    let target = TargetArn::parse(&recipient.endpoint).ok_or_else(invalid)?;
    let message = &parcel.message;
    let from = From {
        topic_arn: &parcel.topic_arn,
        subscription_arn: &recipient.subscription_arn,
        host: &parcel.host,
    };
    let payload = match recipient.protocol.as_str() {
        "lambda" => envelope::of_function(message, &from),
        _ if recipient.raw => envelope::raw(message, &recipient.protocol).to_owned(),
        _ => envelope::of_queue(message, &from),
    };
    let attributes = message.attributes.iter().filter(|_| recipient.raw).map(|(name, attribute)| {
        let data_type = attribute.data_type.clone().into();
        (name.clone(), Attribute { data_type, value: attribute.value.clone() })
    });
    cx.deliver(Delivery {
        target,
        payload: Bytes::from(payload),
        sender: sender(parcel),
        attributes: attributes.collect(),
        in_order: in_order(message),
        bus: None,
        object_key: None,
        trace: None,
    })
    .await
}

fn sender(parcel: &Parcel) -> Sender {
    Sender {
        service: "sns.amazonaws.com".to_owned(),
        source_arn: parcel.topic_arn.clone(),
        source_account: parcel.topic_arn.split(':').nth(4).unwrap_or_default().to_owned(),
        role: None,
    }
}

fn in_order(message: &Message) -> Option<InOrder> {
    let (group, deduplication) = (message.group.clone(), message.deduplication.clone());
    group.map(|group| InOrder { group, deduplication: deduplication.unwrap_or_else(|| message.id.clone()) })
}

/// What can't be delivered goes to the subscription's dead letters, and is lost without them.
async fn bury(cx: &Ctx, parcel: &Parcel, recipient: &Recipient, error: &Undelivered) {
    let subscription = &recipient.subscription_arn;
    tracing::warn!(subscription, message = parcel.message.id, %error, "a notification can't be delivered");
    let Some(target) = recipient.dead_letters.as_deref().and_then(TargetArn::parse) else { return };
    let from = From { topic_arn: &parcel.topic_arn, subscription_arn: subscription, host: &parcel.host };
    let text = |value: String| Attribute { data_type: "String".into(), value };
    let delivery = Delivery {
        target,
        payload: Bytes::from(envelope::of_queue(&parcel.message, &from)),
        sender: sender(parcel),
        attributes: BTreeMap::from([
            ("RequestID".to_owned(), text(parcel.message.id.clone())),
            ("ErrorCode".to_owned(), text(kind(error).to_owned())),
            ("ErrorMessage".to_owned(), text(error.to_string())),
        ]),
        in_order: in_order(&parcel.message),
        bus: None,
        object_key: None,
        trace: None,
    };
    if let Err(error) = cx.deliver(delivery).await {
        tracing::warn!(subscription, message = parcel.message.id, %error, "nor to its dead letters");
    }
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

/// Forgets deduplication ids whose five minutes are over.
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
    Ok(())
}
