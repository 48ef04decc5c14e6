//! Events on their way to topics and event buses: stored with the mail, so that a crash loses none of them.
//!
//! A row is one event for one target; `queue.rs` says when its turn is.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_wire::Result;
use bytes::Bytes;
use env::Uuid;
use kv::Tx;
use serde::{Deserialize, Serialize};
use service::{BusEvent, Caller, Delivery, Outbox, RowKey, Sender, TargetArn, Undelivered};

use crate::keys::OUTBOX;
use crate::{Ctx, Ses, mail, statistics};

/// Rows worked on at once.
const AT_ONCE: usize = 32;
/// How often an event is tried.
const TRIES_MAX: u32 = 50;
/// How often [`sweep`] looks.
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
    let (what, table) = ("deliver events of mails", &OUTBOX);
    let outbox =
        Outbox { what, table, at_once: AT_ONCE, agenda: |state: &Ses| &state.agenda, lane: |_, _| None };
    outbox.run(cx, deliver).await;
}

/// Takes away what crashes left behind and what is too old, from time to time.
pub(crate) async fn sweep(cx: Ctx) {
    loop {
        let now = cx.env.now();
        if let Err(error) = mail::sweep(&cx.kv, now.as_millis()).await {
            tracing::error!(%error, cause = ?error.cause, "sweep contents of mails");
        }
        if let Err(error) = statistics::sweep(&cx.kv, now.as_micros()).await {
            tracing::error!(%error, cause = ?error.cause, "sweep statistics of mails");
        }
        cx.env.sleep(SWEEP_EVERY).await;
    }
}

async fn deliver(cx: Ctx, key: RowKey, mut parcel: Parcel) -> Result<()> {
    let again = match send(&cx, &parcel).await {
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
