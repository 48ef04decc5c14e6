//! `AbortMultipartUpload`: gives an upload up, with its parts.

use api_s3::{AbortMultipartUploadInput, AbortMultipartUploadOutput};
use aws_wire::Result;

use crate::{Ctx, errors, right, upload};

pub(crate) async fn abort_multipart_upload(
    cx: Ctx,
    input: AbortMultipartUploadInput,
) -> Result<AbortMultipartUploadOutput> {
    cx.kv
        .transact(|tx| {
            let owner = input.expected_bucket_owner.as_deref();
            let bucket =
                right::bucket(&cx, tx, &input.bucket, owner, ("s3:AbortMultipartUpload", &input.key))?;
            let upload = upload::find(tx, &bucket, &input.key, &input.upload_id)?;
            let begun = env::Timestamp::from_millis(upload.begun_ms).as_secs();
            if input.if_match_initiated_time.is_some_and(|expected| expected.as_secs() != begun) {
                return Err(errors::precondition_failed("x-amz-if-match-initiated-time"));
            }
            upload::end(tx, &bucket, &input.key, &input.upload_id, &upload)
        })
        .await?;
    Ok(AbortMultipartUploadOutput::default())
}
