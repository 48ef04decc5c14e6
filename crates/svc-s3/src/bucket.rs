//! A bucket, and how requests name one.

use aws_wire::Result;
use kv::{Direction, Read, Span};
use serde::{Deserialize, Serialize};

use crate::access::Acl;
use crate::keys::{BUCKETS, CURRENT, Id, OLDER};
use crate::{Ctx, errors};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bucket {
    pub id: Id,
    pub name: String,
    pub account: String,
    pub region: String,
    /// Milliseconds since the epoch.
    pub created_ms: i64,
    #[serde(default)]
    pub versioning: Versioning,
    /// Whether versions may be locked; for ever once it is so.
    #[serde(default)]
    pub locks: bool,
    #[serde(default)]
    pub acl: Option<Acl>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Versioning {
    #[default]
    Never,
    Enabled,
    Suspended,
}

impl Bucket {
    pub(crate) fn arn(&self) -> String {
        format!("arn:aws:s3:::{}", self.name)
    }
}

/// A bucket, whoever asks.
///
/// # Errors
/// 404 without it, 403 when it is not the expected owner's.
pub(crate) fn named(reader: &impl Read, name: &str, expected_owner: Option<&str>) -> Result<Bucket> {
    let bucket = BUCKETS.get(reader, &name.to_owned())?.ok_or_else(|| errors::no_such_bucket(name))?;
    if expected_owner.is_some_and(|owner| owner != bucket.account) {
        return Err(errors::access_denied("Access Denied"));
    }
    Ok(bucket)
}

/// A bucket that the caller may use.
///
/// # Errors
/// 404 without it, 403 when it is another account's.
pub(crate) fn find(cx: &Ctx, reader: &impl Read, name: &str, expected_owner: Option<&str>) -> Result<Bucket> {
    let bucket = named(reader, name, expected_owner)?;
    // What others may, where they may anything, is for `right.rs` to say.
    if bucket.account != *cx.caller.account || cx.sender.is_some() {
        return Err(errors::access_denied("Access Denied"));
    }
    Ok(bucket)
}

/// Whether there is no object, version or delete marker in it.
pub(crate) fn is_empty(reader: &impl Read, bucket: &Bucket) -> Result<bool> {
    let span = Span::prefix(&(bucket.id,));
    let current = CURRENT.scan(reader, &span, 1, Direction::Forward)?;
    let older = OLDER.scan(reader, &Span::prefix(&(bucket.id,)), 1, Direction::Forward)?;
    Ok(current.is_empty() && older.is_empty())
}

/// # Errors
/// 400 for a name that is no DNS label, or reserved.
pub(crate) fn check_name(name: &str) -> Result<()> {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let label = |label: &str| {
        let bytes = label.as_bytes();
        let ends = bytes.first().zip(bytes.last());
        ends.is_some_and(|(first, last)| is_letter(*first) && is_letter(*last))
            && bytes.iter().all(|byte| is_letter(*byte) || *byte == b'-')
    };
    let is_address = name.parse::<std::net::Ipv4Addr>().is_ok();
    let reserved = ["xn--", "sthree-", "amzn-s3-demo-"].iter().any(|prefix| name.starts_with(prefix))
        || ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"]
            .iter()
            .any(|suffix| name.ends_with(suffix));
    let is_good = (3..=63).contains(&name.len()) && name.split('.').all(label) && !is_address && !reserved;
    if is_good { Ok(()) } else { Err(errors::invalid_bucket_name(name)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_dns_labels() {
        for good in ["abc", "my-bucket", "a.b.c", "123", &"a".repeat(63), "1.2.3"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["ab", "Abc", "a_b", "-abc", "abc-", "a..b", "192.168.5.4", "a.-b", "xn--abc", "x-s3alias"]
        {
            assert!(check_name(bad).is_err(), "{bad}");
        }
        assert!(check_name(&"a".repeat(64)).is_err());
    }
}
