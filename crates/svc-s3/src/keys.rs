//! Everything that S3 stores, one line each. Numbers and layouts are on disk for ever.

use kv::Table;
use serde_json::Value as Json;

use crate::bucket::Bucket;
use crate::content::Content;
use crate::notify::Notice;
use crate::object::Object;
use crate::upload::{Part, Upload};

/// What rows are kept under: random, so that a name that is used again is another.
pub(crate) type Id = [u8; 16];
/// Bucket, key.
pub(crate) type ObjectKey = (Id, String);
/// Bucket, key, and the rank that counts down as versions are added.
pub(crate) type VersionKey = (Id, String, u64);
/// Bucket, key, upload.
pub(crate) type UploadKey = (Id, String, String);
/// A blob's SHA-256, and the content that it is part of.
pub(crate) type ReferenceKey = ([u8; 32], Id);

/// Every bucket by its name, which is one for all accounts.
pub(crate) const BUCKETS: Table<String, Bucket> = Table::new(500, "buckets");
/// Account, name: an account's buckets.
pub(crate) const BUCKETS_OF: Table<(String, String), ()> = Table::new(501, "an account's buckets");
/// A bucket's settings, by the operation that reads them, as documents.
pub(crate) const SETTINGS: Table<(Id, String), Json> = Table::new(502, "settings of buckets");
/// The latest version of each key, be it a delete marker.
pub(crate) const CURRENT: Table<ObjectKey, Object> = Table::new(503, "objects");
/// The versions before it, newest first.
pub(crate) const OLDER: Table<VersionKey, Object> = Table::new(504, "older versions of objects");
/// What versions and parts consist of; goes with them.
pub(crate) const CONTENTS: Table<Id, Content> = Table::new(505, "contents");
/// Which contents hold a blob.
pub(crate) const REFERENCES: Table<ReferenceKey, ()> = Table::new(506, "references to blobs");
/// Blobs that lost a reference, until somebody has looked whether it was the last.
pub(crate) const DOOMED: Table<[u8; 32], ()> = Table::new(507, "doomed blobs");
/// Uploads in parts, until they are completed or aborted.
pub(crate) const UPLOADS: Table<UploadKey, Upload> = Table::new(508, "uploads in parts");
/// Their parts by number.
pub(crate) const PARTS: Table<(Id, u32), Part> = Table::new(509, "parts");
/// Events that are still to be told, oldest first: microseconds since the epoch, and a random part.
pub(crate) const OUTBOX: Table<(i64, Id), Notice> = Table::new(510, "events of buckets");
/// When a version's restored copy is to be looked at, in milliseconds since the epoch; bucket, key, rank.
pub(crate) type RestoreKey = (i64, String, String, u64);
/// Copies of archived versions that are not ready yet, or not over; the bucket's id.
pub(crate) const RESTORES: Table<RestoreKey, Id> = Table::new(511, "restores");
