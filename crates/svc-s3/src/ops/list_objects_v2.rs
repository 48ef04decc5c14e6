//! `ListObjectsV2`: a bucket's keys in order, page by page.

use api_s3::{ListObjectsV2Input, ListObjectsV2Output, Object as Shown, ObjectStorageClass};
use aws_wire::Result;

use crate::bucket::Bucket;
use crate::listing::{self, After, Asked, Encoding, Entry};
use crate::object::Object;
use crate::{Ctx, access, right};

pub(crate) async fn list_objects_v2(cx: Ctx, input: ListObjectsV2Input) -> Result<ListObjectsV2Output> {
    let entries_max = listing::page_size(input.max_keys, "max-keys")?;
    let after = match (input.continuation_token.as_deref(), input.start_after.as_deref()) {
        (Some(token), _) => After::of_token(token)?,
        (None, None | Some("")) => After::Start,
        (None, Some(key)) => After::Key(key.to_owned()),
    };
    let snapshot = cx.kv.snapshot().await?;
    let owner = input.expected_bucket_owner.as_deref();
    let bucket = right::bucket(&cx, &snapshot, &input.bucket, owner, ("s3:ListBucket", ""))?;
    let prefix = input.prefix.as_deref().unwrap_or_default();
    let delimiter = input.delimiter.as_deref().unwrap_or_default();
    let page = listing::objects(&snapshot, &bucket, &Asked { prefix, delimiter, after, entries_max })?;

    let encoding = Encoding(input.encoding_type);
    let (key_count, next, more) = (page.entries.len(), page.next(), page.more);
    let fetch_owner = input.fetch_owner == Some(true);
    let (contents, prefixes) = split(&bucket, page.entries, encoding, fetch_owner);
    Ok(ListObjectsV2Output {
        is_truncated: Some(more),
        contents: (!contents.is_empty()).then_some(contents),
        name: Some(input.bucket),
        prefix: Some(encoding.text(prefix)),
        delimiter: encoding.some(input.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty())),
        max_keys: i32::try_from(entries_max).ok(),
        common_prefixes: encoding.prefixes(prefixes),
        encoding_type: input.encoding_type,
        key_count: i32::try_from(key_count).ok(),
        continuation_token: input.continuation_token,
        next_continuation_token: next.map(|after| after.token()),
        start_after: encoding.some(input.start_after.as_deref()),
        request_charged: None,
    })
}

/// A page's objects and its common prefixes.
pub(super) fn split(
    bucket: &Bucket,
    entries: Vec<Entry>,
    encoding: Encoding,
    owner: bool,
) -> (Vec<Shown>, Vec<String>) {
    let (mut contents, mut prefixes) = (Vec::new(), Vec::new());
    for entry in entries {
        match entry {
            Entry::Key(key, object) => contents.push(shown(bucket, &key, &object, encoding, owner)),
            Entry::Prefix(prefix) => prefixes.push(prefix),
        }
    }
    (contents, prefixes)
}

fn shown(bucket: &Bucket, key: &str, object: &Object, encoding: Encoding, owner: bool) -> Shown {
    let class = object.headers.storage_class.as_deref().and_then(|class| class.parse().ok());
    Shown {
        key: Some(encoding.text(key)),
        last_modified: Some(object.modified()),
        e_tag: Some(object.quoted_etag()),
        checksum_algorithm: object.checksum.as_ref().map(|checksum| vec![checksum.algorithm.shown()]),
        checksum_type: object.checksum.as_ref().map(|checksum| checksum.shown_type()),
        size: i64::try_from(object.size_bytes).ok(),
        storage_class: Some(class.unwrap_or(ObjectStorageClass::Standard)),
        owner: owner.then(|| access::owner(&bucket.account)),
        restore_status: None,
    }
}
