//! Everything that CloudFront stores, one line each. Numbers and layouts are on disk for ever.

use kv::Table;

use crate::invalidation::Record as Batch;
use crate::things::Record;

/// Account and id: CloudFront has no regions.
pub(crate) type Key = (String, String);
/// Account, distribution, the invalidation's id.
pub(crate) type BatchKey = (String, String, String);

/// Every distribution, until it is deleted; its invalidations go with it.
pub(crate) const DISTRIBUTIONS: Table<Key, Record> = Table::new(840, "distributions");
/// Those that accounts made; managed ones are part of the program.
pub(crate) const CACHE_POLICIES: Table<Key, Record> = Table::new(841, "cache policies");
pub(crate) const ORIGIN_REQUEST_POLICIES: Table<Key, Record> = Table::new(842, "origin request policies");
pub(crate) const RESPONSE_HEADERS_POLICIES: Table<Key, Record> = Table::new(843, "response headers policies");
pub(crate) const ACCESS_CONTROLS: Table<Key, Record> = Table::new(844, "origin access controls");
pub(crate) const ACCESS_IDENTITIES: Table<Key, Record> = Table::new(845, "origin access identities");
/// A distribution's last ones.
pub(crate) const INVALIDATIONS: Table<BatchKey, Batch> = Table::new(846, "invalidations");
/// Whose a host is: the first label of a distribution's own, or an alternate name, in small letters.
pub(crate) const NAMES: Table<String, Key> = Table::new(847, "distribution names");

#[cfg(test)]
mod tests {
    use serde::Serialize;
    use serde::de::DeserializeOwned;

    use super::*;

    fn keeps<T: Serialize + DeserializeOwned>(row: &str) {
        let read = serde_json::from_str::<T>(row).unwrap_or_else(|error| panic!("{row}: {error}"));
        assert_eq!(serde_json::to_string(&read).expect("JSON"), row);
    }

    /// Rows as they are on disk: all that was ever written must stay readable.
    #[test]
    fn rows_keep_their_layout() {
        keeps::<Record>(
            r#"{"etag":"E1","modified_ms":1,"config":{"CallerReference":"r","Comment":"c"},"label":"d1","tags":{"k":"v"}}"#,
        );
        keeps::<Batch>(r#"{"reference":"r","paths":["/a*"],"created_ms":2}"#);
    }
}
