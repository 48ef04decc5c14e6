//! Pages of lists: a token says where the next begins, and is good for five minutes.

use api_kinesis::errors;
use aws_wire::Result;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use env::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::refusal::invalid;

const KEPT_MS: i64 = 300 * 1000;

#[derive(Serialize, Deserialize)]
struct Token<T> {
    made_ms: i64,
    rest: T,
}

/// Most entries of a page, within what the list has at most.
pub(crate) fn length(asked: Option<i32>, length_max: usize) -> usize {
    asked.and_then(|asked| usize::try_from(asked).ok()).unwrap_or(length_max).min(length_max)
}

pub(crate) fn token<T: Serialize>(now: Timestamp, rest: T) -> String {
    BASE64.encode(serde_json::to_vec(&Token { made_ms: now.as_millis(), rest }).unwrap_or_default())
}

/// # Errors
/// 400 `InvalidArgumentException` for what is no token, `ExpiredNextTokenException` for an old one.
pub(crate) fn read<T: DeserializeOwned>(now: Timestamp, token: &str) -> Result<T> {
    let bytes = BASE64.decode(token).map_err(|_| invalid("Invalid NextToken."))?;
    let token: Token<T> = serde_json::from_slice(&bytes).map_err(|_| invalid("Invalid NextToken."))?;
    if now.as_millis() - token.made_ms > KEPT_MS {
        return Err(errors::expired_next_token_exception(
            "NextToken expired. Tokens expire after 300 seconds.",
        ));
    }
    Ok(token.rest)
}
