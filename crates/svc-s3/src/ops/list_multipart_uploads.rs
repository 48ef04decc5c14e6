//! `ListMultipartUploads`: uploads that were begun and not ended.

use api_s3::{
    Initiator, ListMultipartUploadsInput, ListMultipartUploadsOutput, MultipartUpload, StorageClass,
};
use aws_wire::Result;
use env::Timestamp;
use kv::{Direction, Read, Span, StartsWith};

use crate::bucket::Bucket;
use crate::keys::{UPLOADS, UploadKey};
use crate::listing::{self, Encoding, common_prefix};
use crate::upload::Upload;
use crate::{Ctx, access, right, upload};

pub(crate) async fn list_multipart_uploads(
    cx: Ctx,
    input: ListMultipartUploadsInput,
) -> Result<ListMultipartUploadsOutput> {
    let uploads_max = listing::page_size(input.max_uploads, "max-uploads")?;
    let snapshot = cx.kv.snapshot().await?;
    let owner = input.expected_bucket_owner.as_deref();
    let bucket = right::bucket(&cx, &snapshot, &input.bucket, owner, ("s3:ListBucketMultipartUploads", ""))?;
    let prefix = input.prefix.as_deref().unwrap_or_default();
    let delimiter = input.delimiter.as_deref().unwrap_or_default();
    let (key_marker, upload_marker) = (
        input.key_marker.as_deref().unwrap_or_default(),
        // Without a key it means nothing.
        input.upload_id_marker.as_deref().filter(|_| input.key_marker.is_some()).unwrap_or_default(),
    );
    let mut span = Span::<UploadKey>::prefix(&(bucket.id, StartsWith(prefix)));
    if !key_marker.is_empty() {
        let is_prefix = common_prefix(key_marker, prefix, delimiter) == Some(key_marker);
        span = match (is_prefix, upload_marker) {
            (true, _) => span.after_prefix(&(bucket.id, StartsWith(key_marker))),
            (false, "") => span.after_prefix(&(bucket.id, key_marker)),
            (false, marker) => span.after(&(bucket.id, key_marker, marker)),
        };
    }
    let found = walk(&snapshot, &bucket, span, (prefix, delimiter), uploads_max)?;
    let encoding = Encoding(input.encoding_type);
    let next = found.last.filter(|_| found.more);
    let uploads =
        found.uploads.into_iter().map(|(key, name, upload)| shown(&bucket, key, name, upload, encoding));
    let uploads = uploads.collect::<Vec<_>>();
    Ok(ListMultipartUploadsOutput {
        bucket: Some(input.bucket),
        key_marker: Some(encoding.text(key_marker)),
        upload_id_marker: Some(upload_marker.to_owned()),
        next_key_marker: next.as_ref().map(|(key, _)| encoding.text(key)),
        next_upload_id_marker: next.and_then(|(_, name)| name),
        prefix: Some(encoding.text(prefix)),
        delimiter: encoding.some(input.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty())),
        max_uploads: i32::try_from(uploads_max).ok(),
        is_truncated: Some(found.more),
        uploads: (!uploads.is_empty()).then_some(uploads),
        common_prefixes: encoding.prefixes(found.prefixes),
        encoding_type: input.encoding_type,
        request_charged: None,
    })
}

#[derive(Default)]
struct Found {
    uploads: Vec<(String, String, Upload)>,
    prefixes: Vec<String>,
    last: Option<(String, Option<String>)>,
    more: bool,
}

fn walk(
    reader: &impl Read,
    bucket: &Bucket,
    mut span: Span<UploadKey>,
    (prefix, delimiter): (&str, &str),
    uploads_max: usize,
) -> Result<Found> {
    let mut found = Found::default();
    if uploads_max == 0 {
        return Ok(found);
    }
    loop {
        let rows = UPLOADS.scan(reader, &span, listing::PAGE_MAX, Direction::Forward)?;
        let full = rows.len() == listing::PAGE_MAX;
        let last = rows.last().map(|(at, _)| at.clone());
        let mut jump = None;
        for ((_, key, name), upload) in rows {
            if found.uploads.len() + found.prefixes.len() == uploads_max {
                found.more = true;
                return Ok(found);
            }
            if let Some(common) = common_prefix(&key, prefix, delimiter) {
                found.prefixes.push(common.to_owned());
                found.last = Some((common.to_owned(), None));
                jump = Some(common.to_owned());
                break;
            }
            found.last = Some((key.clone(), Some(name.clone())));
            found.uploads.push((key, name, upload));
        }
        span = match (jump, last) {
            (Some(common), _) => span.after_prefix(&(bucket.id, StartsWith(&common))),
            (None, Some(last)) if full => span.after(&last),
            _ => return Ok(found),
        };
    }
}

fn shown(bucket: &Bucket, key: String, name: String, upload: Upload, encoding: Encoding) -> MultipartUpload {
    let class = upload.headers.storage_class.as_deref().and_then(|class| class.parse().ok());
    MultipartUpload {
        upload_id: Some(name),
        key: Some(encoding.text(&key)),
        initiated: Some(Timestamp::from_millis(upload.begun_ms)),
        storage_class: Some(class.unwrap_or(StorageClass::Standard)),
        owner: Some(access::owner(&bucket.account)),
        initiator: Some(Initiator { id: Some(upload.initiator), ..Initiator::default() }),
        checksum_algorithm: upload.algorithm_named.then(|| upload.algorithm.shown()),
        checksum_type: upload.algorithm_named.then(|| upload::shown_type(upload.composite)),
        ..MultipartUpload::default()
    }
}
