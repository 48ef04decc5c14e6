//! Everything that Logs stores, one line each. Numbers and layouts are on disk for ever.

use kv::Table;
use serde::{Deserialize, Serialize};

use crate::group::Group;
use crate::stream::Stream;
use crate::subscription::Shipment;

/// What a group's or a stream's rows are kept under: random, so that a name that is used again is another.
pub(crate) type Id = [u8; 16];
/// Account, region, group name.
pub(crate) type GroupKey = (String, String, String);
/// Stream, milliseconds since the epoch, position in the stream.
pub(crate) type EventKey = (Id, i64, u64);

/// Every group, until it is deleted.
pub(crate) const GROUPS: Table<GroupKey, Group> = Table::new(200, "log groups");
/// A group's streams by name; outlive their group until they are swept.
pub(crate) const STREAMS: Table<(Id, String), Stream> = Table::new(201, "log streams");
/// A stream's events in order of time.
pub(crate) const EVENTS: Table<EventKey, Event> = Table::new(202, "log events");
/// Deleted groups whose rows are still to be removed.
pub(crate) const DOOMED: Table<Id, ()> = Table::new(203, "doomed log groups");

/// Events on their way to subscription filters' destinations: when, in microseconds, and which.
pub(crate) const SHIPMENTS: Table<(i64, Id), Shipment> = Table::new(204, "log events on their way");

/// One event; its time is in its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Event {
    #[serde(rename = "m")]
    pub message: String,
    /// Milliseconds since the epoch.
    #[serde(rename = "i")]
    pub ingested_ms: i64,
}
