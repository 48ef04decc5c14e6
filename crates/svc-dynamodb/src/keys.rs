//! Everything that DynamoDB stores, one line each. Numbers and layouts are on disk for ever.

use env::Timestamp;
use kv::{AsKey, AsPrefix, Key, KeyError, Table};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::backup::{BackupKey, BackupRecord};
use crate::export::{ExportRecord, Exported};
use crate::history::{Claim, Past};
use crate::import::ImportRecord;
use crate::order::OrderKey;
use crate::replication::Replica;
use crate::table::TableRecord;
use crate::value::{Attr, Item};

/// What a table's or a stream's rows are kept under: random, so that a name that is used again is another.
pub(crate) type Id = [u8; 16];
/// Account, region, table name.
pub(crate) type TableKey = (String, String, String);

/// Every table, until its deletion has begun to be carried out.
pub(crate) const TABLES: Table<TableKey, TableRecord> = Table::new(600, "tables");
/// Tables for which there is work to do: to make, to fill an index, to delete.
pub(crate) const PENDING: Table<TableKey, ()> = Table::new(601, "pending tables");
/// Items: [`item_key`].
pub(crate) const ITEMS: Table<RowKey, Item> = Table::new(602, "items");
/// What indexes hold of the items: [`index_key`].
pub(crate) const INDEXED: Table<RowKey, Item> = Table::new(603, "indexed items");
/// Streams by account, region, table and label; for a day after they were disabled.
pub(crate) const STREAMS: Table<StreamKey, StreamRecord> = Table::new(604, "streams");
/// Streams' records by stream and sequence number, for a day.
pub(crate) const CHANGES: Table<(Id, u64), Change> = Table::new(605, "stream records");
/// Tokens of transactions by account, region and token, for ten minutes.
pub(crate) const TOKENS: Table<(String, String, String), Token> = Table::new(606, "transaction tokens");
/// Tables and indexes that are gone, and whose rows are still to be removed; an empty index is the whole table.
pub(crate) const DOOMED: Table<(Id, Vec<u8>), ()> = Table::new(607, "doomed tables and indexes");

/// Up to which row a new index, by table and number, has the items that were there before it.
pub(crate) const FILLED: Table<(Id, u16), Vec<u8>> = Table::new(608, "filled indexes");

/// Changes on their way to Kinesis streams, by table and number; until they are there.
pub(crate) const REPLICAS: Table<(Id, u64), Replica> = Table::new(609, "replicated changes");

/// What items were before they were changed: an item's row and the change's number, which tells the time in
/// microseconds; as long as the table can be recovered, or is read.
pub(crate) const PAST: Table<RowKey, Past> = Table::new(610, "former items");
/// The rows of those changes, by table and number.
pub(crate) const PAST_TIMES: Table<(Id, u64), Vec<u8>> = Table::new(611, "times of former items");
/// Backups by account, region and the end of their ARN, until they are deleted.
pub(crate) const BACKUPS: Table<BackupKey, BackupRecord> = Table::new(612, "backups");
/// The items of backups: a backup's id, then the row as in its table, after that one's id.
pub(crate) const SAVED: Table<RowKey, Item> = Table::new(613, "items of backups");
/// Who still reads the rows of a table or a backup: its id, and the copy's.
pub(crate) const CLAIMS: Table<(Id, Id), Claim> = Table::new(614, "claims of copies");

/// Exports by account, region and the end of their ARN.
pub(crate) const EXPORTS: Table<OrderKey, ExportRecord> = Table::new(615, "exports");
/// The files of exports under way, by export and number, until their manifest is written.
pub(crate) const EXPORTED: Table<(Id, u64), Exported> = Table::new(616, "exported files");

/// Imports by account, region and the end of their ARN.
pub(crate) const IMPORTS: Table<OrderKey, ImportRecord> = Table::new(617, "imports");
/// Imports under way.
pub(crate) const IMPORTING: Table<OrderKey, ()> = Table::new(618, "imports under way");

/// Account, region, table name, label.
pub(crate) type StreamKey = (String, String, String, String);

/// A stream, which outlives its table by a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StreamRecord {
    pub id: Id,
    /// `StreamViewType` as on the wire.
    pub view: String,
    pub created_ms: i64,
    /// When it was disabled, and the last sequence number that it may have.
    pub closed: Option<(i64, u64)>,
    /// The table's keys: names, hash first.
    pub keys: Vec<String>,
    pub shard: String,
}

/// What became of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Event {
    Insert,
    Modify,
    Remove,
}

/// A stream's record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Change {
    pub event: Event,
    pub at: i64,
    pub keys: Item,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<Item>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<Item>,
    pub size: usize,
    /// Whether time to live did it.
    #[serde(default)]
    pub expired: bool,
    /// A UUID's hex.
    pub event_id: String,
}

impl Change {
    pub(crate) fn time(&self) -> Timestamp {
        Timestamp::from_millis(self.at)
    }
}

/// A transaction that was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Token {
    /// SHA-256 of what was asked, in hex.
    pub request: String,
    pub at_ms: i64,
}

impl Token {
    /// Milliseconds that a token counts.
    const KEPT_MS: i64 = 10 * 60 * 1000;

    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        now.as_millis() - self.at_ms >= Self::KEPT_MS
    }
}

/// Bytes whose order is the rows'.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RowKey(pub Vec<u8>);

impl Key for RowKey {
    fn encode_key(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }

    fn decode_key(bytes: &[u8]) -> Result<Self, KeyError> {
        Ok(Self(bytes.to_vec()))
    }
}

impl AsKey<RowKey> for RowKey {
    fn encode_as_key(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }
}

impl AsPrefix<RowKey> for RowKey {
    fn encode_as_prefix(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }
}

/// The digest of a partition key: where its items lie, and in which order a scan meets them.
pub(crate) fn partition(value: &Attr) -> [u8; 16] {
    let mut bytes = value.kind().as_bytes().to_vec();
    bytes.extend(sort_bytes(value));
    digest(&bytes)
}

pub(crate) fn digest(bytes: &[u8]) -> [u8; 16] {
    let whole = Sha256::digest(bytes);
    *whole.first_chunk().expect("a SHA-256 has 32 bytes")
}

/// A scalar's bytes, in its type's order. Texts and bytes go in groups of eight, each followed by how many of
/// them count (9 when more follow): an eighth longer at most, where escapes could double them.
pub(crate) fn sort_bytes(value: &Attr) -> Vec<u8> {
    match value {
        Attr::S(text) => grouped(text.as_bytes()),
        Attr::B(bytes) => grouped(&bytes.0),
        Attr::N(number) => {
            let mut bytes = Vec::new();
            number.encode(&mut bytes);
            bytes
        }
        _ => Vec::new(),
    }
}

fn grouped(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() / 8 * 9 + 9);
    let mut chunks = bytes.chunks(8).peekable();
    if chunks.peek().is_none() {
        out.extend_from_slice(&[0; 9]);
    }
    while let Some(chunk) = chunks.next() {
        let mut group = [0; 9];
        group[..chunk.len()].copy_from_slice(chunk);
        group[8] = if chunks.peek().is_some() { 9 } else { u8::try_from(chunk.len()).unwrap_or(8) };
        out.extend_from_slice(&group);
    }
    out
}

/// Where the sort keys that begin with `value` end: the bytes of the least key above them all.
pub(crate) fn after_prefix(value: &Attr) -> Option<Vec<u8>> {
    let mut bytes = match value {
        Attr::S(text) => text.as_bytes().to_vec(),
        Attr::B(bytes) => bytes.0.to_vec(),
        _ => return None,
    };
    while let Some(last) = bytes.pop() {
        if last < u8::MAX {
            bytes.push(last + 1);
            return Some(grouped(&bytes));
        }
    }
    None
}

/// Table, partition, sort key.
pub(crate) fn item_key(table: Id, partition: &[u8; 16], sort: &[u8]) -> RowKey {
    RowKey([&table[..], partition, sort].concat())
}

/// Table, index, the index's partition and sort key, and what tells apart items that share them.
pub(crate) fn index_key(table: Id, index: u16, partition: &[u8; 16], sort: &[u8], item: &[u8; 16]) -> RowKey {
    RowKey([&table[..], &index.to_be_bytes(), partition, sort, item].concat())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Just, Strategy, any, prop};
    use proptest::{prop_assert_eq, prop_oneof, proptest};

    use super::*;
    use crate::value::Binary;

    #[test]
    fn texts_sort_by_their_bytes_and_none_is_a_prefix_of_another() {
        let texts: [&[u8]; 12] = [
            b"",
            b"\0",
            b"\0\0",
            b"a",
            b"a\0",
            b"aaaaaaa",
            b"aaaaaaaa",
            b"aaaaaaaa\0",
            b"aaaaaaaaa",
            b"aaaaaaaab",
            b"b",
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        ];
        let encoded = texts.map(|text| sort_bytes(&Attr::B(Binary(text.to_vec().into()))));
        for pair in encoded.windows(2) {
            assert!(pair[0] < pair[1] && !pair[1].starts_with(&pair[0]), "{pair:?}");
        }
    }

    #[test]
    fn a_prefix_ends_above_all_that_begin_so() {
        let text = |text: &str| Attr::S(text.to_owned());
        let end = after_prefix(&text("ab")).unwrap();
        for inside in ["ab", "abc", "ab\u{10ffff}", "abzzzzzzzzzzzzzz"] {
            assert!(sort_bytes(&text(inside)) < end && sort_bytes(&text(inside)) >= sort_bytes(&text("ab")));
        }
        for outside in ["ac", "b", "acaaaaaaaaaaaaaa"] {
            assert!(sort_bytes(&text(outside)) >= end, "{outside}");
        }
        assert_eq!(after_prefix(&Attr::B(Binary(vec![0xff, 0xff].into()))), None);
    }

    /// Records as they are on disk, with all that is optional left out.
    #[test]
    fn stored_records_stay_readable() {
        let id = "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]";
        let table = format!(
            r#"{{"format":1,"id":{id},"version":3,"account":"000000000000","region":"us-east-1","name":"tab","created_ms":5,
            "status":"Active","attributes":[{{"name":"h","kind":"S"}}],"schema":{{"hash":{{"name":"h","kind":"S"}},"range":null}},
            "indexes":[{{"name":"i","number":1,"global":true,"schema":{{"hash":{{"name":"h","kind":"S"}},"range":null}},
            "projected":{{"Include":["x"]}},"status":"Creating"}}],"next_index":2,"throughput":[1,2]}}"#
        );
        let table: TableRecord = serde_json::from_str(&table).unwrap();
        assert_eq!((table.next_index, table.indexes[0].number, table.throughput), (2, 1, Some((1, 2))));
        assert!(!table.keeps_past && table.recovery.is_none() && table.restored.is_none());
        let table = serde_json::to_string(&table).unwrap();
        let past: Past = serde_json::from_str(r#"{"old":{"h":{"S":"a"}}}"#).unwrap();
        assert_eq!(past.old.map(|item| item.len()), Some(1));
        assert_eq!(serde_json::from_str::<Past>("{}").unwrap().old, None);
        let claim = r#"{"number":7,"table":["000000000000","us-east-1","tab"],"task":{"Backup":["000000000000","us-east-1","l"]}}"#;
        assert_eq!(serde_json::from_str::<Claim>(claim).unwrap().number, 7);
        let backup = format!(r#"{{"id":{id},"name":"b","created_ms":5,"table":{table}}}"#);
        let backup: BackupRecord = serde_json::from_str(&backup).unwrap();
        assert_eq!((backup.complete, backup.copied, backup.items), (false, None, 0));
        let export = format!(
            r#"{{"id":{id},"table_arn":"arn","table_id":{id},"schema":{{"hash":{{"name":"h","kind":"S"}},"range":null}},
            "started_ms":5,"token":"t","request":"ab","bucket":"b","what":{{"Full":{{"at_ms":5}}}},"number":7}}"#
        );
        assert_eq!(serde_json::from_str::<ExportRecord>(&export).unwrap().files, 0);
        let file = r#"{"itemCount":1,"md5Checksum":"m","etag":"e","dataFileS3Key":"k"}"#;
        assert_eq!(serde_json::from_str::<Exported>(file).unwrap().key, "k");
        let import = format!(
            r#"{{"table":{table},"started_ms":5,"token":"t","request":"ab","bucket":"b","format":{{"Csv":{{}}}}}}"#
        );
        assert_eq!(serde_json::from_str::<ImportRecord>(&import).unwrap().counts.errors, 0);
        let stream = format!(
            r#"{{"id":{id},"view":"KEYS_ONLY","created_ms":5,"closed":[6,7],"keys":["h"],"shard":"shardId-1"}}"#
        );
        assert_eq!(serde_json::from_str::<StreamRecord>(&stream).unwrap().closed, Some((6, 7)));
        let change = r#"{"event":"Insert","at":5,"keys":{"h":{"S":"a"}},"size":2,"event_id":"e"}"#;
        let replica = format!(
            r#"{{"stream_arn":"arn","table":["000000000000","us-east-1","tab"],"at":5,"partition_key":"AB","change":{change}}}"#
        );
        let replica: Replica = serde_json::from_str(&replica).unwrap();
        assert_eq!((replica.at, replica.micros, replica.partition_key.as_str()), (5, false, "AB"));
        let change: Change = serde_json::from_str(change).unwrap();
        assert_eq!((change.event, change.old, change.expired), (Event::Insert, None, false));
        let token: Token = serde_json::from_str(r#"{"request":"ab","at_ms":5}"#).unwrap();
        assert!(
            token.is_over(Timestamp::from_millis(600_005)) && !token.is_over(Timestamp::from_millis(600_004))
        );
    }

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![Just(0), Just(0xff), Just(b'a'), any::<u8>()];
        prop::collection::vec(byte, 0..20)
    }

    proptest! {
        #[test]
        fn sort_keys_lie_in_the_order_of_their_values(left in bytes(), right in bytes()) {
            let [of_left, of_right] = [&left, &right].map(|bytes| grouped(bytes));
            prop_assert_eq!(of_left.cmp(&of_right), left.cmp(&right));
            prop_assert_eq!(of_left.starts_with(&of_right), left == right);
        }

        #[test]
        fn what_begins_so_is_what_lies_before_the_end(prefix in bytes(), rest in bytes(), other in bytes()) {
            let value = |bytes: &[u8]| Attr::B(Binary(bytes.to_vec().into()));
            let from = sort_bytes(&value(&prefix));
            let end = after_prefix(&value(&prefix)).unwrap_or_else(|| vec![0xff; 40]);
            for bytes in [[&prefix[..], &rest].concat(), other] {
                let place = grouped(&bytes);
                prop_assert_eq!(from <= place && place < end, bytes.starts_with(&prefix));
            }
        }
    }
}
