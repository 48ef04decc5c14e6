//! What exports and imports have alike: clients order them with a token, and list them.

use aws_wire::{AwsError, Result};
use kv::{Direction, Read, Span, Table};
use serde::Serialize;
use serde::de::DeserializeOwned;
use service::Caller;

/// Account, region, and the end of the ARN, which begins with the time in milliseconds, in fourteen digits.
pub(crate) type OrderKey = (String, String, String);

pub(crate) type Orders<T> = Vec<(OrderKey, T)>;

/// How long a token is known, in milliseconds: AWS's eight hours.
const TOKEN_MS: i64 = 8 * 3600 * 1000;
/// Of a list that says nothing of it.
const PAGE: usize = 25;

/// An export or an import.
pub(crate) trait Order: Serialize + DeserializeOwned + 'static {
    fn token(&self) -> &str;
    /// What was asked for with the token.
    fn request(&self) -> &str;
    fn is_of(&self, table_arn: &str) -> bool;
}

/// The order that has this token already.
///
/// # Errors
/// `conflict`, when something else was asked for with it.
pub(crate) fn repeated<T: Order>(
    orders: &Table<OrderKey, T>,
    reader: &impl Read,
    caller: &Caller,
    (token, request): (&str, &str),
    now_ms: i64,
    conflict: fn() -> AwsError,
) -> Result<Option<(OrderKey, T)>> {
    let (account, region) = (&*caller.account, &*caller.region);
    let from = format!("{:014}", now_ms - TOKEN_MS);
    let span = Span::prefix(&(account, region)).from(&(account, region, from.as_str()));
    let known = orders.all(reader, &span)?.into_iter().find(|(_, order)| order.token() == token);
    match known {
        Some((_, order)) if order.request() != request => Err(conflict()),
        known => Ok(known),
    }
}

/// A page of an account's and region's orders, the newest first, and where the next page begins.
///
/// # Errors
/// Those of the store.
pub(crate) fn page<T: Order>(
    orders: &Table<OrderKey, T>,
    reader: &impl Read,
    caller: &Caller,
    table_arn: Option<&str>,
    (limit, before): (Option<i32>, Option<&str>),
) -> Result<(Orders<T>, Option<String>)> {
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(PAGE);
    let mut span = Span::prefix(&(&*caller.account, &*caller.region));
    if let Some(before) = before {
        span = span.before(&(&*caller.account, &*caller.region, before));
    }
    let mut found = Vec::new();
    // One more than is shown tells whether there is another page.
    loop {
        let rows = orders.scan(reader, &span, limit + 1, Direction::Reverse)?;
        let next = rows.last().filter(|_| rows.len() > limit).map(|(key, _)| key.clone());
        found.extend(rows.into_iter().filter(|(_, one)| table_arn.is_none_or(|arn| one.is_of(arn))));
        match next {
            Some(last) if found.len() <= limit => span = span.before(&last),
            _ => break,
        }
    }
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|(key, _)| key.2.clone());
    Ok((found, next))
}
