//! `UploadPart`: takes one part of an upload in as it comes.

use api_s3::{UploadPartInput, UploadPartOutput};
use aws_wire::Result;

use crate::checksum::{Stated, refuse_checksums, show_checksum, stated_checksums};
use crate::upload::{self, Named};
use crate::{Ctx, content, customer, errors, right};

pub(crate) async fn upload_part(cx: Ctx, input: UploadPartInput) -> Result<UploadPartOutput> {
    refuse_checksums!("UploadPart", input);
    let key = customer::key_of!(input)?;
    let number = upload::check_number(input.part_number)?;
    let mut stated = Stated::check("UploadPart", input.checksum_algorithm, stated_checksums!(input))?;
    let owner = input.expected_bucket_owner.as_deref();
    let snapshot = cx.kv.snapshot().await?;
    let bucket = right::bucket(&cx, &snapshot, &input.bucket, owner, ("s3:PutObject", &input.key))?;
    let upload = upload::find(&snapshot, &bucket, &input.key, &input.upload_id)?;
    customer::check_part(upload.customer.as_ref(), key.as_ref())?;
    drop(snapshot);
    match stated.algorithm() {
        Some(named) if upload.algorithm_named && named != upload.algorithm => {
            let (expected, named) = (upload.algorithm.name(), named.name());
            let message = format!(
                "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {}",
                expected.to_ascii_lowercase(),
                named.to_ascii_lowercase()
            );
            return Err(errors::invalid_request(message));
        }
        None => stated.announced = Some(upload.algorithm),
        Some(_) => {}
    }
    let (md5, most) = (input.content_md5.as_deref(), upload::PART_BYTES_MAX);
    let received = content::receive(&cx, input.body, md5, &stated, most, key.as_ref()).await?;
    let named = Named { bucket: &input.bucket, owner, key: &input.key, id: &input.upload_id };
    let part = upload::take_part(&cx, named, number, received).await?;
    let mut shown =
        UploadPartOutput { e_tag: Some(format!("\"{}\"", part.etag)), ..UploadPartOutput::default() };
    customer::show_key!(shown, &key);
    show_checksum!(shown, &Some(&part.checksum));
    Ok(shown)
}
