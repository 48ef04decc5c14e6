//! Everything that Pipes stores, one line each. Numbers and layouts are on disk for ever.

use kv::Table;

use crate::pipe::Pipe;

/// Account, region, name.
pub(crate) type PipeKey = (String, String, String);

/// Every pipe, until it is deleted. How far each came in its source is kept by whoever polls.
pub(crate) const PIPES: Table<PipeKey, Pipe> = Table::new(739, "pipes");

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows as they are on disk: all that was ever written must stay readable.
    #[test]
    fn rows_keep_their_layout() {
        let row = r#"{"id":"u","description":"d","desired":"Running","state":"Updating","reason":"r","kind":"Kinesis","source":"a","settings":{"batch_size":5},"enrichment":{"arn":"e","template":"t"},"target":{"arn":"t","template":"<$.a>","waits":false,"partition_key":"p","group":"g","deduplication":"d","event":{"detail_type":"t","source":"s","resources":["r"],"time":"$.t"},"log":{"stream":"l","timestamp":"$.t"}},"role":"r","created_ms":1,"modified_ms":2,"tags":{"k":"v"}}"#;
        let read = serde_json::from_str::<Pipe>(row).expect("a pipe");
        assert_eq!(read.settings.batch_size, Some(5));
        let again = serde_json::to_string(&read).expect("JSON");
        assert_eq!(serde_json::from_str::<Pipe>(&again).expect("a pipe"), read);
    }
}
