//! Pages of a list: a hundred, and where the next begins.

use aws_wire::Result;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

use crate::refusal::invalid;

pub(crate) const LENGTH: usize = 100;

pub(crate) fn token(last: &str) -> String {
    BASE64.encode(last)
}

/// # Errors
/// 400 for what is no token of ours.
pub(crate) fn after(token: &str) -> Result<String> {
    let last = BASE64.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    last.ok_or_else(|| invalid("NextToken"))
}
