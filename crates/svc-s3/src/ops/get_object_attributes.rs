//! `GetObjectAttributes`: what is known of a version, and of its parts.

use api_s3::{
    Checksum as ShownChecksum, GetObjectAttributesInput, GetObjectAttributesOutput, GetObjectAttributesParts,
    ObjectAttributes, ObjectPart, StorageClass,
};
use aws_wire::Result;

use crate::checksum::{Checksum, show_checksum};
use crate::content::{self, PartOf};
use crate::right::{self, Right, Wanted};
use crate::{Ctx, customer, listing};

pub(crate) async fn get_object_attributes(
    cx: Ctx,
    input: GetObjectAttributesInput,
) -> Result<GetObjectAttributesOutput> {
    let key = customer::key_of!(input)?;
    let parts_max = listing::page_size(input.max_parts, "x-amz-max-parts")?;
    let snapshot = cx.kv.snapshot().await?;
    let wanted =
        Wanted { key: &input.key, version: input.version_id.as_deref(), method: "GET", right: Right::Read };
    let owner = input.expected_bucket_owner.as_deref();
    right::bucket(&cx, &snapshot, &input.bucket, owner, ("s3:GetObjectAttributes", &input.key))?;
    let (bucket, object) = right::object(&cx, &snapshot, &input.bucket, owner, wanted)?;
    customer::check_read(object.customer.as_ref(), key.as_ref())?;
    let asks = |attribute| input.object_attributes.contains(&attribute);
    let parts = if asks(ObjectAttributes::ObjectParts) && object.parts > 0 {
        let content = content::find(&snapshot, object.content)?;
        let after = u32::try_from(input.part_number_marker.unwrap_or_default()).unwrap_or_default();
        Some(shown_parts(content.parts, after, parts_max))
    } else {
        None
    };
    let class = object.headers.storage_class.as_deref().and_then(|class| class.parse().ok());
    Ok(GetObjectAttributesOutput {
        last_modified: Some(object.modified()),
        version_id: object.shown_version(&bucket),
        // Without quotes here, unlike anywhere else.
        e_tag: asks(ObjectAttributes::ETag).then(|| object.etag.clone()),
        checksum: object.checksum.as_ref().filter(|_| asks(ObjectAttributes::Checksum)).map(shown_checksum),
        object_parts: parts,
        storage_class: asks(ObjectAttributes::StorageClass).then(|| class.unwrap_or(StorageClass::Standard)),
        object_size: asks(ObjectAttributes::ObjectSize)
            .then(|| i64::try_from(object.size_bytes).unwrap_or(i64::MAX)),
        ..GetObjectAttributesOutput::default()
    })
}

fn shown_checksum(checksum: &Checksum) -> ShownChecksum {
    let mut shown = ShownChecksum { checksum_type: Some(checksum.shown_type()), ..ShownChecksum::default() };
    show_checksum!(shown, &Some(checksum));
    shown
}

fn shown_parts(all: Vec<PartOf>, after: u32, parts_max: usize) -> GetObjectAttributesParts {
    let total = i32::try_from(all.len()).ok();
    // S3 lists parts only where they have checksums of their own.
    let listed = all.into_iter().filter(|part| part.number > after && part.checksum.is_some());
    let mut parts = listed.collect::<Vec<_>>();
    let more = parts.len() > parts_max;
    parts.truncate(parts_max);
    let last = parts.last().map_or(after, |part| part.number);
    let shown = parts.iter().map(|part| {
        let mut shown = ObjectPart {
            part_number: i32::try_from(part.number).ok(),
            size: i64::try_from(part.size_bytes).ok(),
            ..ObjectPart::default()
        };
        show_checksum!(shown, &part.checksum);
        shown
    });
    let shown = shown.collect::<Vec<_>>();
    GetObjectAttributesParts {
        total_parts_count: total,
        part_number_marker: i32::try_from(after).ok(),
        next_part_number_marker: i32::try_from(last).ok(),
        max_parts: i32::try_from(parts_max).ok(),
        is_truncated: Some(more),
        parts: (!shown.is_empty()).then_some(shown),
    }
}
