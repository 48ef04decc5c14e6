//! Everything that Kinesis stores, one line each. Numbers and layouts are on disk for ever.

use kv::Table;

use crate::consumer::Consumer;
use crate::record::{Chunk, Record};
use crate::shard::Shard;
use crate::stream::Stream;

/// What a stream's rows are kept under: random, so that a name that is used again is another.
pub(crate) type Id = [u8; 16];
/// Account, region, name.
pub(crate) type StreamKey = (String, String, String);

/// Every stream, until it is deleted.
pub(crate) const STREAMS: Table<StreamKey, Stream> = Table::new(700, "streams of records");
/// Shards by stream and number, until all they had is past its retention.
pub(crate) const SHARDS: Table<(Id, u32), Shard> = Table::new(701, "shards");
/// Records by stream, shard and sequence number, for the stream's retention period.
pub(crate) const RECORDS: Table<(Id, u32, u64), Record> = Table::new(702, "records");
/// What of a large record's data does not fit into its row; written before it, so that a record is whole.
pub(crate) const CHUNKS: Table<(Id, u32, u64, u16), Chunk> = Table::new(703, "chunks of records");
/// Registered consumers by stream and name.
pub(crate) const CONSUMERS: Table<(Id, String), Consumer> = Table::new(704, "stream consumers");
/// Streams that are gone, and whose rows are still to be removed.
pub(crate) const DOOMED: Table<Id, ()> = Table::new(705, "doomed streams of records");

#[cfg(test)]
mod tests {
    use super::*;

    /// Records as they are on disk, with all that is optional left out.
    #[test]
    fn stored_records_stay_readable() {
        let id = "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]";
        let stream = format!(
            r#"{{"id":{id},"created_ms":5,"mode":"Provisioned","retention_hours":24,"record_kib_max":1024,"next_shard":1,
            "open_shards":1}}"#
        );
        let stream: Stream = serde_json::from_str(&stream).expect("readable");
        assert_eq!((stream.id[15], stream.open_shards, stream.horizon_ms, stream.policy), (16, 1, 0, None));
        let shard =
            r#"{"start":"0","end":"340282366920938463463374607431768211455","first":7,"created_ms":5}"#;
        let shard: Shard = serde_json::from_str(shard).expect("readable");
        assert_eq!((shard.start.0, shard.end.0, shard.first, shard.closed), (0, u128::MAX, 7, None));
        let closed = r#"{"start":"1","end":"2","parent":0,"adjacent":1,"first":7,"created_ms":5,"closed":{"at_ms":6,"last":9}}"#;
        let shard: Shard = serde_json::from_str(closed).expect("readable");
        assert_eq!((shard.adjacent, shard.closed.map(|closed| closed.last)), (Some(1), Some(9)));
        let record: Record =
            serde_json::from_str(r#"{"key":"k","at_ms":5,"data":"aGk=","size":3}"#).expect("readable");
        assert_eq!((&record.data.0[..], record.chunks), (&b"hi"[..], 0));
        let consumer: Consumer = serde_json::from_str(r#"{"created_ms":5}"#).expect("readable");
        assert_eq!((consumer.created_ms, consumer.tags.len()), (5, 0));
    }
}
