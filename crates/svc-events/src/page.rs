//! Pages of a list: at most a hundred, and where the next begins.

use aws_wire::{AwsError, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

const LENGTH_MAX: usize = 100;

pub(crate) fn length(limit: Option<i32>) -> usize {
    limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(LENGTH_MAX).min(LENGTH_MAX)
}

pub(crate) fn token(last: &str) -> String {
    BASE64.encode(last)
}

/// # Errors
/// 400 for what is no token of ours.
pub(crate) fn after(token: &str) -> Result<String> {
    let last = BASE64.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    last.ok_or_else(|| AwsError::validation("Parameter NextToken is not valid."))
}

/// Cuts names or rows to a page; gives the token that the next one wants.
pub(crate) fn cut<T>(rows: &mut Vec<T>, length: usize, name: impl Fn(&T) -> &str) -> Option<String> {
    let more = rows.len() > length;
    rows.truncate(length);
    rows.last().filter(|_| more).map(|last| token(name(last)))
}
