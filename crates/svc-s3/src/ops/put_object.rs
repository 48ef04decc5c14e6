//! `PutObject`: takes a body in as it comes and makes it the key's latest version.

use api_s3::{PutObjectInput, PutObjectOutput};
use aws_wire::{AwsError, Result};

use crate::checksum::{Stated, refuse_checksums, show_checksum, stated_checksums};
use crate::object::{Draw, Object};
use crate::{Ctx, access, asked, conditions, content, customer, lock, notify, object, right, tags};

/// The largest body of one request.
const BODY_BYTES_MAX: u64 = 5 * 1024 * 1024 * 1024;

pub(crate) async fn put_object(cx: Ctx, input: PutObjectInput) -> Result<PutObjectOutput> {
    put(cx, input, "ObjectCreated:Put").await
}

/// As `PutObject`, of which `event` is told.
pub(crate) async fn put(cx: Ctx, input: PutObjectInput, event: &'static str) -> Result<PutObjectOutput> {
    refuse_checksums!("PutObject", input);
    if input.write_offset_bytes.is_some() {
        return Err(AwsError::parameter_not_implemented("PutObject", "WriteOffsetBytes"));
    }
    let key = customer::key_of!(input)?;
    let headers = asked::headers_of!("PutObject", input);
    let tags = tags::of_header(input.tagging.as_deref())?;
    let acl = access::acl_of!(input)?;
    object::check_key(&input.key)?;
    let stated = Stated::check("PutObject", input.checksum_algorithm, stated_checksums!(input))?;
    let owner = input.expected_bucket_owner.as_deref();
    // Before the body is taken in, so that one for nothing is not stored first.
    let right = ("s3:PutObject", input.key.as_str());
    right::bucket(&cx, &cx.kv.snapshot().await?, &input.bucket, owner, right)?;
    let received = content::receive(
        &cx,
        input.body,
        input.content_md5.as_deref(),
        &stated,
        BODY_BYTES_MAX,
        key.as_ref(),
    );
    let received = received.await?;
    let fingerprint = key.as_ref().map(|key| key.fingerprint(&cx));

    let (draw, id) = (Draw::new(&cx), *cx.env.uuid().as_bytes());
    let (etag, size_bytes, checksum) = (received.etag(), received.size_bytes, received.checksum.clone());
    let asked_lock =
        (input.object_lock_mode, input.object_lock_retain_until_date, input.object_lock_legal_hold_status);
    let stored = received.store(&cx, |tx, content| {
        let bucket = right::bucket(&cx, tx, &input.bucket, owner, right)?;
        access::check_acl(tx, &bucket, acl.as_ref())?;
        let current = object::current(tx, &bucket, &input.key)?;
        conditions::check_write(
            current.as_ref(),
            &input.key,
            input.if_match.as_deref(),
            input.if_none_match.as_deref(),
        )?;
        content::keep(tx, id, content)?;
        let object = Object {
            etag: etag.clone(),
            size_bytes,
            content: Some(id),
            checksum: Some(checksum.clone()),
            headers: headers.clone(),
            tags: tags.clone(),
            lock: lock::of_new(tx, &bucket, asked_lock, draw.now)?,
            acl: acl.clone(),
            customer: fingerprint.clone(),
            ..Object::default()
        };
        let object = object::add(tx, &bucket, &input.key, object, draw)?;
        notify::note(tx, &cx, &bucket, event, (&input.key, &object), draw)?;
        Ok((bucket, object))
    });
    let (bucket, object) = stored.await?;
    let mut shown = PutObjectOutput {
        e_tag: Some(object.quoted_etag()),
        version_id: object.shown_version(&bucket),
        checksum_type: object.checksum.as_ref().map(|checksum| checksum.shown_type()),
        ..PutObjectOutput::default()
    };
    customer::show_key!(shown, &key);
    show_checksum!(shown, &object.checksum);
    Ok(shown)
}
