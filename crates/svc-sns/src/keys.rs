//! Everything that SNS stores, one line each. Numbers and layouts are on disk for ever.

use kv::Table;

use crate::letter::{Letter, LetterKey};
use crate::outbox::Parcel;
use crate::signing::KeyPair;
use crate::subscription::Subscription;
use crate::topic::{Published, Topic};

/// Random, so that a name that is used again is another.
pub(crate) type Id = [u8; 16];
/// Account, region, name.
pub(crate) type TopicKey = (String, String, String);
/// Account, region, topic, the subscription's own UUID.
pub(crate) type SubscriptionKey = (String, String, String, String);

/// Every topic, until it is deleted.
pub(crate) const TOPICS: Table<TopicKey, Topic> = Table::new(430, "topics");
/// A topic's subscriptions; they go with it.
pub(crate) const SUBSCRIPTIONS: Table<SubscriptionKey, Subscription> = Table::new(431, "subscriptions");
/// What is still to be delivered: when, in microseconds, and which.
pub(crate) const OUTBOX: Table<(i64, Id), Parcel> = Table::new(432, "notifications under way");
/// What was published to a FIFO topic within five minutes: account, region, topic, scope, deduplication id.
pub(crate) const DUPLICATES: Table<(String, String, String, String, String), Published> =
    Table::new(433, "published deduplication ids");
/// The last sequence number of a FIFO topic.
pub(crate) const SEQUENCES: Table<TopicKey, u64> = Table::new(434, "topic sequence numbers");
/// What notifications are signed with, by a name of ours.
pub(crate) const KEY_PAIRS: Table<String, KeyPair> = Table::new(435, "notification signing keys");
/// What is still to be sent to HTTP endpoints.
pub(crate) const LETTERS: Table<LetterKey, Letter> = Table::new(436, "deliveries by HTTP under way");
/// When subscriptions that nobody confirms lapse: microseconds, and the subscription's ARN.
pub(crate) const LAPSES: Table<(i64, String), ()> = Table::new(437, "lapses of pending subscriptions");
