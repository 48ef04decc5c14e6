//! Transitions: versions get the storage class that a rule has for their age, ever a colder one.

use api_s3::{
    GetBucketLifecycleConfigurationInput, LifecycleRule, TransitionDefaultMinimumObjectSize,
    TransitionStorageClass as Class,
};
use aws_wire::Result;
use kv::{Direction, Span, Tx};

use super::{DAY_MS, Older, OlderVersions, PAGE, applies, midnight_after};
use crate::bucket::Bucket;
use crate::keys::{CURRENT, OLDER, ObjectKey};
use crate::object::{Draw, Object};
use crate::{Ctx, document, errors, notify, object};

/// Smaller objects stay where they are, unless a rule speaks of sizes.
const BYTES_MIN: u64 = 128 * 1024;
/// How old objects are at least that become infrequently accessed.
const INFREQUENT_DAYS_MIN: i32 = 30;

/// How cold a class is.
fn rank(class: &str) -> u8 {
    match class {
        "REDUCED_REDUNDANCY" => 0,
        "STANDARD_IA" => 2,
        "INTELLIGENT_TIERING" => 3,
        "ONEZONE_IA" => 4,
        "GLACIER_IR" => 5,
        "GLACIER" => 6,
        "DEEP_ARCHIVE" => 7,
        _ => 1,
    }
}

/// # Errors
/// 400 for transitions that S3 would not take.
pub(super) fn check(rule: &LifecycleRule) -> Result<()> {
    let wrong = |name: &str, message: String| Err(errors::invalid_argument(name, "", message));
    let check_class = |class: Option<Class>| class.ok_or_else(errors::malformed_xml);
    let check_infrequent = |name: &str, action: &str, days: i32, class: Class| {
        if matches!(class, Class::StandardIa | Class::OnezoneIa) && days < INFREQUENT_DAYS_MIN {
            return wrong(
                name,
                format!(
                    "'{name}' in {action} action must be greater than or equal to {INFREQUENT_DAYS_MIN} for storageClass \
                 '{}'",
                    class.as_str()
                ),
            );
        }
        Ok(())
    };
    let mut classes = Vec::new();
    for transition in rule.transitions.iter().flatten() {
        let class = check_class(transition.storage_class)?;
        if classes.contains(&class) {
            return wrong(
                "StorageClass",
                "'StorageClass' must be different for 'Transition' actions in same 'Rule'".to_owned(),
            );
        }
        classes.push(class);
        match (transition.days, transition.date) {
            (Some(days), None) if days < 0 => {
                return wrong("Days", "'Days' in Transition action must be nonnegative".to_owned());
            }
            (Some(days), None) => {
                check_infrequent("Days", "Transition", days, class)?;
                let expires = rule.expiration.as_ref().and_then(|expiration| expiration.days);
                if expires.is_some_and(|expires| expires <= days) {
                    return wrong("Days", "'Days' in the Expiration action must be greater than 'Days' in the Transition action".to_owned());
                }
            }
            (None, Some(date)) if date.as_millis() % DAY_MS == 0 => {}
            (None, Some(_)) => return wrong("Date", "'Date' must be at midnight GMT".to_owned()),
            (Some(_), Some(_)) | (None, None) => return Err(errors::malformed_xml()),
        }
    }
    for transition in rule.noncurrent_version_transitions.iter().flatten() {
        let class = check_class(transition.storage_class)?;
        let days = transition.noncurrent_days.ok_or_else(errors::malformed_xml)?;
        if days < 0 {
            return wrong(
                "NoncurrentDays",
                "'NoncurrentDays' in NoncurrentVersionTransition action must be nonnegative".to_owned(),
            );
        }
        check_infrequent("NoncurrentDays", "NoncurrentVersionTransition", days, class)?;
    }
    Ok(())
}

/// Whether small objects go to the archives too.
async fn varies(cx: &Ctx, bucket: &Bucket) -> Result<bool> {
    let setting = document::read::<GetBucketLifecycleConfigurationInput>(&cx.kv.snapshot().await?, bucket)?;
    let minimum = setting.and_then(|setting| setting.transition_default_minimum_object_size);
    Ok(minimum == Some(TransitionDefaultMinimumObjectSize::VariesByStorageClass))
}

/// Whether an object is large enough for a class.
fn is_large_enough(rule: &LifecycleRule, object: &Object, class: Class, varies: bool) -> bool {
    let filter = rule.filter.as_ref();
    let and = filter.and_then(|filter| filter.and.as_ref());
    let speaks_of_size = filter.is_some_and(|filter| {
        filter.object_size_greater_than.is_some() || filter.object_size_less_than.is_some()
    }) || and
        .is_some_and(|and| and.object_size_greater_than.is_some() || and.object_size_less_than.is_some());
    let is_archive = matches!(class, Class::Glacier | Class::DeepArchive);
    speaks_of_size || object.size_bytes >= BYTES_MIN || (varies && is_archive)
}

/// The coldest of the classes that are due, where it is colder than the object's own.
fn colder(object: &Object, due: impl Iterator<Item = Class>) -> Option<&'static str> {
    let own = object.headers.storage_class.as_deref().unwrap_or("STANDARD");
    let coldest = due.map(|class| class.as_str()).max_by_key(|class| rank(class));
    coldest.filter(|class| rank(class) > rank(own))
}

pub(super) async fn current(cx: &Ctx, bucket: &Bucket, rules: &[LifecycleRule]) -> Result<()> {
    if !rules.iter().any(|rule| rule.transitions.is_some()) {
        return Ok(());
    }
    let varies = varies(cx, bucket).await?;
    let mut span = Span::<ObjectKey>::prefix(&(bucket.id,));
    loop {
        let page = CURRENT.scan(&cx.kv.snapshot().await?, &span, PAGE, Direction::Forward)?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        span = span.after(last);
        let now = cx.env.now();
        for ((_, key), object) in page.into_iter().filter(|(_, object)| !object.marker) {
            let fitting = rules.iter().filter(|rule| applies(rule, &key, Some(&object)));
            let due = fitting.flat_map(|rule| {
                let due = rule.transitions.iter().flatten().filter(|transition| {
                    let by_days = |days| midnight_after(object.modified_ms, days) <= now.as_millis();
                    transition.days.is_some_and(by_days) || transition.date.is_some_and(|date| date <= now)
                });
                let classes = due.filter_map(|transition| transition.storage_class);
                classes.filter(|class| is_large_enough(rule, &object, *class, varies))
            });
            if let Some(class) = colder(&object, due) {
                put(cx, bucket, &key, &object, class).await?;
            }
        }
    }
}

pub(super) async fn older(cx: &Ctx, bucket: &Bucket, rules: &[LifecycleRule]) -> Result<()> {
    if !rules.iter().any(|rule| rule.noncurrent_version_transitions.is_some()) {
        return Ok(());
    }
    let varies = varies(cx, bucket).await?;
    let mut all = OlderVersions::of(bucket);
    loop {
        let page = all.next_page(cx, bucket).await?;
        if page.is_empty() {
            return Ok(());
        }
        let now = cx.env.now();
        for older in page {
            let Older { key, object, .. } = &older;
            let fitting = rules.iter().filter(|rule| applies(rule, key, Some(object)));
            let due = fitting.flat_map(|rule| {
                let due = rule.noncurrent_version_transitions.iter().flatten().filter(|transition| {
                    let (days, newer) = (transition.noncurrent_days, transition.newer_noncurrent_versions);
                    older.is_due(days, newer, now)
                });
                let classes = due.filter_map(|transition| transition.storage_class);
                classes.filter(|class| is_large_enough(rule, object, *class, varies))
            });
            if let Some(class) = colder(object, due).filter(|_| !object.marker) {
                put(cx, bucket, key, object, class).await?;
            }
        }
    }
}

/// Gives a version the class, if it is as it was seen.
async fn put(cx: &Ctx, bucket: &Bucket, key: &str, seen: &Object, class: &'static str) -> Result<()> {
    let draw = Draw::new(cx);
    let put = |tx: &mut Tx| {
        let current = object::current(tx, bucket, key)?.filter(|current| current.rank == seen.rank);
        let found = match current {
            Some(current) => Some(current),
            None => OLDER.get(tx, &(bucket.id, key.to_owned(), seen.rank))?,
        };
        let Some(mut object) = found.filter(|found| found.headers == seen.headers) else { return Ok(()) };
        object.headers.storage_class = Some(class.to_owned());
        object.restore = None;
        object::rewrite(tx, bucket, key, &object)?;
        notify::note(tx, cx, bucket, "LifecycleTransition", (key, &object), draw)
    };
    cx.kv.transact(put).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Headers;

    #[test]
    fn objects_become_colder_alone() {
        let check = |own: Option<&str>, due: &[Class], expected: Option<&str>| {
            let headers = Headers { storage_class: own.map(str::to_owned), ..Headers::default() };
            let object = Object { headers, ..Object::default() };
            assert_eq!(colder(&object, due.iter().copied()), expected, "{own:?} {due:?}");
        };
        check(None, &[Class::StandardIa], Some("STANDARD_IA"));
        check(None, &[Class::Glacier, Class::StandardIa], Some("GLACIER"));
        check(Some("GLACIER"), &[Class::StandardIa], None);
        check(Some("GLACIER"), &[Class::Glacier], None);
        check(Some("GLACIER"), &[Class::DeepArchive], Some("DEEP_ARCHIVE"));
        check(None, &[], None);
    }
}
