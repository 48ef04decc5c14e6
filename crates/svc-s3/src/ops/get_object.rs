//! `GetObject`: a version's bytes, all or a part of them, as they are read.

use api_s3::{ChecksumMode, GetObjectInput, GetObjectOutput};
use aws_wire::Result;

use crate::checksum::show_checksum;
use crate::conditions::Conditions;
use crate::content::{self, Content};
use crate::object::Object;
use crate::range::{self, Span};
use crate::right::{self, Right, Wanted};
use crate::{Ctx, customer, errors, restore};

pub(crate) async fn get_object(cx: Ctx, input: GetObjectInput) -> Result<GetObjectOutput> {
    let key = customer::key_of!(input)?;
    let entry = cx.state.holds.enter().await;
    let snapshot = cx.kv.snapshot().await?;
    let owner = input.expected_bucket_owner.as_deref();
    let named =
        Wanted { key: &input.key, version: input.version_id.as_deref(), method: "GET", right: Right::Read };
    let (bucket, object) = right::object(&cx, &snapshot, &input.bucket, owner, named)?;
    let conditions = Conditions {
        if_match: input.if_match.as_deref(),
        if_none_match: input.if_none_match.as_deref(),
        if_modified_since: input.if_modified_since,
        if_unmodified_since: input.if_unmodified_since,
    };
    customer::check_read(object.customer.as_ref(), key.as_ref())?;
    conditions.check_read(&object)?;
    restore::check_read(&object, cx.env.now())?;
    let content = content::find(&snapshot, object.content)?;
    let wanted = wanted(&object, &content, input.range.as_deref(), input.part_number)?;
    let span = wanted.unwrap_or(Span { start: 0, size_bytes: object.size_bytes });
    let body = match &wanted {
        Some(span) => content::open(&cx, &entry, &content, (span.start, span.size_bytes), key.clone()),
        None => content::open_all(&cx, &entry, &content, &object, key.clone()),
    };
    drop(entry);

    let mut shown =
        describe_object!(GetObjectOutput, bucket, object, wanted, span, input, &key, cx.env.now());
    shown.body = Some(body);
    // Headers that a signed URL gives the answer.
    let overrides = [
        (&mut shown.cache_control, input.response_cache_control),
        (&mut shown.content_disposition, input.response_content_disposition),
        (&mut shown.content_encoding, input.response_content_encoding),
        (&mut shown.content_language, input.response_content_language),
        (&mut shown.content_type, input.response_content_type),
    ];
    for (header, given) in overrides {
        if given.is_some() {
            *header = given;
        }
    }
    if let Some(expires) = input.response_expires {
        shown.expires = Some(aws_wire::timestamp::http_date(expires));
    }
    Ok(shown)
}

/// What of an object a range or a part's number names; `None` for all of it.
///
/// # Errors
/// 416 for what is not there.
pub(crate) fn wanted(
    object: &Object,
    content: &Content,
    range: Option<&str>,
    part: Option<i32>,
) -> Result<Option<Span>> {
    let Some(part) = part else {
        return range.map_or(Ok(None), |range| range::read(range, object.size_bytes));
    };
    if range.is_some() {
        let message = "Cannot specify both Range header and partNumber query parameter";
        return Err(errors::invalid_request(message));
    }
    let missing = || {
        let message = "The requested partnumber is not satisfiable";
        errors::other(416, "InvalidPartNumber", message).with("PartNumberRequested", part.to_string())
    };
    let number = crate::upload::check_number(part)?;
    if content.parts.is_empty() {
        let whole = Span { start: 0, size_bytes: object.size_bytes };
        return if number == 1 { Ok(Some(whole)) } else { Err(missing()) };
    }
    let mut start = 0;
    for part in &content.parts {
        if part.number == number {
            return Ok(Some(Span { start, size_bytes: part.size_bytes }));
        }
        start += part.size_bytes;
    }
    Err(missing())
}
