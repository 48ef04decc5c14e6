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
    Some(match event.split_once(':')?.0 {
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
    if kind == "ObjectCreated" {
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
    let mut detail = json!({
        "version": "0",
        "bucket": { "name": bucket.name },
        "object": about,
        "request-id": &*cx.request_id,
        "requester": if expired { "s3.amazonaws.com" } else { &*cx.caller.account },
    });
    if !expired {
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
    detail
}
