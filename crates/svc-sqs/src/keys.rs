//! Everything that SQS stores, one line each. Numbers and layouts are on disk for ever.

use kv::Table;
use serde::{Deserialize, Serialize};

use crate::fifo::Group;
use crate::message::{Content, State};
use crate::moves::MoveTask;
use crate::queue::Queue;

/// A queue's or a message's own number: random, so that a name that is used again is another.
pub(crate) type Id = [u8; 16];
/// Account, region, name.
pub(crate) type QueueKey = (String, String, String);

/// Every queue, until it is deleted.
pub(crate) const QUEUES: Table<QueueKey, Queue> = Table::new(400, "queues");
/// Messages of standard queues by the queue's store: what changes in a message's life.
pub(crate) const STATES: Table<(Id, Id), State> = Table::new(401, "messages");
/// What was sent, by the message's id; never changed, and not moved when the message goes to another queue.
pub(crate) const CONTENTS: Table<Id, Content> = Table::new(402, "message contents");
/// Messages of standard queues in the order in which they become visible: store, microseconds, message.
pub(crate) const READY: Table<(Id, i64, Id), Standing> = Table::new(403, "visible messages");
/// Message groups of FIFO queues that have messages.
pub(crate) const GROUPS: Table<(Id, String), Group> = Table::new(404, "message groups");
/// Groups in the order in which they may be received from: store, microseconds, group.
pub(crate) const GROUPS_READY: Table<(Id, i64, String), ()> = Table::new(405, "ready groups");
/// Messages of FIFO queues: store, group, sequence number.
pub(crate) const SEQUENCES: Table<(Id, String, u64), State> = Table::new(406, "FIFO messages");
/// What was sent within five minutes: queue, group or nothing, deduplication id.
pub(crate) const DUPLICATES: Table<(Id, String, String), Sent> = Table::new(407, "deduplication ids");
/// The same by the moment it is forgotten, in microseconds.
pub(crate) const FORGETTING: Table<(i64, Id, String, String), ()> = Table::new(408, "deduplication ends");
/// When a queue of this name was deleted, in milliseconds; swept after a minute.
pub(crate) const DELETED: Table<QueueKey, i64> = Table::new(409, "deleted queues");
/// Stores of purged and deleted queues whose rows are still to be removed.
pub(crate) const DOOMED: Table<Id, ()> = Table::new(410, "doomed message stores");
/// Message move tasks: account, region, source queue, start in microseconds.
pub(crate) const MOVE_TASKS: Table<(String, String, String, i64), MoveTask> =
    Table::new(411, "message move tasks");

/// What the index of a standard queue knows of a message, so that counting reads nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Standing {
    /// Milliseconds since the epoch.
    #[serde(rename = "s")]
    pub sent_ms: i64,
    /// Whether it was received and is not visible for that, not for its delay.
    #[serde(rename = "r")]
    pub received: bool,
}

/// A message that a later one with its deduplication id stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sent {
    /// In microseconds; when it is forgotten.
    pub until: i64,
    pub message: Id,
    pub sequence: u64,
}
