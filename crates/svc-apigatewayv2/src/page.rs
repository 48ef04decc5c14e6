//! Pages of a list: how many, and where the next begins.

use aws_wire::Result;
use execute_api::page::{self, Page};
use kv::{AsKey, Key, Read, Span, Table};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::refusal::bad_request;

/// What a page has when its client does not say.
const LENGTH: usize = 500;

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
    let invalid = || bad_request("Invalid nextToken");
    let after = token.map(|token| page::after(token).ok_or_else(invalid)).transpose()?;
    Ok(page::rows(reader, table, span, (length, after.as_deref()), key, last)?)
}
