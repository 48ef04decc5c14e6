//! Pages of a list: where one begins, and where the next does.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use kv::{AsKey, Direction, Key, Read, Span, Table};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Rows, and the token of the next page.
pub type Page<K, V> = (Vec<(K, V)>, Option<String>);

/// The last part of a key that a token names; `None` for what is no token.
pub fn after(token: &str) -> Option<String> {
    BASE64.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok())
}

/// At most `length` rows of `span` after the row that `after` names, and the token of the next page. `key` makes a
/// row's key of its last part, `last` names that.
///
/// # Errors
/// Those of the store.
pub fn rows<K, V>(
    reader: &impl Read,
    table: &Table<K, V>,
    span: Span<K>,
    (length, after): (usize, Option<&str>),
    key: impl Fn(&str) -> K,
    last: impl Fn(&K) -> &str,
) -> kv::Result<Page<K, V>>
where
    K: Key + AsKey<K>,
    V: Serialize + DeserializeOwned,
{
    let span = match after {
        None => span,
        Some(after) => span.after(&key(after)),
    };
    let mut rows = table.scan(reader, &span, length + 1, Direction::Forward)?;
    let more = rows.len() > length;
    rows.truncate(length);
    let next = rows.last().filter(|_| more).map(|(key, _)| BASE64.encode(last(key)));
    Ok((rows, next))
}
