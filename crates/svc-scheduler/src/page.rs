//! Pages of a list: at most a hundred, and where the next begins.

use aws_wire::Result;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

use api_scheduler::errors;

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
    last.ok_or_else(|| errors::validation_exception("Invalid NextToken."))
}
