//! Transitions of objects to other storage classes, and expiry: of objects, of older versions, of delete markers with
//! nothing behind them, of uploads nobody ended. By the platform's clock, once an hour; what AWS counts in days ends at
//! midnight.

mod transition;

use std::time::Duration;

use api_s3::{ExpirationStatus, GetBucketLifecycleConfigurationInput, LifecycleRule, Tag};
use aws_wire::Result;
use env::Timestamp;
use kv::{Direction, Span, Tx};

use crate::bucket::{Bucket, Versioning};
use crate::keys::{BUCKETS, CURRENT, OLDER, ObjectKey, UPLOADS, UploadKey, VersionKey};
use crate::object::{Draw, Object};
use crate::{Ctx, document, errors, lock, notify, object, upload};

const RULES_MAX: usize = 1000;
const EVERY: Duration = Duration::from_secs(3600);
const PAGE: usize = 500;
const DAY_MS: i64 = 86_400_000;

/// # Errors
/// 400 for rules that S3 would not take.
pub(crate) fn check(rules: &[LifecycleRule]) -> Result<()> {
    let invalid = |message: &str| errors::other(400, "InvalidRequest", message);
    if rules.is_empty() || rules.len() > RULES_MAX {
        return Err(errors::malformed_xml());
    }
    for (position, rule) in rules.iter().enumerate() {
        if rule.id.is_some() && rules[..position].iter().any(|before| before.id == rule.id) {
            return Err(errors::invalid_argument(
                "ID",
                "",
                "Rule ID must be unique. Found same ID for more than one rule",
            ));
        }
        if rule.prefix.is_some() == rule.filter.is_some() {
            return Err(errors::malformed_xml());
        }
        let acts = rule.expiration.is_some()
            || rule.noncurrent_version_expiration.is_some()
            || rule.abort_incomplete_multipart_upload.is_some()
            || rule.transitions.as_ref().is_some_and(|all| !all.is_empty())
            || rule.noncurrent_version_transitions.as_ref().is_some_and(|all| !all.is_empty());
        if !acts {
            return Err(invalid("At least one action needs to be specified in a rule"));
        }
        let days = [
            rule.expiration.as_ref().and_then(|expiration| expiration.days),
            rule.noncurrent_version_expiration.as_ref().and_then(|expiration| expiration.noncurrent_days),
            rule.abort_incomplete_multipart_upload.as_ref().and_then(|abort| abort.days_after_initiation),
        ];
        if days.into_iter().flatten().any(|days| days <= 0) {
            let message = "'Days' for Expiration action must be a positive integer";
            return Err(errors::invalid_argument("Days", "", message));
        }
        let date = rule.expiration.as_ref().and_then(|expiration| expiration.date);
        if date.is_some_and(|date| date.as_millis() % DAY_MS != 0) {
            return Err(errors::invalid_argument("Date", "", "'Date' must be at midnight GMT"));
        }
        transition::check(rule)?;
    }
    Ok(())
}

pub(crate) async fn run(cx: Ctx) {
    loop {
        if let Err(error) = expire_all(&cx).await {
            tracing::error!(%error, cause = ?error.cause, "expire objects");
        }
        cx.env.sleep(EVERY).await;
    }
}

async fn expire_all(cx: &Ctx) -> Result<()> {
    let mut span = Span::all();
    loop {
        let snapshot = cx.kv.snapshot().await?;
        let page = BUCKETS.scan(&snapshot, &span, PAGE, Direction::Forward)?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        span = span.after(last);
        for (_, bucket) in page {
            let setting = document::read::<GetBucketLifecycleConfigurationInput>(&snapshot, &bucket)?;
            let rules = setting.and_then(|setting| setting.rules).unwrap_or_default();
            let rules = rules.into_iter().filter(|rule| rule.status == ExpirationStatus::Enabled);
            let rules = rules.collect::<Vec<_>>();
            if !rules.is_empty() {
                transition::current(cx, &bucket, &rules).await?;
                transition::older(cx, &bucket, &rules).await?;
                expire_current(cx, &bucket, &rules).await?;
                expire_older(cx, &bucket, &rules).await?;
                abort_uploads(cx, &bucket, &rules).await?;
            }
        }
    }
}

/// When a number of days after `from` is over: at the next midnight.
pub(crate) fn midnight_after(from_ms: i64, days: i32) -> i64 {
    let due = from_ms + i64::from(days) * DAY_MS;
    due.div_euclid(DAY_MS) * DAY_MS + if due.rem_euclid(DAY_MS) == 0 { 0 } else { DAY_MS }
}

fn applies(rule: &LifecycleRule, key: &str, object: Option<&Object>) -> bool {
    let filter = rule.filter.as_ref();
    let and = filter.and_then(|filter| filter.and.as_ref());
    let prefixes = [
        rule.prefix.as_deref(),
        filter.and_then(|filter| filter.prefix.as_deref()),
        and.and_then(|and| and.prefix.as_deref()),
    ];
    let tags = filter.and_then(|filter| filter.tag.as_ref()).into_iter();
    let tags = tags.chain(and.and_then(|and| and.tags.as_ref()).into_iter().flatten());
    let above = filter.and_then(|filter| filter.object_size_greater_than);
    let above = above.or(and.and_then(|and| and.object_size_greater_than));
    let below = filter.and_then(|filter| filter.object_size_less_than);
    let below = below.or(and.and_then(|and| and.object_size_less_than));
    let has = |Tag { key, value }: &Tag| object.is_some_and(|object| object.tags.get(key) == Some(value));
    let size = object.map_or(0, |object| i64::try_from(object.size_bytes).unwrap_or(i64::MAX));
    prefixes.into_iter().flatten().all(|prefix| key.starts_with(prefix))
        && tags.into_iter().all(has)
        && above.is_none_or(|above| size > above)
        && below.is_none_or(|below| size < below)
}

fn is_expired(rule: &LifecycleRule, key: &str, object: &Object, now: Timestamp) -> bool {
    let Some(expiration) = &rule.expiration else { return false };
    let by_days =
        expiration.days.is_some_and(|days| midnight_after(object.modified_ms, days) <= now.as_millis());
    let by_date = expiration.date.is_some_and(|date| date <= now);
    (by_days || by_date) && applies(rule, key, Some(object))
}

async fn expire_current(cx: &Ctx, bucket: &Bucket, rules: &[LifecycleRule]) -> Result<()> {
    let mut span = Span::<ObjectKey>::prefix(&(bucket.id,));
    loop {
        let page = CURRENT.scan(&cx.kv.snapshot().await?, &span, PAGE, Direction::Forward)?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        span = span.after(last);
        let now = cx.env.now();
        for ((_, key), object) in page {
            let marks = |rule: &LifecycleRule| {
                let clears = |expiration: &api_s3::LifecycleExpiration| {
                    expiration.expired_object_delete_marker == Some(true)
                };
                rule.expiration.as_ref().is_some_and(clears) && applies(rule, &key, Some(&object))
            };
            let due = if object.marker {
                rules.iter().any(marks)
            } else {
                rules.iter().any(|rule| is_expired(rule, &key, &object, now))
            };
            if due {
                expire(cx, bucket, &key, &object).await?;
            }
        }
    }
}

/// Takes the latest version of `key` away, if it is `seen` still.
async fn expire(cx: &Ctx, bucket: &Bucket, key: &str, seen: &Object) -> Result<()> {
    let draw = Draw::new(cx);
    let expire = |tx: &mut Tx| {
        let Some(current) = object::current(tx, bucket, key)?.filter(|current| current.rank == seen.rank)
        else {
            return Ok(());
        };
        if current.marker {
            let older = OLDER.scan(tx, &Span::prefix(&(bucket.id, key)), 1, Direction::Forward)?;
            return if older.is_empty() { object::remove(tx, bucket, key, &current) } else { Ok(()) };
        }
        if bucket.versioning == Versioning::Never {
            object::remove(tx, bucket, key, &current)?;
            return notify::note(tx, cx, bucket, "LifecycleExpiration:Delete", (key, &current), draw);
        }
        let marker = Object { marker: true, ..Object::default() };
        let marker = object::add(tx, bucket, key, marker, draw)?;
        notify::note(tx, cx, bucket, "LifecycleExpiration:DeleteMarkerCreated", (key, &marker), draw)
    };
    cx.kv.transact(expire).await
}

async fn expire_older(cx: &Ctx, bucket: &Bucket, rules: &[LifecycleRule]) -> Result<()> {
    if !rules.iter().any(|rule| rule.noncurrent_version_expiration.is_some()) {
        return Ok(());
    }
    let mut all = OlderVersions::of(bucket);
    loop {
        let page = all.next_page(cx, bucket).await?;
        if page.is_empty() {
            return Ok(());
        }
        let now = cx.env.now();
        for older in page {
            let due = rules.iter().any(|rule| {
                rule.noncurrent_version_expiration.as_ref().is_some_and(|expiration| {
                    let (days, newer) = (expiration.noncurrent_days, expiration.newer_noncurrent_versions);
                    older.is_due(days, newer, now) && applies(rule, &older.key, Some(&older.object))
                })
            });
            if due && lock::check_removal(&older.object, false, now).is_ok() {
                remove_older(cx, bucket, &older.key, &older.object).await?;
            }
        }
    }
}

/// An older version, and what rules ask of it.
struct Older {
    key: String,
    object: Object,
    /// When the version after it came, in milliseconds since the epoch.
    replaced_ms: i64,
    /// How many older versions are newer.
    newer: i32,
}

impl Older {
    /// Whether it was replaced so many days ago, with at least so many newer ones among the older versions.
    fn is_due(&self, days: Option<i32>, newer: Option<i32>, now: Timestamp) -> bool {
        self.newer >= newer.unwrap_or_default()
            && midnight_after(self.replaced_ms, days.unwrap_or_default()) <= now.as_millis()
    }
}

/// A bucket's older versions, page by page.
struct OlderVersions {
    span: Span<VersionKey>,
    key: String,
    replaced_ms: i64,
    newer: i32,
}

impl OlderVersions {
    fn of(bucket: &Bucket) -> Self {
        Self { span: Span::prefix(&(bucket.id,)), key: String::new(), replaced_ms: 0, newer: 0 }
    }

    /// Empty behind the last.
    async fn next_page(&mut self, cx: &Ctx, bucket: &Bucket) -> Result<Vec<Older>> {
        let snapshot = cx.kv.snapshot().await?;
        let page = OLDER.scan(&snapshot, &self.span, PAGE, Direction::Forward)?;
        let Some((last, _)) = page.last() else { return Ok(Vec::new()) };
        self.span = self.span.clone().after(last);
        let mut found = Vec::with_capacity(page.len());
        for ((_, key, _), object) in page {
            if key != self.key {
                let current = object::current(&snapshot, bucket, &key)?;
                self.replaced_ms = current.map_or(0, |current| current.modified_ms);
                self.newer = 0;
                self.key.clone_from(&key);
            }
            let (replaced_ms, newer) = (self.replaced_ms, self.newer);
            (self.replaced_ms, self.newer) = (object.modified_ms, newer + 1);
            found.push(Older { key, object, replaced_ms, newer });
        }
        Ok(found)
    }
}

async fn remove_older(cx: &Ctx, bucket: &Bucket, key: &str, seen: &Object) -> Result<()> {
    let draw = Draw::new(cx);
    let remove = |tx: &mut Tx| {
        let found = OLDER.get(tx, &(bucket.id, key.to_owned(), seen.rank))?;
        let Some(found) = found.filter(|found| found.lock == seen.lock) else { return Ok(()) };
        object::remove(tx, bucket, key, &found)?;
        notify::note(tx, cx, bucket, "LifecycleExpiration:Delete", (key, &found), draw)
    };
    cx.kv.transact(remove).await
}

async fn abort_uploads(cx: &Ctx, bucket: &Bucket, rules: &[LifecycleRule]) -> Result<()> {
    let mut span = Span::<UploadKey>::prefix(&(bucket.id,));
    loop {
        let page = UPLOADS.scan(&cx.kv.snapshot().await?, &span, PAGE, Direction::Forward)?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        span = span.after(last);
        let now = cx.env.now();
        for ((_, key, name), begun) in page {
            let due = rules.iter().any(|rule| {
                let abort = rule.abort_incomplete_multipart_upload.as_ref();
                let days = abort.and_then(|abort| abort.days_after_initiation);
                days.is_some_and(|days| midnight_after(begun.begun_ms, days) <= now.as_millis())
                    && applies(rule, &key, None)
            });
            if due {
                let end = |tx: &mut Tx| match UPLOADS.get(tx, &(bucket.id, key.clone(), name.clone()))? {
                    Some(upload) => upload::end(tx, bucket, &key, &name, &upload),
                    None => Ok(()),
                };
                cx.kv.transact(end).await?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_end_at_midnight() {
        assert_eq!(midnight_after(1, 1), 2 * DAY_MS);
        assert_eq!(midnight_after(0, 1), DAY_MS);
        assert_eq!(midnight_after(DAY_MS + 5, 30), 32 * DAY_MS);
    }
}
