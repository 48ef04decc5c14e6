//! `CreateMultipartUpload`: begins an upload in parts.

use api_s3::{CreateMultipartUploadInput, CreateMultipartUploadOutput};
use aws_wire::Result;

use crate::keys::UPLOADS;
use crate::upload::{self, Upload};
use crate::{Ctx, access, asked, customer, lock, object, right, tags};

pub(crate) async fn create_multipart_upload(
    cx: Ctx,
    input: CreateMultipartUploadInput,
) -> Result<CreateMultipartUploadOutput> {
    let key = customer::key_of!(input)?;
    let fingerprint = key.as_ref().map(|key| key.fingerprint(&cx));
    let headers = asked::headers_of!("CreateMultipartUpload", input);
    let tags = tags::of_header(input.tagging.as_deref())?;
    let acl = access::acl_of!(input)?;
    object::check_key(&input.key)?;
    let (algorithm, composite) = upload::checksum_of(input.checksum_algorithm, input.checksum_type)?;
    let (now, id) = (cx.env.now(), *cx.env.uuid().as_bytes());
    let name = format!("{}{}", cx.env.uuid().simple(), cx.env.uuid().simple());
    let asked_lock =
        (input.object_lock_mode, input.object_lock_retain_until_date, input.object_lock_legal_hold_status);
    cx.kv
        .transact(|tx| {
            let owner = input.expected_bucket_owner.as_deref();
            let bucket = right::bucket(&cx, tx, &input.bucket, owner, ("s3:PutObject", &input.key))?;
            access::check_acl(tx, &bucket, acl.as_ref())?;
            let upload = Upload {
                id,
                begun_ms: now.as_millis(),
                headers: headers.clone(),
                tags: tags.clone(),
                lock: lock::of_new(tx, &bucket, asked_lock, now)?,
                acl: acl.clone(),
                customer: fingerprint.clone(),
                algorithm,
                composite,
                algorithm_named: input.checksum_algorithm.is_some(),
                initiator: cx.caller.principal.arn.clone(),
            };
            Ok::<_, aws_wire::AwsError>(UPLOADS.put(
                tx,
                &(bucket.id, input.key.clone(), name.clone()),
                &upload,
            )?)
        })
        .await?;
    let mut shown = CreateMultipartUploadOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(name),
        checksum_algorithm: input.checksum_algorithm,
        checksum_type: input.checksum_algorithm.map(|_| upload::shown_type(composite)),
        ..CreateMultipartUploadOutput::default()
    };
    customer::show_key!(shown, &key);
    Ok(shown)
}
