//! `CopyObject`: a new version with the bytes of another, which are stored once where that is possible.

use api_s3::{CopyObjectInput, CopyObjectOutput, CopyObjectResult, MetadataDirective, TaggingDirective};
use aws_wire::Result;

use crate::checksum::{Algorithm, Stated, show_checksum};
use crate::copy_source::{self, CopySource};
use crate::object::{Draw, Headers, Object};
use crate::{
    Ctx, access, asked, conditions, content, customer, errors, lock, notify, object, restore, right, tags,
};

const SOURCE_BYTES_MAX: u64 = 5 * 1024 * 1024 * 1024;

pub(crate) async fn copy_object(cx: Ctx, input: CopyObjectInput) -> Result<CopyObjectOutput> {
    let (key, source_key) = (customer::key_of!(input)?, customer::source_key_of!(input)?);
    let asked_headers = asked::headers_of!("CopyObject", input);
    let source = CopySource::read(&input.copy_source)?;
    object::check_key(&input.key)?;
    let replaces = input.metadata_directive == Some(MetadataDirective::Replace);
    let retags = input.tagging_directive == Some(TaggingDirective::Replace);
    let asked_tags = tags::of_header(input.tagging.as_deref().filter(|_| retags))?;
    let acl = access::acl_of!(input)?;
    let algorithm = input.checksum_algorithm.map(|asked| Algorithm::of(asked, "CopyObject")).transpose()?;
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
    let (source_bucket, from) = source.find(&cx, &snapshot, source_owner, &of_source)?;
    customer::check_read(from.customer.as_ref(), source_key.as_ref())?;
    restore::check_source(&from, cx.env.now())?;
    let bucket = right::bucket(&cx, &snapshot, &input.bucket, owner, ("s3:PutObject", &input.key))?;
    let itself = source_bucket.id == bucket.id && source.key == input.key && source.version.is_none();
    let changes = replaces
        || input.storage_class.is_some()
        || input.website_redirect_location.is_some()
        || input.server_side_encryption.is_some()
        || key.is_some()
        || from.customer.is_some();
    if itself && !changes {
        return Err(errors::invalid_request(
            "This copy request is illegal because it is trying to copy an object to itself without changing the \
             object's metadata, storage class, website redirect location or encryption attributes.",
        ));
    }
    if from.size_bytes > SOURCE_BYTES_MAX {
        let message = format!(
            "The specified copy source is larger than the maximum allowable size for a copy source: {SOURCE_BYTES_MAX}"
        );
        return Err(errors::invalid_request(message));
    }
    // Taken in like any body, so that the copy of an object in parts is one in none, with an entity tag of its own.
    // The same bytes are the same blob, and take no second place on disk.
    let content = content::find(&snapshot, from.content)?;
    let body = content::open(&cx, &entry, &content, (0, from.size_bytes), source_key);
    drop(entry);
    let kept = from.checksum.as_ref().map(|checksum| checksum.algorithm);
    let stated = Stated { values: Vec::new(), announced: algorithm.or(kept) };
    let received = content::receive(&cx, Some(body), None, &stated, SOURCE_BYTES_MAX, key.as_ref()).await?;

    let headers = if replaces { asked_headers } else { kept_headers(&from.headers, asked_headers) };
    let (draw, id) = (Draw::new(&cx), *cx.env.uuid().as_bytes());
    let copied = Object {
        etag: received.etag(),
        size_bytes: received.size_bytes,
        content: Some(id),
        checksum: Some(received.checksum.clone()),
        headers,
        tags: if retags { asked_tags } else { from.tags.clone() },
        acl: acl.clone(),
        customer: key.as_ref().map(|key| key.fingerprint(&cx)),
        ..Object::default()
    };
    let asked_lock =
        (input.object_lock_mode, input.object_lock_retain_until_date, input.object_lock_legal_hold_status);
    let stored = received.store(&cx, |tx, content| {
        let bucket = right::bucket(&cx, tx, &input.bucket, owner, ("s3:PutObject", &input.key))?;
        access::check_acl(tx, &bucket, acl.as_ref())?;
        let current = object::current(tx, &bucket, &input.key)?;
        let (if_match, if_none_match) = (input.if_match.as_deref(), input.if_none_match.as_deref());
        conditions::check_write(current.as_ref(), &input.key, if_match, if_none_match)?;
        content::keep(tx, id, content)?;
        let copied = Object { lock: lock::of_new(tx, &bucket, asked_lock, draw.now)?, ..copied.clone() };
        let object = object::add(tx, &bucket, &input.key, copied, draw)?;
        notify::note(tx, &cx, &bucket, "ObjectCreated:Copy", (&input.key, &object), draw)?;
        Ok((bucket, object))
    });
    let (bucket, object) = stored.await?;
    let mut result = CopyObjectResult {
        e_tag: Some(object.quoted_etag()),
        last_modified: Some(object.modified()),
        checksum_type: object.checksum.as_ref().map(|checksum| checksum.shown_type()),
        ..CopyObjectResult::default()
    };
    show_checksum!(result, &object.checksum);
    let mut shown = CopyObjectOutput {
        copy_object_result: Some(result),
        copy_source_version_id: from.shown_version(&source_bucket),
        version_id: object.shown_version(&bucket),
        ..CopyObjectOutput::default()
    };
    customer::show_key!(shown, &key);
    Ok(shown)
}

/// The source's headers, but for what each copy says anew.
fn kept_headers(source: &Headers, asked: Headers) -> Headers {
    Headers { storage_class: asked.storage_class, website_redirect: asked.website_redirect, ..source.clone() }
}
