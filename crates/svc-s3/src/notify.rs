//! Events of buckets: noted in the transaction of the change, told by a job.

use std::collections::BTreeMap;
use std::time::Duration;

use api_s3::{
    Event, GetBucketNotificationConfigurationInput, NotificationConfiguration,
    NotificationConfigurationFilter,
};
use aws_wire::{AwsError, Result, timestamp};
use kv::{Direction, Span, Tx};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use service::{BusEvent, Delivery, Sender, TargetArn};

use crate::access::canonical_id;
use crate::bucket::Bucket;
use crate::keys::{Id, OUTBOX};
use crate::object::{Draw, Object};
use crate::{Ctx, bridge, document};

/// Events told one after the other before the store is looked at again.
const PAGE: usize = 100;
/// How often an event is tried before it is given up.
const ATTEMPTS_MAX: u32 = 10;
const PAUSE: Duration = Duration::from_secs(1);
/// What keys keep in an event; a space becomes a plus.
const KEPT: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b'/').remove(b' ');

/// An event on its way to one target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Notice {
    pub target: String,
    pub bucket: String,
    pub account: String,
    pub event: Json,
    /// For a bus: the event is then the detail of one of this type.
    #[serde(default)]
    pub detail_type: Option<String>,
    #[serde(default)]
    pub attempts: u32,
}

/// Notes what happened to `object` for every target that wants to hear of it. `event` is such as
/// `ObjectCreated:Put`.
pub(crate) fn note(
    tx: &mut Tx,
    cx: &Ctx,
    bucket: &Bucket,
    event: &'static str,
    (key, object): (&str, &Object),
    draw: Draw,
) -> Result<()> {
    let set = document::read::<GetBucketNotificationConfigurationInput>(tx, bucket)?;
    let Some(set) = set else { return Ok(()) };
    let (account, arn) = (&bucket.account, bucket.arn());
    let of = |target, event, detail_type| Notice {
        target,
        bucket: arn.clone(),
        account: account.clone(),
        event,
        detail_type,
        attempts: 0,
    };
    let mut notices = Vec::new();
    if set.event_bridge_configuration.is_some()
        && let Some(detail_type) = bridge::detail_type(event)
    {
        let detail = bridge::detail(cx, bucket, event, (key, object), draw);
        notices.push(of(bridge::bus(bucket), detail, Some(detail_type.to_owned())));
    }
    for (configuration, target) in wanted(set, event, key) {
        notices.push(of(target, message(cx, bucket, event, (key, object), &configuration, draw), None));
    }
    for (number, notice) in (0_u8..).zip(notices) {
        let mut id = draw.id;
        id[15] ^= number;
        OUTBOX.put(tx, &(draw.now.as_micros(), id), &notice)?;
    }
    Ok(())
}

/// The configurations that an event fits: each one's id and target.
fn wanted(set: NotificationConfiguration, event: &str, key: &str) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let functions = set.lambda_function_configurations.unwrap_or_default();
    all.extend(functions.into_iter().map(|one| (one.id, one.lambda_function_arn, one.events, one.filter)));
    let queues = set.queue_configurations.unwrap_or_default();
    all.extend(queues.into_iter().map(|one| (one.id, one.queue_arn, one.events, one.filter)));
    let topics = set.topic_configurations.unwrap_or_default();
    all.extend(topics.into_iter().map(|one| (one.id, one.topic_arn, one.events, one.filter)));
    let fits = all.into_iter().filter(|(_, _, events, filter)| {
        events.iter().any(|pattern| matches(*pattern, event)) && passes(filter.as_ref(), key)
    });
    fits.map(|(id, target, ..)| (id.unwrap_or_default(), target)).collect()
}

fn matches(pattern: Event, event: &str) -> bool {
    let pattern = pattern.as_str().trim_start_matches("s3:");
    pattern == event || pattern.strip_suffix('*').is_some_and(|prefix| event.starts_with(prefix))
}

fn passes(filter: Option<&NotificationConfigurationFilter>, key: &str) -> bool {
    let rules = filter.and_then(|filter| filter.key.as_ref()?.filter_rules.as_ref());
    rules.into_iter().flatten().all(|rule| {
        let value = rule.value.as_deref().unwrap_or_default();
        match rule.name {
            Some(api_s3::FilterRuleName::Prefix) => key.starts_with(value),
            Some(api_s3::FilterRuleName::Suffix) => key.ends_with(value),
            None => true,
        }
    })
}

fn message(
    cx: &Ctx,
    bucket: &Bucket,
    event: &str,
    (key, object): (&str, &Object),
    configuration: &str,
    draw: Draw,
) -> Json {
    let mut about = json!({ "key": utf8_percent_encode(key, KEPT).to_string().replace(' ', "+") });
    if event.starts_with("ObjectCreated") || event == "ObjectRestore:Completed" {
        about["size"] = object.size_bytes.into();
    }
    if !object.etag.is_empty() {
        about["eTag"] = object.etag.as_str().into();
    }
    if let Some(version) = object.shown_version(bucket) {
        about["versionId"] = version.into();
    }
    about["sequencer"] = sequencer(draw).into();
    let mut record = json!({
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": bucket.region,
        "eventTime": with_millis(draw.now),
        "eventName": event,
        "userIdentity": { "principalId": format!("AWS:{}", cx.caller.principal.user_id) },
        "requestParameters": { "sourceIPAddress": "127.0.0.1" },
        "responseElements": { "x-amz-request-id": &*cx.request_id, "x-amz-id-2": &*cx.request_id },
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": configuration,
            "bucket": {
                "name": bucket.name,
                "ownerIdentity": { "principalId": canonical_id(&bucket.account) },
                "arn": bucket.arn(),
            },
            "object": about,
        },
    });
    if let ("ObjectRestore:Completed", Some(restore)) = (event, &object.restore) {
        let until = env::Timestamp::from_millis(restore.until_ms);
        record["glacierEventData"] = json!({ "restoreEventData": {
            "lifecycleRestorationExpiryTime": with_millis(until),
            "lifecycleRestoreStorageClass": object.headers.storage_class,
        } });
    }
    json!({ "Records": [record] })
}

/// Orders a key's events.
pub(crate) fn sequencer(draw: Draw) -> String {
    format!("{:018X}", draw.now.as_micros())
}

fn with_millis(at: env::Timestamp) -> String {
    let text = timestamp::iso8601(at);
    if text.contains('.') { text } else { text.replace('Z', ".000Z") }
}

/// Tells events, oldest first.
pub(crate) async fn run(cx: Ctx) {
    let mut watch = cx.kv.watch(OUTBOX.prefix(&()));
    loop {
        match tell_all(&cx).await {
            Ok(true) => cx.env.sleep(PAUSE).await,
            Ok(false) => watch.changed().await,
            Err(error) => {
                tracing::error!(%error, cause = ?error.cause, "tell events of buckets");
                cx.env.sleep(PAUSE).await;
            }
        }
    }
}

/// Whether some are left that are to be tried again.
async fn tell_all(cx: &Ctx) -> Result<bool> {
    let (mut span, mut left) = (Span::all(), false);
    loop {
        let page = OUTBOX.scan(&cx.kv.snapshot().await?, &span, PAGE, Direction::Forward)?;
        let Some((last, _)) = page.last() else { return Ok(left) };
        span = span.after(last);
        for (at, notice) in page {
            left |= tell(cx, at, notice).await?;
        }
    }
}

/// Whether it is to be tried again.
async fn tell(cx: &Ctx, at: (i64, Id), mut notice: Notice) -> Result<bool> {
    let told = match TargetArn::parse(&notice.target) {
        Some(target) => cx.deliver(delivery(&notice, target)).await,
        None => Ok(()),
    };
    notice.attempts += 1;
    let again = match &told {
        Err(error) if error.is_worth_another_try() && notice.attempts < ATTEMPTS_MAX => true,
        Err(error) => {
            tracing::warn!(%error, target = notice.target, bucket = notice.bucket, "an event was not taken");
            false
        }
        Ok(()) => false,
    };
    cx.kv
        .transact(|tx| {
            if again {
                OUTBOX.put(tx, &at, &notice)?
            } else {
                OUTBOX.delete(tx, &at)?
            }
            Ok::<_, AwsError>(())
        })
        .await?;
    Ok(again)
}

/// S3 on behalf of a bucket, by its ARN and account.
pub(crate) fn sender(bucket: String, account: String) -> Sender {
    Sender { service: "s3.amazonaws.com".to_owned(), source_arn: bucket, source_account: account, role: None }
}

fn delivery(notice: &Notice, target: TargetArn) -> Delivery {
    Delivery {
        target,
        payload: notice.event.to_string().into(),
        sender: sender(notice.bucket.clone(), notice.account.clone()),
        attributes: BTreeMap::new(),
        bus: notice.detail_type.clone().map(|detail_type| BusEvent {
            source: "aws.s3".to_owned(),
            detail_type,
            resources: vec![notice.bucket.clone()],
        }),
        object_key: None,
        trace: None,
        in_order: None,
    }
}
