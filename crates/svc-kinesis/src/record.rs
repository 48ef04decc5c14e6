//! A record as it is stored.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Data in one row; a record above it has the rest in chunks. All of a default stream's records are in one row.
pub(crate) const CHUNK_BYTES: usize = 1 << 20;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Absent where the stream places records itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// When it arrived, in milliseconds.
    pub at_ms: i64,
    /// All of the data, or its first [`CHUNK_BYTES`].
    pub data: Chunk,
    /// How many rows have the rest.
    #[serde(default)]
    pub chunks: u16,
    /// Bytes of data and partition key.
    pub size: usize,
}

/// Bytes; in a row as Base64.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Chunk(pub Bytes);

impl Serialize for Chunk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Chunk {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        let bytes = BASE64.decode(text.as_bytes()).map_err(serde::de::Error::custom)?;
        Ok(Self(bytes.into()))
    }
}
