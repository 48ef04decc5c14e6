//! Pages of a list: how many, and where the next begins.

use aws_wire::Result;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use kv::{AsKey, Direction, Key, Read, Span, Table};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::refusal::bad_request;

/// What a page has when its client does not say.
const LENGTH: usize = 500;

/// Rows, and the token of the next page.
pub(crate) type Page<K, V> = (Vec<(K, V)>, Option<String>);

/// Rows of `span` from where the token says, and the token of the next page. `key` makes a row's key of its last part,
/// `last` names that.
///
/// # Errors
/// 400 for a number or token that is none.
pub(crate) fn rows<K, V>(
    reader: &impl Read,
    table: &Table<K, V>,
    span: Span<K>,
    (max_results, token): (Option<&str>, Option<&str>),
    key: impl Fn(&str) -> K,
    last: impl Fn(&K) -> &str,
) -> Result<Page<K, V>>
where
    K: Key + AsKey<K>,
    V: Serialize + DeserializeOwned,
{
    let length = match max_results {
        None => LENGTH,
        Some(text) => {
            let number = text.parse::<usize>().ok().filter(|number| (1..=LENGTH).contains(number));
            number.ok_or_else(|| bad_request("Invalid value for maxResults"))?
        }
    };
    let span = match token {
        None => span,
        Some(token) => span.after(&key(&after(token)?)),
    };
    let mut rows = table.scan(reader, &span, length + 1, Direction::Forward)?;
    let more = rows.len() > length;
    rows.truncate(length);
    let next = rows.last().filter(|_| more).map(|(key, _)| BASE64.encode(last(key)));
    Ok((rows, next))
}

fn after(token: &str) -> Result<String> {
    let last = BASE64.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    last.ok_or_else(|| bad_request("Invalid nextToken"))
}
