//! Pages of a list: how long they are, and where the next begins.

use api_lambda::errors;
use aws_wire::Result;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

/// AWS's own bound of most lists; the model allows for 10,000.
pub(crate) const PAGE_MAX: usize = 50;

/// How many a page has when the caller asks for at most `max_items`.
pub(crate) fn limit(max_items: Option<i32>) -> usize {
    max_items.and_then(|items| usize::try_from(items).ok()).unwrap_or(PAGE_MAX).min(PAGE_MAX)
}

/// The marker of a page that goes on after `last`.
pub(crate) fn marker(last: impl AsRef<[u8]>) -> String {
    BASE64.encode(last)
}

/// What a marker stands for.
///
/// # Errors
/// 400 when it is none of ours.
pub(crate) fn after(marker: &str) -> Result<String> {
    let last = BASE64.decode(marker).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    last.ok_or_else(|| errors::invalid_parameter_value_exception("Invalid marker"))
}

/// Cuts rows that were read one beyond `limit`; the last that stays, when there are more.
pub(crate) fn cut<T>(rows: &mut Vec<T>, limit: usize) -> Option<&T> {
    let more = rows.len() > limit;
    rows.truncate(limit);
    rows.last().filter(|_| more)
}
