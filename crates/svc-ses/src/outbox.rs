//! Events on their way to topics and event buses: stored with the mail, so that a crash loses none of them.
//!
//! A row is one event for one target, by the moment at which it is due. As in SNS's outbox, where the rows begin is
//! known in memory, so that nothing walks over what was deleted.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use aws_wire::{AwsError, Result};
use bytes::Bytes;
use env::Uuid;
use kv::{Direction, Span, Tx};
use serde::{Deserialize, Serialize};
use service::{BusEvent, Caller, Delivery, Sender, TargetArn, Undelivered};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::keys::OUTBOX;
use crate::{Ctx, mail};

/// Rows worked on at once.
const AT_ONCE: usize = 32;
/// How often an event is tried.
const TRIES_MAX: u32 = 50;
/// How often what crashes left behind is looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(60 * 60);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Parcel {
    /// A topic's or an event bus's ARN.
    pub target: String,
    pub payload: String,
    /// For event buses.
    #[serde(default)]
    pub detail_type: Option<String>,
    /// The configuration set's, the identity's or the rule's.
    pub source_arn: String,
    pub account: String,
    pub region: String,
    #[serde(default)]
    pub tries: u32,
}

/// Where the outbox begins.
pub(crate) struct Agenda {
    place: Mutex<Place>,
    arrivals: watch::Sender<()>,
}

struct Place {
    head: i64,
    /// The earliest row added since the last look began.
    added: i64,
}

impl Default for Agenda {
    fn default() -> Self {
        Self { place: Mutex::new(Place { head: i64::MIN, added: i64::MAX }), arrivals: watch::channel(()).0 }
    }
}

impl Agenda {
    /// A row of this moment was committed.
    pub(crate) fn added(&self, at: i64) {
        let mut place = self.place.lock().expect("no panic while held");
        place.added = place.added.min(at);
        place.head = place.head.min(at);
        drop(place);
        self.arrivals.send_replace(());
    }

    pub(crate) fn arrivals(&self) -> watch::Receiver<()> {
        self.arrivals.subscribe()
    }

    pub(crate) fn begin(&self) -> i64 {
        let mut place = self.place.lock().expect("no panic while held");
        place.added = i64::MAX;
        place.head
    }

    /// Every row before `head` is gone, but for those added meanwhile.
    pub(crate) fn end(&self, head: i64) {
        let mut place = self.place.lock().expect("no panic while held");
        place.head = head.min(place.added);
    }
}

/// Stores events that are due at once. `row` was drawn for all of them; they differ in its last bytes.
///
/// # Errors
/// The store's.
pub(crate) fn put(tx: &mut Tx, at: i64, row: Uuid, parcels: &[Parcel]) -> Result<()> {
    for (number, parcel) in (0_u16..).zip(parcels) {
        let mut id = row.into_bytes();
        id[14..].copy_from_slice(&number.to_be_bytes());
        OUTBOX.put(tx, &(at, id), parcel)?;
    }
    Ok(())
}

/// When to try again after so many tries: soon, then every minute, for most of an hour.
pub(crate) fn pause(tries: u32) -> Option<Duration> {
    match tries {
        0..=2 => Some(Duration::from_secs(1)),
        3..=5 => Some(Duration::from_secs(10)),
        6..TRIES_MAX => Some(Duration::from_secs(60)),
        _ => None,
    }
}

/// Delivers until the platform stops.
pub(crate) async fn run(cx: Ctx) {
    let mut arrivals = cx.state.agenda.arrivals();
    loop {
        let next = match deliver_due(&cx).await {
            Ok(next) => next,
            Err(error) => {
                tracing::error!(%error, cause = ?error.cause, "deliver events of mails");
                cx.env.now().as_micros() + 1_000_000
            }
        };
        let wait = u64::try_from(next.saturating_sub(cx.env.now().as_micros())).unwrap_or(0);
        tokio::select! {
            _ = arrivals.changed() => {}
            () = cx.env.sleep(Duration::from_micros(wait)), if next != i64::MAX => {}
        }
    }
}

/// Takes away what crashes left behind, from time to time.
pub(crate) async fn sweep(cx: Ctx) {
    loop {
        if let Err(error) = mail::sweep(&cx.kv, cx.env.now().as_millis()).await {
            tracing::error!(%error, cause = ?error.cause, "sweep contents of mails");
        }
        cx.env.sleep(SWEEP_EVERY).await;
    }
}

/// Works on what is due; gives when to look again.
async fn deliver_due(cx: &Ctx) -> Result<i64> {
    let now = cx.env.now().as_micros();
    let from = cx.state.agenda.begin();
    let span = Span::all().from(&(from, [0; 16]));
    let rows = OUTBOX.scan(&cx.kv.snapshot().await?, &span, AT_ONCE, Direction::Forward)?;
    let next = rows.iter().map(|((at, _), _)| *at).find(|at| *at > now);
    let full = rows.len() == AT_ONCE;
    let last = rows.last().map(|((at, _), _)| *at);
    let mut tasks = JoinSet::new();
    for (key, parcel) in rows.into_iter().filter(|((at, _), _)| *at <= now) {
        let cx = cx.clone();
        tasks.spawn(async move { deliver(&cx, key, parcel).await });
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

async fn deliver(cx: &Ctx, key: (i64, [u8; 16]), mut parcel: Parcel) -> Result<()> {
    let again = match send(cx, &parcel).await {
        Ok(()) => None,
        Err(error) => {
            parcel.tries += 1;
            let again = pause(parcel.tries).filter(|_| error.is_worth_another_try());
            if again.is_none() {
                tracing::warn!(target = parcel.target, %error, "an event of a mail can't be delivered");
            }
            again.map(|pause| cx.env.now().after(pause).as_micros())
        }
    };
    cx.kv
        .transact(|tx| {
            OUTBOX.delete(tx, &key)?;
            match again {
                Some(again) => OUTBOX.put(tx, &(again, key.1), &parcel),
                None => Ok(()),
            }
        })
        .await?;
    if let Some(again) = again {
        cx.state.agenda.added(again);
    }
    Ok(())
}

async fn send(cx: &Ctx, parcel: &Parcel) -> Result<(), Undelivered> {
    let target = TargetArn::parse(&parcel.target);
    let target = target.ok_or_else(|| Undelivered::Invalid(parcel.target.clone()))?;
    let bus = parcel.detail_type.clone().map(|detail_type| BusEvent {
        source: "aws.ses".to_owned(),
        detail_type,
        resources: vec![parcel.source_arn.clone()],
    });
    let cx = cx.as_caller(Caller::root(&parcel.account, &parcel.region));
    cx.deliver(Delivery {
        target,
        payload: Bytes::from(parcel.payload.clone()),
        sender: Sender {
            service: "ses.amazonaws.com".to_owned(),
            source_arn: parcel.source_arn.clone(),
            source_account: parcel.account.clone(),
            role: None,
        },
        attributes: BTreeMap::new(),
        in_order: None,
        bus,
        object_key: None,
        trace: None,
    })
    .await
}
