//! `UploadPartCopy`: a part whose bytes are those of an object, or of a range of it.

use api_s3::{CopyPartResult, UploadPartCopyInput, UploadPartCopyOutput};
use aws_wire::Result;
use env::Timestamp;

use crate::checksum::{Stated, show_checksum};
use crate::copy_source::{self, CopySource};
use crate::range::{self, Span};
use crate::upload::{self, Named};
use crate::{Ctx, content, customer, errors, restore, right};

pub(crate) async fn upload_part_copy(cx: Ctx, input: UploadPartCopyInput) -> Result<UploadPartCopyOutput> {
    let (key, source_key) = (customer::key_of!(input)?, customer::source_key_of!(input)?);
    let number = upload::check_number(input.part_number)?;
    let source = CopySource::read(&input.copy_source)?;
    let of_source = copy_source::conditions(
        input.copy_source_if_match.as_deref(),
        input.copy_source_if_none_match.as_deref(),
        input.copy_source_if_modified_since,
        input.copy_source_if_unmodified_since,
    );
    let (owner, source_owner) =
        (input.expected_bucket_owner.as_deref(), input.expected_source_bucket_owner.as_deref());
    let entry = cx.state.holds.enter().await;
    let snapshot = cx.kv.snapshot().await?;
    let bucket = right::bucket(&cx, &snapshot, &input.bucket, owner, ("s3:PutObject", &input.key))?;
    let upload = upload::find(&snapshot, &bucket, &input.key, &input.upload_id)?;
    let (source_bucket, from) = source.find(&cx, &snapshot, source_owner, &of_source)?;
    customer::check_part(upload.customer.as_ref(), key.as_ref())?;
    customer::check_read(from.customer.as_ref(), source_key.as_ref())?;
    restore::check_source(&from, cx.env.now())?;
    let span = match input.copy_source_range.as_deref() {
        Some(header) => exact(header, from.size_bytes)?,
        None => Span { start: 0, size_bytes: from.size_bytes },
    };
    let content = content::find(&snapshot, from.content)?;
    drop(snapshot);
    let body = content::open(&cx, &entry, &content, (span.start, span.size_bytes), source_key);
    drop(entry);
    let stated = Stated { values: Vec::new(), announced: Some(upload.algorithm) };
    let most = upload::PART_BYTES_MAX;
    let received = content::receive(&cx, Some(body), None, &stated, most, key.as_ref()).await?;
    let named = Named { bucket: &input.bucket, owner, key: &input.key, id: &input.upload_id };
    let part = upload::take_part(&cx, named, number, received).await?;
    let mut result = CopyPartResult {
        e_tag: Some(format!("\"{}\"", part.etag)),
        last_modified: Some(Timestamp::from_millis(part.modified_ms)),
        ..CopyPartResult::default()
    };
    show_checksum!(result, &Some(&part.checksum));
    let mut shown = UploadPartCopyOutput {
        copy_part_result: Some(result),
        copy_source_version_id: from.shown_version(&source_bucket),
        ..UploadPartCopyOutput::default()
    };
    customer::show_key!(shown, &key);
    Ok(shown)
}

/// A copy's range has both ends, and both lie inside the source.
fn exact(header: &str, whole: u64) -> Result<Span> {
    let invalid = |message: &str| errors::invalid_argument("x-amz-copy-source-range", header, message);
    let ends = header.strip_prefix("bytes=").and_then(|ends| ends.split_once('-'));
    let ends = ends.and_then(|(first, last)| Some((first.parse::<u64>().ok()?, last.parse::<u64>().ok()?)));
    let Some((first, last)) = ends.filter(|(first, last)| first <= last) else {
        return Err(invalid(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the \
             zero-based offsets of the first and last bytes to copy",
        ));
    };
    match range::read(header, whole) {
        Ok(Some(span)) if last < whole => Ok(span),
        _ => Err(invalid(&format!(
            "Range specified is not valid for source object of size: {whole} (from {first})"
        ))),
    }
}
