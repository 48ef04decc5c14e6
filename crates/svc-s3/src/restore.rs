//! Archived objects: those of the classes GLACIER and DEEP_ARCHIVE hand out nothing, until a copy was restored, and
//! for as long as that is kept. A job makes copies and drops them, by the platform's clock.

use std::time::Duration;

use api_s3::{StorageClass, Tier};
use aws_wire::{AwsError, Result, timestamp};
use env::Timestamp;
use kv::{Direction, Read, Span, Tx};
use serde::{Deserialize, Serialize};

use crate::bucket::Bucket;
use crate::keys::{BUCKETS, CURRENT, OLDER, RESTORES, RestoreKey};
use crate::object::{Draw, Object};
use crate::{Ctx, errors, lifecycle, notify, object};

const PAGE: usize = 100;
/// How long the store is left alone after it failed.
const RETRY_AFTER: Duration = Duration::from_secs(1);
const MINUTE_MS: i64 = 60_000;

/// The copy of an archived object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Restore {
    /// Milliseconds since the epoch, as below.
    pub ready_ms: i64,
    pub until_ms: i64,
    /// Whether that it is ready was told.
    pub told: bool,
}

impl Restore {
    pub(crate) fn is_ready(&self, now: Timestamp) -> bool {
        self.ready_ms <= now.as_millis()
    }

    fn is_over(&self, now: Timestamp) -> bool {
        self.until_ms <= now.as_millis()
    }

    /// `x-amz-restore`
    pub(crate) fn shown(&self, now: Timestamp) -> Option<String> {
        if self.is_over(now) {
            return None;
        }
        if !self.is_ready(now) {
            return Some("ongoing-request=\"true\"".to_owned());
        }
        let until = timestamp::http_date(Timestamp::from_millis(self.until_ms));
        Some(format!("ongoing-request=\"false\", expiry-date=\"{until}\""))
    }
}

pub(crate) fn is_archive(class: Option<&str>) -> bool {
    matches!(class, Some("GLACIER" | "DEEP_ARCHIVE"))
}

fn is_readable(object: &Object, now: Timestamp) -> bool {
    let restored = |restore: &Restore| restore.is_ready(now) && !restore.is_over(now);
    !is_archive(object.headers.storage_class.as_deref()) || object.restore.as_ref().is_some_and(restored)
}

/// # Errors
/// 403 for an archived object without a copy.
pub(crate) fn check_read(object: &Object, now: Timestamp) -> Result<()> {
    if is_readable(object, now) {
        return Ok(());
    }
    let class = object.headers.storage_class.clone().unwrap_or_default();
    let message = "The operation is not valid for the object's storage class";
    Err(errors::other(403, "InvalidObjectState", message).with("StorageClass", class))
}

/// # Errors
/// 403 for what can't be copied, since it is archived and has no copy.
pub(crate) fn check_source(object: &Object, now: Timestamp) -> Result<()> {
    if is_readable(object, now) {
        return Ok(());
    }
    let message = "The source object of the COPY operation is not in the active tier and is only stored in Amazon S3 \
                   Glacier.";
    Err(errors::other(403, "ObjectNotInActiveTierError", message))
}

/// How long a restore takes: sooner than on AWS, in the same order.
fn takes_ms(tier: Tier) -> i64 {
    match tier {
        Tier::Expedited => MINUTE_MS,
        Tier::Standard => 5 * MINUTE_MS,
        Tier::Bulk => 15 * MINUTE_MS,
    }
}

/// What asking for a copy makes of an object, and whether there was a copy already, which is then kept for longer or
/// shorter.
///
/// # Errors
/// 403 for what is not archived, 409 while it is restored already.
pub(crate) fn begin(object: &mut Object, days: i32, tier: Tier, now: Timestamp) -> Result<bool> {
    let class = object.headers.storage_class.as_deref();
    if !is_archive(class) {
        let message = "Restore is not allowed for the object's current storage class";
        let class = class.unwrap_or(StorageClass::Standard.as_str()).to_owned();
        return Err(errors::other(403, "InvalidObjectState", message).with("StorageClass", class));
    }
    if class == Some("DEEP_ARCHIVE") && tier == Tier::Expedited {
        let message = "Retrieval option is not supported by this storage class";
        return Err(errors::invalid_argument("Tier", "Expedited", message));
    }
    match object.restore.filter(|restore| !restore.is_over(now)) {
        Some(restore) if !restore.is_ready(now) => {
            let message = "Object restore is already in progress";
            Err(errors::other(409, "RestoreAlreadyInProgress", message))
        }
        Some(restore) => {
            let until_ms = lifecycle::midnight_after(now.as_millis(), days);
            object.restore = Some(Restore { until_ms, ..restore });
            Ok(true)
        }
        None => {
            let ready_ms = now.as_millis() + takes_ms(tier);
            let until_ms = lifecycle::midnight_after(ready_ms, days);
            object.restore = Some(Restore { ready_ms, until_ms, told: false });
            Ok(false)
        }
    }
}

/// Has the job look at an object's copy when that is ready, or over.
///
/// # Errors
/// Those of the store.
pub(crate) fn remind(tx: &mut Tx, bucket: &Bucket, key: &str, object: &Object) -> Result<()> {
    let Some(restore) = object.restore else { return Ok(()) };
    let due_ms = if restore.told { restore.until_ms } else { restore.ready_ms };
    Ok(RESTORES.put(tx, &(due_ms, bucket.name.clone(), key.to_owned(), object.rank), &bucket.id)?)
}

/// Looks at copies when they are due.
pub(crate) async fn run(cx: Ctx) {
    let mut watch = cx.kv.watch(RESTORES.prefix(&()));
    loop {
        let next = settle(&cx).await.unwrap_or_else(|error| {
            tracing::error!(%error, cause = ?error.cause, "restore objects");
            Some(RETRY_AFTER)
        });
        match next {
            Some(wait) => tokio::select! {
                () = cx.env.sleep(wait) => {}
                () = watch.changed() => {}
            },
            None => watch.changed().await,
        }
    }
}

/// Does what is due; how long until something is.
async fn settle(cx: &Ctx) -> Result<Option<Duration>> {
    loop {
        let page = RESTORES.scan(&cx.kv.snapshot().await?, &Span::all(), PAGE, Direction::Forward)?;
        if page.is_empty() {
            return Ok(None);
        }
        for (at, _) in page {
            let wait_ms = at.0 - cx.env.now().as_millis();
            if wait_ms > 0 {
                return Ok(Some(Duration::from_millis(wait_ms.unsigned_abs())));
            }
            let draw = Draw::new(cx);
            cx.kv.transact(|tx| turn(tx, cx, &at, draw)).await?;
        }
    }
}

/// Makes of one copy what its time says.
fn turn(tx: &mut Tx, cx: &Ctx, at: &RestoreKey, draw: Draw) -> Result<()> {
    let (_, name, key, rank) = at;
    let Some(id) = RESTORES.get(tx, at)? else { return Ok(()) };
    RESTORES.delete(tx, at)?;
    let Some(bucket) = BUCKETS.get(tx, name)?.filter(|bucket| bucket.id == id) else { return Ok(()) };
    let Some(mut object) = find(tx, &bucket, key, *rank)? else { return Ok(()) };
    let Some(restore) = object.restore else { return Ok(()) };
    if restore.is_over(draw.now) {
        object.restore = None;
        object::rewrite(tx, &bucket, key, &object)?;
        return notify::note(tx, cx, &bucket, "ObjectRestore:Delete", (key, &object), draw);
    }
    if restore.is_ready(draw.now) && !restore.told {
        object.restore = Some(Restore { told: true, ..restore });
        object::rewrite(tx, &bucket, key, &object)?;
        notify::note(tx, cx, &bucket, "ObjectRestore:Completed", (key, &object), draw)?;
    }
    remind(tx, &bucket, key, &object)
}

/// The version of that rank, be it the latest.
fn find(reader: &impl Read, bucket: &Bucket, key: &str, rank: u64) -> Result<Option<Object>, AwsError> {
    let current = CURRENT.get(reader, &(bucket.id, key.to_owned()))?;
    if let Some(current) = current.filter(|current| current.rank == rank) {
        return Ok(Some(current));
    }
    Ok(OLDER.get(reader, &(bucket.id, key.to_owned(), rank))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Headers;

    const DAY_MS: i64 = 86_400_000;

    #[test]
    fn copies_come_and_go() {
        let at = Timestamp::from_millis;
        let headers = Headers { storage_class: Some("GLACIER".to_owned()), ..Headers::default() };
        let mut object = Object { headers, ..Object::default() };
        assert!(check_read(&object, at(0)).is_err() && check_source(&object, at(0)).is_err());
        assert_eq!(begin(&mut object, 1, Tier::Expedited, at(0)).map_err(|error| error.status), Ok(false));
        let restore = object.restore.expect("it began");
        assert_eq!(restore.shown(at(0)).as_deref(), Some("ongoing-request=\"true\""));
        let again = begin(&mut object, 1, Tier::Bulk, at(0)).map_err(|error| error.status);
        assert_eq!(again, Err(409));
        assert!(
            check_read(&object, at(MINUTE_MS - 1)).is_err() && check_read(&object, at(MINUTE_MS)).is_ok()
        );
        let shown = "ongoing-request=\"false\", expiry-date=\"Sat, 03 Jan 1970 00:00:00 GMT\"";
        assert_eq!(restore.shown(at(MINUTE_MS)).as_deref(), Some(shown));
        assert_eq!(begin(&mut object, 5, Tier::Bulk, at(DAY_MS)).map_err(|error| error.status), Ok(true));
        assert!(
            check_read(&object, at(6 * DAY_MS - 1)).is_ok() && check_read(&object, at(6 * DAY_MS)).is_err()
        );
        object.headers.storage_class = None;
        assert_eq!(begin(&mut object, 1, Tier::Bulk, at(0)).map_err(|error| error.status), Err(403));
        object.headers.storage_class = Some("DEEP_ARCHIVE".to_owned());
        assert_eq!(begin(&mut object, 1, Tier::Expedited, at(0)).map_err(|error| error.status), Err(400));
    }
}
