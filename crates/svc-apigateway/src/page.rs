//! Pages of a list: how many, and where the next begins.

use aws_wire::Result;
use execute_api::page::{self, Page};
use kv::{AsKey, Key, Read, Span, Table};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::refusal::bad_request;

/// What a page has when its client does not say.
const LENGTH: usize = 25;
const LENGTH_MAX: usize = 500;

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
    let invalid = || bad_request("Invalid position parameter specified");
    let after = position.map(|position| page::after(position).ok_or_else(invalid)).transpose()?;
    Ok(page::rows(reader, table, span, (length, after.as_deref()), key, last)?)
}
