//! `ListParts`: what of an upload is here already.

use api_s3::{Initiator, ListPartsInput, ListPartsOutput, Part as ShownPart, StorageClass};
use aws_wire::Result;
use env::Timestamp;
use kv::{Direction, Span};

use crate::checksum::show_checksum;
use crate::keys::PARTS;
use crate::{Ctx, access, customer, errors, listing, right, upload};

pub(crate) async fn list_parts(cx: Ctx, input: ListPartsInput) -> Result<ListPartsOutput> {
    let key = customer::key_of!(input)?;
    let parts_max = listing::page_size(input.max_parts, "max-parts")?;
    let after = u32::try_from(input.part_number_marker.unwrap_or_default()).map_err(|_| {
        let message = "Argument part-number-marker must be an integer between 0 and 2147483647";
        errors::invalid_argument("part-number-marker", "", message)
    })?;
    let snapshot = cx.kv.snapshot().await?;
    let owner = input.expected_bucket_owner.as_deref();
    let bucket =
        right::bucket(&cx, &snapshot, &input.bucket, owner, ("s3:ListMultipartUploadParts", &input.key))?;
    let upload = upload::find(&snapshot, &bucket, &input.key, &input.upload_id)?;
    if key.is_some() {
        customer::check_part(upload.customer.as_ref(), key.as_ref())?;
    }
    let span = Span::prefix(&(upload.id,)).after(&(upload.id, after));
    let mut found = PARTS.scan(&snapshot, &span, parts_max + 1, Direction::Forward)?;
    let more = found.len() > parts_max && parts_max > 0;
    found.truncate(parts_max);
    let last = found.last().map_or(after, |((_, number), _)| *number);
    let parts = found.into_iter().map(|((_, number), part)| {
        let mut shown = ShownPart {
            part_number: i32::try_from(number).ok(),
            last_modified: Some(Timestamp::from_millis(part.modified_ms)),
            e_tag: Some(format!("\"{}\"", part.etag)),
            size: i64::try_from(part.size_bytes).ok(),
            ..ShownPart::default()
        };
        if upload.algorithm_named {
            show_checksum!(shown, &Some(&part.checksum));
        }
        shown
    });
    let parts = parts.collect::<Vec<_>>();
    let class = upload.headers.storage_class.as_deref().and_then(|class| class.parse().ok());
    Ok(ListPartsOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(input.upload_id),
        part_number_marker: i32::try_from(after).ok(),
        next_part_number_marker: i32::try_from(last).ok(),
        max_parts: i32::try_from(parts_max).ok(),
        is_truncated: Some(more),
        parts: (!parts.is_empty()).then_some(parts),
        initiator: Some(Initiator { id: Some(upload.initiator), ..Initiator::default() }),
        owner: Some(access::owner(&bucket.account)),
        storage_class: Some(class.unwrap_or(StorageClass::Standard)),
        checksum_algorithm: upload.algorithm_named.then(|| upload.algorithm.shown()),
        checksum_type: upload.algorithm_named.then(|| upload::shown_type(upload.composite)),
        ..ListPartsOutput::default()
    })
}
