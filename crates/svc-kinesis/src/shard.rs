//! A shard: its range of hash keys, where it comes from, and how clients name it.

use std::fmt;

use api_kinesis::{ChildShard, HashKeyRange, SequenceNumberRange};
use aws_wire::Result;
use kv::{Read, Span};
use serde::{Deserialize, Serialize};

use crate::keys::{Id, SHARDS};
use crate::sequence;

/// A hash key; in a row as its digits, which JSON's numbers would not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct HashKey(pub u128);

impl fmt::Display for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<HashKey> for String {
    fn from(key: HashKey) -> Self {
        key.to_string()
    }
}

impl TryFrom<String> for HashKey {
    type Error = std::num::ParseIntError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Shard {
    pub start: HashKey,
    /// Included.
    pub end: HashKey,
    /// The shard that was split, or the first of two that were merged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<u32>,
    /// The second of two that were merged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adjacent: Option<u32>,
    /// Below all its records, and above all of its parents'.
    pub first: u64,
    pub created_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Closed>,
}

/// The end of a shard that was split or merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Closed {
    pub at_ms: i64,
    /// No record has a greater number.
    pub last: u64,
}

/// Such as `shardId-000000000000`.
pub(crate) fn name(number: u32) -> String {
    format!("shardId-{number:012}")
}

/// The number of the shard that a client names; AWS takes names without the prefix too.
pub(crate) fn number(name: &str) -> Option<u32> {
    let digits = name.strip_prefix("shardId-").unwrap_or(name);
    let plain = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    digits.parse::<u32>().ok().filter(|_| plain)
}

/// A stream's shards in order of number.
///
/// # Errors
/// Those of the store.
pub(crate) fn all(reader: &impl Read, stream: Id) -> Result<Vec<(u32, Shard)>> {
    let rows = SHARDS.all(reader, &Span::prefix(&(stream,)))?;
    Ok(rows.into_iter().map(|((_, number), shard)| (number, shard)).collect())
}

impl Shard {
    pub(crate) fn is_open(&self) -> bool {
        self.closed.is_none()
    }

    /// Whether some record of it may still be kept.
    pub(crate) fn is_kept(&self, oldest_ms: i64) -> bool {
        self.closed.is_none_or(|closed| closed.at_ms >= oldest_ms)
    }

    pub(crate) fn was_open_at(&self, at_ms: i64) -> bool {
        self.created_ms <= at_ms && self.is_kept(at_ms)
    }

    pub(crate) fn hash_keys(&self) -> HashKeyRange {
        HashKeyRange { starting_hash_key: self.start.to_string(), ending_hash_key: self.end.to_string() }
    }

    pub(crate) fn parents(&self) -> impl Iterator<Item = u32> {
        self.parent.into_iter().chain(self.adjacent)
    }

    /// As clients see it.
    pub(crate) fn shown(&self, stream: Id, number: u32) -> api_kinesis::Shard {
        let ending = self.closed.map(|closed| sequence::shown(stream, number, closed.last));
        api_kinesis::Shard {
            shard_id: name(number),
            parent_shard_id: self.parent.map(name),
            adjacent_parent_shard_id: self.adjacent.map(name),
            hash_key_range: self.hash_keys(),
            sequence_number_range: SequenceNumberRange {
                starting_sequence_number: sequence::shown(stream, number, self.first),
                ending_sequence_number: ending,
            },
        }
    }
}

/// What a reader at the end of shard `number` goes on with.
pub(crate) fn children(shards: &[(u32, Shard)], number: u32) -> Vec<ChildShard> {
    let children = shards.iter().filter(|(_, shard)| shard.parents().any(|parent| parent == number));
    let shown = children.map(|(child, shard)| ChildShard {
        shard_id: name(*child),
        parent_shards: shard.parents().map(name).collect(),
        hash_key_range: shard.hash_keys(),
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_named_as_awss() {
        assert_eq!(name(12), "shardId-000000000012");
        let check = |text: &str, expected: Option<u32>| assert_eq!(number(text), expected, "{text}");
        check("shardId-000000000012", Some(12));
        check("12", Some(12));
        check("shardId-+1", None);
        check("shardId-", None);
        check("shardId-000099999999", Some(99_999_999));
        check("shardId-999999999999", None);
        check("other", None);
    }
}
