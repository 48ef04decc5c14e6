//! Pages of a list: how long they are, and where the next begins.

use aws_wire::Result;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

use crate::refusal::{invalid, invalid_value};

const PAGE_MAX: i32 = 1000;

/// # Errors
/// 400 outside of 1 to 1000.
pub(crate) fn limit(max_results: Option<i32>) -> Result<usize> {
    let limit = max_results.unwrap_or(PAGE_MAX);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(invalid_value(limit, "MaxResults", "MaxResults must be an integer between 1 and 1000."));
    }
    Ok(usize::try_from(limit).unwrap_or(1))
}

/// The token of a page that goes on after `name`.
pub(crate) fn token(name: &str) -> String {
    BASE64.encode(name)
}

/// # Errors
/// 400 for what is no token of ours.
pub(crate) fn after(token: &str) -> Result<String> {
    let name = BASE64.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    name.ok_or_else(|| invalid("Invalid or expired next token."))
}
