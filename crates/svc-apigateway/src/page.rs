//! Pages of a list: how many, and where the next begins.

use aws_wire::Result;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use kv::{AsKey, Direction, Key, Read, Span, Table};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::refusal::bad_request;

/// What a page has when its client does not say.
const LENGTH: usize = 25;
const LENGTH_MAX: usize = 500;

/// Rows, and the position of the next page.
pub(crate) type Page<K, V> = (Vec<(K, V)>, Option<String>);

/// Rows of `span` from a position on. `key` makes a row's key of its last part, `last` names that.
///
/// # Errors
/// 400 for a position that is none.
pub(crate) fn rows<K, V>(
    reader: &impl Read,
    table: &Table<K, V>,
    span: Span<K>,
    (limit, position): (Option<i32>, Option<&str>),
    key: impl Fn(&str) -> K,
    last: impl Fn(&K) -> &str,
) -> Result<Page<K, V>>
where
    K: Key + AsKey<K>,
    V: Serialize + DeserializeOwned,
{
    let length = limit.and_then(|limit| usize::try_from(limit).ok()).filter(|limit| *limit > 0);
    let length = length.unwrap_or(LENGTH).min(LENGTH_MAX);
    let span = match position {
        None => span,
        Some(position) => span.after(&key(&after(position)?)),
    };
    let mut rows = table.scan(reader, &span, length + 1, Direction::Forward)?;
    let more = rows.len() > length;
    rows.truncate(length);
    let next = rows.last().filter(|_| more).map(|(key, _)| BASE64.encode(last(key)));
    Ok((rows, next))
}

fn after(position: &str) -> Result<String> {
    let last = BASE64.decode(position).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    last.ok_or_else(|| bad_request("Invalid position parameter specified"))
}
