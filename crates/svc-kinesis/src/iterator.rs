//! Shard iterators: where a reader is. A client keeps it and gives it back; nothing of it is stored.

use aws_wire::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::keys::{Id, StreamKey};
use crate::refusal::invalid;

/// The layout; another would be another number.
const VERSION: u8 = 1;
const FIXED: usize = 1 + 16 + 4 + 8 + 8;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Iterator {
    pub key: StreamKey,
    pub stream: Id,
    pub shard: u32,
    /// The first number that is wanted.
    pub from: u64,
    pub made_ms: i64,
}

impl Iterator {
    pub(crate) fn encode(&self) -> String {
        let (account, region, name) = &self.key;
        let mut bytes = vec![VERSION];
        bytes.extend(self.stream);
        bytes.extend(self.shard.to_be_bytes());
        bytes.extend(self.from.to_be_bytes());
        bytes.extend(self.made_ms.to_be_bytes());
        bytes.extend(format!("{account}/{region}/{name}").into_bytes());
        BASE64.encode(bytes)
    }

    /// # Errors
    /// `InvalidArgumentException` for what is no iterator.
    pub(crate) fn decode(text: &str) -> Result<Self> {
        Self::read(text).ok_or_else(|| invalid("Invalid ShardIterator."))
    }

    fn read(text: &str) -> Option<Self> {
        let bytes = BASE64.decode(text).ok()?;
        let (fixed, key) = bytes.split_at_checked(FIXED)?;
        let (version, rest) = fixed.split_first()?;
        let (stream, rest) = rest.split_first_chunk()?;
        let (shard, rest) = rest.split_first_chunk()?;
        let (from, rest) = rest.split_first_chunk()?;
        let (made, _) = rest.split_first_chunk()?;
        let mut parts = std::str::from_utf8(key).ok()?.splitn(3, '/').map(str::to_owned);
        let key = (parts.next()?, parts.next()?, parts.next()?);
        (*version == VERSION).then_some(Self {
            key,
            stream: *stream,
            shard: u32::from_be_bytes(*shard),
            from: u64::from_be_bytes(*from),
            made_ms: i64::from_be_bytes(*made),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_iterator_comes_back_as_it_went_and_is_no_longer_than_aws_allows() {
        let iterator = Iterator {
            key: ("000000000000".to_owned(), "ap-southeast-1".to_owned(), "n".repeat(128)),
            stream: [7; 16],
            shard: u32::MAX,
            from: u64::MAX,
            made_ms: -1,
        };
        let text = iterator.encode();
        assert!(text.len() <= 512, "{}", text.len());
        assert_eq!(Iterator::decode(&text).ok(), Some(iterator));
        for wrong in ["", "x", "AAAA", &BASE64.encode([2; 60]), &text[..text.len() / 2 / 4 * 4 - 100]] {
            assert!(Iterator::decode(wrong).is_err() || wrong.len() > 60, "{wrong}");
        }
    }
}
