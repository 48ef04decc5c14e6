//! Pages of a list in order of name, and where the next begins.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use kv::{Direction, Read, Span, Table};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::keys::Named;
use crate::refusal::{Decision, Refusal};

/// The most that a page holds, of whatever list.
pub(crate) const LENGTH_MAX: usize = 1000;

/// Which page is asked for.
pub(crate) struct Page<'a> {
    pub token: Option<&'a str>,
    pub length: usize,
}

impl<'a> Page<'a> {
    /// A page as long as was asked for, within `1..=max`; `max` when nobody says.
    pub(crate) fn new(token: Option<&'a String>, length: Option<i32>, max: usize) -> Self {
        let length = length.and_then(|length| usize::try_from(length).ok()).unwrap_or(max).clamp(1, max);
        Self { token: token.map(String::as_str), length }
    }
}

/// Rows of an account and region, by name, and the token of the next page.
pub(crate) type Rows<V> = (Vec<(String, V)>, Option<String>);

/// # Errors
/// [`Refusal::Invalid`] for what is no token of ours.
pub(crate) fn rows<V: Serialize + DeserializeOwned>(
    reader: &impl Read,
    table: &Table<Named, V>,
    (account, region): &(String, String),
    page: &Page<'_>,
) -> Decision<Rows<V>> {
    let mut span = Span::prefix(&(account, region));
    if let Some(token) = page.token {
        span = span.after(&(account, region, after(token)?));
    }
    let mut rows = table.scan(reader, &span, page.length + 1, Direction::Forward)?;
    let more = rows.len() > page.length;
    rows.truncate(page.length);
    let next = rows.last().filter(|_| more).map(|((.., name), _)| BASE64.encode(name));
    Ok((rows.into_iter().map(|((.., name), value)| (name, value)).collect(), next))
}

fn after(token: &str) -> Decision<String> {
    let name = BASE64.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    name.ok_or_else(|| Refusal::Invalid("The token is not valid.".to_owned()))
}
