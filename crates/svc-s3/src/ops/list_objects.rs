//! `ListObjects`: the older way to list a bucket, with markers for tokens.

use api_s3::{ListObjectsInput, ListObjectsOutput};
use aws_wire::Result;

use super::list_objects_v2::split;
use crate::listing::{self, After, Asked, Encoding};
use crate::{Ctx, right};

pub(crate) async fn list_objects(cx: Ctx, input: ListObjectsInput) -> Result<ListObjectsOutput> {
    let entries_max = listing::page_size(input.max_keys, "max-keys")?;
    let snapshot = cx.kv.snapshot().await?;
    let owner = input.expected_bucket_owner.as_deref();
    let bucket = right::bucket(&cx, &snapshot, &input.bucket, owner, ("s3:ListBucket", ""))?;
    let prefix = input.prefix.as_deref().unwrap_or_default();
    let delimiter = input.delimiter.as_deref().unwrap_or_default();
    let after = After::of_marker(input.marker.as_deref(), prefix, delimiter);
    let page = listing::objects(&snapshot, &bucket, &Asked { prefix, delimiter, after, entries_max })?;

    let encoding = Encoding(input.encoding_type);
    // S3 tells the next marker only where there is a delimiter; without one it is the last key.
    let next = page.next().filter(|_| !delimiter.is_empty()).map(|after| match after {
        After::Start => String::new(),
        After::Key(text) | After::Prefix(text) => encoding.text(&text),
    });
    let more = page.more;
    let (contents, prefixes) = split(&bucket, page.entries, encoding, true);
    Ok(ListObjectsOutput {
        is_truncated: Some(more),
        marker: Some(encoding.text(input.marker.as_deref().unwrap_or_default())),
        next_marker: next,
        contents: (!contents.is_empty()).then_some(contents),
        name: Some(input.bucket),
        prefix: Some(encoding.text(prefix)),
        delimiter: encoding.some(input.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty())),
        max_keys: i32::try_from(entries_max).ok(),
        common_prefixes: encoding.prefixes(prefixes),
        encoding_type: input.encoding_type,
        request_charged: None,
    })
}
