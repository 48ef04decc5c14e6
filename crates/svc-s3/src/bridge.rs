//! Events of buckets as EventBridge has them: other names, and keys as they are.

use serde_json::{Value as Json, json};

use crate::Ctx;
use crate::bucket::Bucket;
use crate::notify::sequencer;
use crate::object::{Draw, Object};

/// The account's default bus, where the bucket lies.
pub(crate) fn bus(bucket: &Bucket) -> String {
    format!("arn:aws:events:{}:{}:event-bus/default", bucket.region, bucket.account)
}

/// `None` for what EventBridge does not hear of. `event` is such as `ObjectCreated:Put`.
pub(crate) fn detail_type(event: &str) -> Option<&'static str> {
    Some(match event.split_once(':').unwrap_or((event, "")).0 {
        "LifecycleTransition" => "Object Storage Class Changed",
        "ObjectRestore" => match event {
            "ObjectRestore:Post" => "Object Restore Initiated",
            "ObjectRestore:Completed" => "Object Restore Completed",
            _ => "Object Restore Expired",
        },
        "ObjectCreated" => "Object Created",
        "ObjectRemoved" | "LifecycleExpiration" => "Object Deleted",
        "ObjectAcl" => "Object ACL Updated",
        "ObjectTagging" if event.ends_with(":Delete") => "Object Tags Deleted",
        "ObjectTagging" => "Object Tags Added",
        _ => return None,
    })
}

pub(crate) fn detail(
    cx: &Ctx,
    bucket: &Bucket,
    event: &str,
    (key, object): (&str, &Object),
    draw: Draw,
) -> Json {
    let (kind, how) = event.split_once(':').unwrap_or((event, ""));
    let mut about = json!({ "key": key });
    if matches!(kind, "ObjectCreated" | "LifecycleTransition") || event == "ObjectRestore:Completed" {
        about["size"] = object.size_bytes.into();
    }
    if !object.etag.is_empty() {
        about["etag"] = object.etag.as_str().into();
    }
    if let Some(version) = object.shown_version(bucket) {
        about["version-id"] = version.into();
    }
    about["sequencer"] = sequencer(draw).into();
    let expired = kind == "LifecycleExpiration";
    let by_itself = expired || kind == "LifecycleTransition" || (kind == "ObjectRestore" && how != "Post");
    let mut detail = json!({
        "version": "0",
        "bucket": { "name": bucket.name },
        "object": about,
        "request-id": &*cx.request_id,
        "requester": if by_itself { "s3.amazonaws.com" } else { &*cx.caller.account },
    });
    if !by_itself {
        detail["source-ip-address"] = "127.0.0.1".into();
    }
    let reason = match (kind, how) {
        ("ObjectCreated", "Put") => Some("PutObject"),
        ("ObjectCreated", "Post") => Some("POST Object"),
        ("ObjectCreated", "Copy") => Some("CopyObject"),
        ("ObjectCreated", _) => Some("CompleteMultipartUpload"),
        ("ObjectRemoved", _) => Some("DeleteObject"),
        ("LifecycleExpiration", _) => Some("Lifecycle Expiration"),
        _ => None,
    };
    if let Some(reason) = reason {
        detail["reason"] = reason.into();
    }
    if expired || kind == "ObjectRemoved" {
        let kind = if how == "DeleteMarkerCreated" { "Delete Marker Created" } else { "Permanently Deleted" };
        detail["deletion-type"] = kind.into();
    }
    let class = object.headers.storage_class.as_deref().unwrap_or("STANDARD");
    if kind == "LifecycleTransition" {
        detail["destination-storage-class"] = class.into();
    }
    if let ("ObjectRestore", Some(restore)) = (kind, &object.restore)
        && how != "Delete"
    {
        detail["source-storage-class"] = class.into();
        if how == "Completed" {
            let until = env::Timestamp::from_millis(restore.until_ms);
            detail["restore-expiry-time"] = aws_wire::timestamp::iso8601(until).into();
        }
    }
    detail
}
