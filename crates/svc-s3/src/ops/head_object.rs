//! `HeadObject`: what `GetObject` would say, without the bytes.

use api_s3::{ChecksumMode, HeadObjectInput, HeadObjectOutput};
use aws_wire::Result;

use super::get_object::wanted;
use crate::checksum::show_checksum;
use crate::conditions::Conditions;
use crate::range::Span;
use crate::right::{self, Right, Wanted};
use crate::{Ctx, content, customer};

pub(crate) async fn head_object(cx: Ctx, input: HeadObjectInput) -> Result<HeadObjectOutput> {
    let key = customer::key_of!(input)?;
    let snapshot = cx.kv.snapshot().await?;
    let owner = input.expected_bucket_owner.as_deref();
    let named =
        Wanted { key: &input.key, version: input.version_id.as_deref(), method: "HEAD", right: Right::Read };
    let (bucket, object) = right::object(&cx, &snapshot, &input.bucket, owner, named)?;
    let conditions = Conditions {
        if_match: input.if_match.as_deref(),
        if_none_match: input.if_none_match.as_deref(),
        if_modified_since: input.if_modified_since,
        if_unmodified_since: input.if_unmodified_since,
    };
    customer::check_read(object.customer.as_ref(), key.as_ref())?;
    conditions.check_read(&object)?;
    let content = content::find(&snapshot, object.content)?;
    let wanted = wanted(&object, &content, input.range.as_deref(), input.part_number)?;
    let span = wanted.unwrap_or(Span { start: 0, size_bytes: object.size_bytes });
    Ok(describe_object!(HeadObjectOutput, bucket, object, wanted, span, input, &key, cx.env.now()))
}
