//! `CompleteMultipartUpload`: the parts become one object. No byte is copied.

use api_s3::{
    CompleteMultipartUploadInput, CompleteMultipartUploadOutput, CompletedPart, ServerSideEncryption,
};
use aws_wire::Result;
use kv::{Read, Tx};
use md5::{Digest as _, Md5};

use crate::checksum::{self, Checksum, refuse_checksums, show_checksum, stated_checksums};
use crate::content::{self, Content, PartOf};
use crate::keys::{CONTENTS, Id, PARTS};
use crate::object::{Draw, Object};
use crate::upload::{self, PART_BYTES_MIN, Part, Upload};
use crate::{Ctx, conditions, customer, errors, notify, object, right};

pub(crate) async fn complete_multipart_upload(
    cx: Ctx,
    input: CompleteMultipartUploadInput,
) -> Result<CompleteMultipartUploadOutput> {
    refuse_checksums!("CompleteMultipartUpload", input);
    let key = customer::key_of!(input)?;
    let listed = input.multipart_upload.and_then(|upload| upload.parts).unwrap_or_default();
    if listed.is_empty() || listed.len() > upload::PARTS_MAX as usize {
        return Err(errors::malformed_xml());
    }
    let (draw, id) = (Draw::new(&cx), *cx.env.uuid().as_bytes());
    let claimed = checksum::ALL.into_iter().zip(stated_checksums!(input));
    let claimed = claimed.filter_map(|(algorithm, value)| Some((algorithm, value.clone()?)));
    let claimed = claimed.collect::<Vec<_>>();
    let completed = cx.kv.transact(|tx| {
        let owner = input.expected_bucket_owner.as_deref();
        let bucket = right::bucket(&cx, tx, &input.bucket, owner, ("s3:PutObject", &input.key))?;
        let upload = upload::find(tx, &bucket, &input.key, &input.upload_id)?;
        if key.is_some() {
            customer::check_part(upload.customer.as_ref(), key.as_ref())?;
        }
        let parts = check_parts(tx, &upload, &listed)?;
        let current = object::current(tx, &bucket, &input.key)?;
        let (if_match, if_none_match) = (input.if_match.as_deref(), input.if_none_match.as_deref());
        conditions::check_write(current.as_ref(), &input.key, if_match, if_none_match)?;
        let object = assemble(tx, &upload, &parts, id)?;
        let size = i64::try_from(object.size_bytes);
        if input.mpu_object_size.is_some_and(|stated| Ok(stated) != size) {
            let message = "The provided 'x-amz-mp-object-size' header does not match what was computed.";
            return Err(errors::invalid_request(message));
        }
        let computed = object.checksum.as_ref();
        let differs = |(algorithm, value): &(checksum::Algorithm, String)| {
            computed.is_none_or(|computed| computed.algorithm != *algorithm || !same(value, computed))
        };
        if claimed.iter().any(differs) {
            let message = "The checksum you specified did not match the calculated checksum.";
            return Err(errors::bad_digest(message));
        }
        upload::end(tx, &bucket, &input.key, &input.upload_id, &upload)?;
        let object = object::add(tx, &bucket, &input.key, object, draw)?;
        let event = "ObjectCreated:CompleteMultipartUpload";
        notify::note(tx, &cx, &bucket, event, (&input.key, &object), draw)?;
        Ok((bucket, object))
    });
    let (bucket, object) = completed.await?;
    let mut shown = CompleteMultipartUploadOutput {
        location: Some(format!("http://{}.s3.localhost/{}", input.bucket, input.key)),
        bucket: Some(input.bucket),
        key: Some(input.key),
        e_tag: Some(object.quoted_etag()),
        version_id: object.shown_version(&bucket),
        // An answer has no place for what tells of a client's own key.
        server_side_encryption: object.customer.is_none().then_some(ServerSideEncryption::Aes256),
        checksum_type: object.checksum.as_ref().map(Checksum::shown_type),
        ..CompleteMultipartUploadOutput::default()
    };
    show_checksum!(shown, &object.checksum);
    Ok(shown)
}

/// A client may leave the number of parts out of a composite checksum.
fn same(claimed: &str, computed: &Checksum) -> bool {
    let whole = computed.value.split('-').next().unwrap_or_default();
    claimed == computed.value || (computed.composite && claimed == whole)
}

/// The parts that the client lists, in its order.
fn check_parts(reader: &impl Read, upload: &Upload, listed: &[CompletedPart]) -> Result<Vec<(u32, Part)>> {
    let mut parts = Vec::with_capacity(listed.len());
    if !listed.is_sorted_by(|one, next| one.part_number < next.part_number) {
        return Err(errors::invalid_part_order());
    }
    for (position, one) in listed.iter().enumerate() {
        let number = one.part_number.ok_or_else(errors::malformed_xml)?;
        let shown = number;
        let number = upload::check_number(number)?;
        let found = PARTS.get(reader, &(upload.id, number))?.ok_or_else(errors::invalid_part)?;
        let etag = one.e_tag.as_deref().ok_or_else(errors::malformed_xml)?;
        let claimed = checksum::ALL.into_iter().zip(stated_checksums!(one));
        let fits = claimed.filter_map(|(algorithm, value)| Some((algorithm, value.as_ref()?))).all(
            |(algorithm, value)| algorithm == found.checksum.algorithm && *value == found.checksum.value,
        );
        if conditions::bare(etag) != found.etag || !fits {
            return Err(errors::invalid_part());
        }
        if position + 1 < listed.len() && found.size_bytes < PART_BYTES_MIN {
            return Err(errors::entity_too_small(found.size_bytes, shown));
        }
        parts.push((number, found));
    }
    Ok(parts)
}

/// Makes the parts one content; the references to their blobs are the new content's from now on.
fn assemble(tx: &mut Tx, upload: &Upload, parts: &[(u32, Part)], id: Id) -> Result<Object> {
    let (mut content, mut etags) = (Content::default(), Md5::new());
    let mut checksums = Vec::with_capacity(parts.len());
    for (number, part) in parts {
        let of_part = CONTENTS.get(tx, &part.content)?.unwrap_or_default();
        content.pieces.extend(of_part.all_pieces());
        let checksum = Some(part.checksum.clone()).filter(|_| upload.algorithm_named);
        content.parts.push(PartOf { number: *number, size_bytes: part.size_bytes, checksum });
        let bytes = (0..16).map(|at| u8::from_str_radix(&part.etag[2 * at..2 * at + 2], 16).unwrap_or(0));
        etags.update(bytes.collect::<Vec<_>>());
        if part.checksum.algorithm == upload.algorithm {
            checksums.push((checksum::read(upload.algorithm, &part.checksum.value)?, part.size_bytes));
        }
    }
    content::keep(tx, id, &content)?;
    let etag = etags.finalize().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    // Where the client named none, its parts may come with another than the default; the whole has none then.
    let whole = checksums.len() == parts.len();
    let checksum = whole.then(|| checksum::of_parts(upload.algorithm, upload.composite, &checksums));
    Ok(Object {
        etag: format!("{etag}-{}", parts.len()),
        size_bytes: parts.iter().map(|(_, part)| part.size_bytes).sum(),
        content: Some(id),
        parts: u32::try_from(parts.len()).unwrap_or(u32::MAX),
        checksum,
        headers: upload.headers.clone(),
        tags: upload.tags.clone(),
        lock: upload.lock,
        acl: upload.acl.clone(),
        customer: upload.customer.clone(),
        ..Object::default()
    })
}
