//! What other services send to buses: destinations of functions, events of buckets, schedules.

use serde_json::value::RawValue;
use service::{Caller, Delivery, TargetArn, Undelivered};

use crate::bus::{self, Bus};
use crate::event::Draft;
use crate::ingest::{Arrival, ingest};
use crate::keys::BusKey;
use crate::{Ctx, policy};

/// The largest event.
const EVENT_BYTES_MAX: usize = 1 << 20;

async fn find(cx: &Ctx, arn: &TargetArn) -> Result<(BusKey, Bus), Undelivered> {
    let key = bus::key_of_arn(arn.as_str()).ok_or_else(|| Undelivered::Invalid(arn.to_string()))?;
    let failed = |error: kv::Error| Undelivered::Failed(error.to_string());
    let bus = bus::get(&cx.kv.snapshot().await.map_err(failed)?, &key).map_err(failed)?;
    let bus = bus.ok_or_else(|| Undelivered::NotFound(arn.to_string()))?;
    Ok((key, bus))
}

/// Whether there is such a bus.
///
/// # Errors
/// Why not.
pub(crate) async fn check(cx: Ctx, arn: TargetArn) -> Result<(), Undelivered> {
    find(&cx, &arn).await.map(drop)
}

/// Takes an event of another service, if it may: what is in the bus's account, and whom its policy names.
///
/// # Errors
/// Why not.
pub(crate) async fn deliver(cx: Ctx, delivery: Delivery) -> Result<(), Undelivered> {
    let (key, bus) = find(&cx, &delivery.target).await?;
    let about = delivery.bus.ok_or_else(|| Undelivered::Invalid("no source is said".to_owned()))?;
    let sender = &delivery.sender;
    let root = format!("arn:aws:iam::{}:root", sender.source_account);
    let principal = sender.role.as_ref().unwrap_or(&root);
    let account = principal.split(':').nth(4).unwrap_or_default();
    let cx = cx.as_caller(Caller::root(&key.0, &key.1));
    if !policy::allows(&cx, &key, &bus, account, principal) {
        return Err(Undelivered::Denied(delivery.target.to_string()));
    }
    if delivery.payload.len() > EVENT_BYTES_MAX {
        return Err(Undelivered::TooLarge { bytes: delivery.payload.len(), bytes_max: EVENT_BYTES_MAX });
    }
    let no_object = || Undelivered::Invalid("an event's detail is a JSON object".to_owned());
    let draft = Draft {
        id: cx.env.uuid().to_string(),
        detail_type: &about.detail_type,
        source: &about.source,
        account: &sender.source_account,
        at: cx.env.now(),
        region: &key.1,
        resources: &about.resources,
        detail: std::str::from_utf8(&delivery.payload).map_err(|_| no_object())?,
    };
    let event: Box<RawValue> = draft.text().ok_or_else(no_object)?;
    let arrival = Arrival { bus: key, event, trace: delivery.trace, hops: 0, replay: None };
    ingest(&cx, &[arrival]).await.map_err(|error| Undelivered::Failed(error.to_string()))
}
