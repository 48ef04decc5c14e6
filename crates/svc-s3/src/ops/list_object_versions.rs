//! `ListObjectVersions`: every version and delete marker, by key, newest first.

use api_s3::{
    DeleteMarkerEntry, ListObjectVersionsInput, ListObjectVersionsOutput, ObjectVersion,
    ObjectVersionStorageClass,
};
use aws_wire::Result;
use kv::{Direction, Read, Span, StartsWith};

use crate::bucket::Bucket;
use crate::keys::{CURRENT, OLDER, ObjectKey};
use crate::listing::{self, Encoding, common_prefix};
use crate::object::Object;
use crate::{Ctx, access, errors, object, right};

/// Keys read at once.
const KEYS: usize = 200;

pub(crate) async fn list_object_versions(
    cx: Ctx,
    input: ListObjectVersionsInput,
) -> Result<ListObjectVersionsOutput> {
    let entries_max = listing::page_size(input.max_keys, "max-keys")?;
    let (key_marker, version_marker) =
        (input.key_marker.as_deref().unwrap_or_default(), input.version_id_marker.as_deref());
    if version_marker.is_some() && key_marker.is_empty() {
        let message = "A version-id marker cannot be specified without a key marker.";
        return Err(errors::invalid_argument("version-id-marker", "", message));
    }
    let snapshot = cx.kv.snapshot().await?;
    let owner = input.expected_bucket_owner.as_deref();
    let bucket = right::bucket(&cx, &snapshot, &input.bucket, owner, ("s3:ListBucketVersions", ""))?;
    let prefix = input.prefix.as_deref().unwrap_or_default();
    let delimiter = input.delimiter.as_deref().unwrap_or_default();
    let mut walk = Walk { bucket: &bucket, prefix, delimiter, entries_max, found: Found::default() };
    if entries_max > 0 {
        walk.run(&snapshot, key_marker, version_marker.filter(|marker| !marker.is_empty()))?;
    }
    let Found { rows, prefixes, next } = walk.found;

    let encoding = Encoding(input.encoding_type);
    let (mut versions, mut markers) = (Vec::new(), Vec::new());
    for row in rows {
        if row.object.marker {
            markers.push(shown_marker(&bucket, row, encoding))
        } else {
            versions.push(shown(&bucket, row, encoding))
        }
    }
    Ok(ListObjectVersionsOutput {
        is_truncated: Some(next.is_some()),
        key_marker: Some(encoding.text(key_marker)),
        version_id_marker: Some(version_marker.unwrap_or_default().to_owned()),
        next_key_marker: next.as_ref().map(|(key, _)| encoding.text(key)),
        next_version_id_marker: next.and_then(|(_, version)| version),
        versions: (!versions.is_empty()).then_some(versions),
        delete_markers: (!markers.is_empty()).then_some(markers),
        name: Some(input.bucket),
        prefix: Some(encoding.text(prefix)),
        delimiter: encoding.some(input.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty())),
        max_keys: i32::try_from(entries_max).ok(),
        common_prefixes: encoding.prefixes(prefixes),
        encoding_type: input.encoding_type,
        request_charged: None,
    })
}

struct Row {
    key: String,
    object: Object,
    latest: bool,
}

#[derive(Default)]
struct Found {
    rows: Vec<Row>,
    prefixes: Vec<String>,
    /// The last entry, when there are more.
    next: Option<(String, Option<String>)>,
}

struct Walk<'a> {
    bucket: &'a Bucket,
    prefix: &'a str,
    delimiter: &'a str,
    entries_max: usize,
    found: Found,
}

impl Walk<'_> {
    fn run(&mut self, reader: &impl Read, key_marker: &str, version_marker: Option<&str>) -> Result<()> {
        let bucket = self.bucket;
        let all = Span::<ObjectKey>::prefix(&(bucket.id, StartsWith(self.prefix)));
        let mut span = all.clone();
        let is_prefix = common_prefix(key_marker, self.prefix, self.delimiter) == Some(key_marker);
        if is_prefix {
            span = span.after_prefix(&(bucket.id, StartsWith(key_marker)));
        } else if !key_marker.is_empty() {
            if let Some(marker) = version_marker
                && self.rest_of(reader, key_marker, marker)?
            {
                return Ok(());
            }
            span = span.after(&(bucket.id, key_marker));
        }
        loop {
            let keys = CURRENT.scan(reader, &span, KEYS, Direction::Forward)?;
            let full = keys.len() == KEYS;
            let mut jump = None;
            let mut last = String::new();
            for ((_, key), current) in keys {
                last.clone_from(&key);
                if let Some(common) = common_prefix(&key, self.prefix, self.delimiter) {
                    if self.is_full() {
                        return Ok(());
                    }
                    self.found.prefixes.push(common.to_owned());
                    jump = Some(common.to_owned());
                    break;
                }
                if self.push(&key, current, true) || self.older(reader, &key, 0)? {
                    return Ok(());
                }
            }
            match jump {
                Some(common) => span = all.clone().after_prefix(&(bucket.id, StartsWith(&common))),
                None if full => span = all.clone().after(&(bucket.id, last)),
                None => return Ok(()),
            }
        }
    }

    /// What of the marker's key lies behind the marker's version.
    fn rest_of(&mut self, reader: &impl Read, key: &str, marker: &str) -> Result<bool> {
        match object::version(reader, self.bucket, key, marker)? {
            Some(found) => self.older(reader, key, found.rank),
            None => Ok(false),
        }
    }

    /// Versions of `key` whose rank is above `rank`; whether the page is full.
    fn older(&mut self, reader: &impl Read, key: &str, rank: u64) -> Result<bool> {
        let all = Span::prefix(&(self.bucket.id, key));
        let mut span = all.clone().after(&(self.bucket.id, key, rank));
        loop {
            let rows = OLDER.scan(reader, &span, KEYS, Direction::Forward)?;
            let full = rows.len() == KEYS;
            let Some((last, _)) = rows.last().filter(|_| full) else {
                return Ok(rows.into_iter().any(|(_, object)| self.push(key, object, false)));
            };
            span = all.clone().after(last);
            if rows.into_iter().any(|(_, object)| self.push(key, object, false)) {
                return Ok(true);
            }
        }
    }

    /// Adds an entry; `true` when it did not fit any more.
    fn push(&mut self, key: &str, object: Object, latest: bool) -> bool {
        if self.is_full() {
            return true;
        }
        self.found.rows.push(Row { key: key.to_owned(), object, latest });
        false
    }

    /// Whether the page is full; then it says where the next begins.
    fn is_full(&mut self) -> bool {
        if self.found.rows.len() + self.found.prefixes.len() < self.entries_max {
            return false;
        }
        let row = self.found.rows.last().map(|row| (row.key.clone(), Some(row.object.version.clone())));
        let prefix = self.found.prefixes.last().map(|prefix| (prefix.clone(), None));
        self.found.next = row.max(prefix);
        true
    }
}

fn shown(bucket: &Bucket, Row { key, object, latest }: Row, encoding: Encoding) -> ObjectVersion {
    let class = object.headers.storage_class.as_deref().and_then(|class| class.parse().ok());
    ObjectVersion {
        e_tag: Some(object.quoted_etag()),
        checksum_algorithm: object.checksum.as_ref().map(|checksum| vec![checksum.algorithm.shown()]),
        checksum_type: object.checksum.as_ref().map(|checksum| checksum.shown_type()),
        size: i64::try_from(object.size_bytes).ok(),
        storage_class: Some(class.unwrap_or(ObjectVersionStorageClass::Standard)),
        key: Some(encoding.text(&key)),
        last_modified: Some(object.modified()),
        version_id: Some(object.version),
        is_latest: Some(latest),
        owner: Some(access::owner(&bucket.account)),
        restore_status: None,
    }
}

fn shown_marker(bucket: &Bucket, Row { key, object, latest }: Row, encoding: Encoding) -> DeleteMarkerEntry {
    DeleteMarkerEntry {
        owner: Some(access::owner(&bucket.account)),
        key: Some(encoding.text(&key)),
        last_modified: Some(object.modified()),
        version_id: Some(object.version),
        is_latest: Some(latest),
    }
}
