//! Lists of keys: pages, prefixes, delimiters, encodings. What a page costs does not grow with the bucket.

use api_s3::{CommonPrefix, EncodingType};
use aws_wire::Result;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use kv::{Direction, Read, Span, StartsWith};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::bucket::Bucket;
use crate::errors;
use crate::keys::{CURRENT, ObjectKey};
use crate::object::Object;

pub(crate) const PAGE_MAX: usize = 1000;
/// What S3 leaves as it is in a list that is encoded for URLs.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b'/');

/// What of a bucket's keys is asked for.
pub(crate) struct Asked<'a> {
    pub prefix: &'a str,
    /// Empty for none.
    pub delimiter: &'a str,
    pub after: After,
    pub entries_max: usize,
}

/// Where a page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum After {
    Start,
    /// Behind that key.
    Key(String),
    /// Behind all keys that begin so.
    Prefix(String),
}

pub(crate) enum Entry {
    Key(String, Box<Object>),
    Prefix(String),
}

pub(crate) struct Page {
    pub entries: Vec<Entry>,
    /// There are more behind these.
    pub more: bool,
}

impl Page {
    /// Where the next page begins.
    pub(crate) fn next(&self) -> Option<After> {
        let last = self.entries.last().filter(|_| self.more)?;
        Some(match last {
            Entry::Key(key, _) => After::Key(key.clone()),
            Entry::Prefix(prefix) => After::Prefix(prefix.clone()),
        })
    }
}

impl After {
    /// As a token that survives everything.
    pub(crate) fn token(&self) -> String {
        BASE64.encode(match self {
            Self::Start => String::new(),
            Self::Key(key) => format!("k{key}"),
            Self::Prefix(prefix) => format!("p{prefix}"),
        })
    }

    /// # Errors
    /// 400 for what is no token of ours.
    pub(crate) fn of_token(token: &str) -> Result<Self> {
        let text = BASE64.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let after = text.as_deref().and_then(|text| match text.split_at_checked(1)? {
            ("k", key) => Some(Self::Key(key.to_owned())),
            ("p", prefix) => Some(Self::Prefix(prefix.to_owned())),
            _ => None,
        });
        let message = "The continuation token provided is incorrect";
        after.ok_or_else(|| errors::invalid_argument("continuation-token", token, message))
    }

    /// A marker may be a common prefix that the page before ended with.
    pub(crate) fn of_marker(marker: Option<&str>, prefix: &str, delimiter: &str) -> Self {
        match marker {
            None | Some("") => Self::Start,
            Some(marker) if common_prefix(marker, prefix, delimiter) == Some(marker) => {
                Self::Prefix(marker.to_owned())
            }
            Some(marker) => Self::Key(marker.to_owned()),
        }
    }
}

/// What `key` is rolled up into.
pub(crate) fn common_prefix<'k>(key: &'k str, prefix: &str, delimiter: &str) -> Option<&'k str> {
    if delimiter.is_empty() {
        return None;
    }
    let found = key.strip_prefix(prefix)?.find(delimiter)?;
    Some(&key[..prefix.len() + found + delimiter.len()])
}

/// One page of a bucket's latest versions, without delete markers.
pub(crate) fn objects(reader: &impl Read, bucket: &Bucket, asked: &Asked<'_>) -> Result<Page> {
    let mut page = Page { entries: Vec::new(), more: false };
    if asked.entries_max == 0 {
        return Ok(page);
    }
    let all = Span::<ObjectKey>::prefix(&(bucket.id, StartsWith(asked.prefix)));
    let mut span = cut(all.clone(), bucket, &asked.after);
    loop {
        // One more than fits tells whether there are more.
        let wanted = (asked.entries_max + 1 - page.entries.len()).clamp(2, PAGE_MAX + 1);
        let rows = CURRENT.scan(reader, &span, wanted, Direction::Forward)?;
        let full = rows.len() == wanted;
        let mut jump = None;
        let mut last = String::new();
        for ((_, key), object) in rows {
            last.clone_from(&key);
            if object.marker {
                continue;
            }
            if page.entries.len() == asked.entries_max {
                page.more = true;
                return Ok(page);
            }
            if let Some(common) = common_prefix(&key, asked.prefix, asked.delimiter) {
                page.entries.push(Entry::Prefix(common.to_owned()));
                jump = Some(common.to_owned());
                break;
            }
            page.entries.push(Entry::Key(key, Box::new(object)));
        }
        match jump {
            Some(common) => span = all.clone().after_prefix(&(bucket.id, StartsWith(&common))),
            None if full => span = all.clone().after(&(bucket.id, last)),
            None => return Ok(page),
        }
    }
}

fn cut(span: Span<ObjectKey>, bucket: &Bucket, after: &After) -> Span<ObjectKey> {
    match after {
        After::Start => span,
        After::Key(key) => span.after(&(bucket.id, key.as_str())),
        After::Prefix(prefix) => span.after_prefix(&(bucket.id, StartsWith(prefix))),
    }
}

/// How many entries a page has: at most a thousand, whatever is asked.
///
/// # Errors
/// 400 for less than none.
pub(crate) fn page_size(asked: Option<i32>, name: &str) -> Result<usize> {
    let Some(asked) = asked else { return Ok(PAGE_MAX) };
    let size = usize::try_from(asked).map_err(|_| {
        let message = format!("Argument {name} must be an integer between 0 and 2147483647");
        errors::invalid_argument(name, &asked.to_string(), message)
    })?;
    Ok(size.min(PAGE_MAX))
}

/// Writes keys as the client wants them.
#[derive(Clone, Copy)]
pub(crate) struct Encoding(pub Option<EncodingType>);

impl Encoding {
    pub(crate) fn text(self, key: &str) -> String {
        match self.0 {
            Some(EncodingType::Url) => utf8_percent_encode(key, KEPT).to_string(),
            None => key.to_owned(),
        }
    }

    pub(crate) fn some(self, text: Option<&str>) -> Option<String> {
        text.map(|text| self.text(text))
    }

    pub(crate) fn prefixes(self, prefixes: Vec<String>) -> Option<Vec<CommonPrefix>> {
        let shown = prefixes.iter().map(|prefix| CommonPrefix { prefix: Some(self.text(prefix)) });
        let shown = shown.collect::<Vec<_>>();
        (!shown.is_empty()).then_some(shown)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use proptest::prelude::prop;
    use proptest::{prop_assert, prop_assert_eq, proptest};

    use super::*;
    use crate::bucket::Versioning;

    #[test]
    fn keys_roll_up_at_the_first_delimiter_behind_the_prefix() {
        let check = |key: &str, prefix: &str, delimiter: &str, expected: Option<&str>| {
            assert_eq!(common_prefix(key, prefix, delimiter), expected, "{key} {prefix} {delimiter}");
        };
        check("a/b/c", "", "/", Some("a/"));
        check("a/b/c", "a/", "/", Some("a/b/"));
        check("a/b/c", "a/b/", "/", None);
        check("a/b/c", "a", "/", Some("a/"));
        check("a--b", "", "--", Some("a--"));
        check("a", "", "", None);
    }

    #[test]
    fn tokens_come_back() {
        for after in [After::Key("a/ü".into()), After::Prefix("a/".into())] {
            assert_eq!(After::of_token(&after.token()).expect("a token"), after);
        }
        for wrong in ["", "!", "eA"] {
            assert!(After::of_token(wrong).is_err(), "{wrong}");
        }
    }

    /// What a list shows: keys, and what they roll up into.
    fn plain(keys: &BTreeSet<String>, prefix: &str, delimiter: &str, after: &After) -> Vec<String> {
        let is_after = |key: &&String| match after {
            After::Start => true,
            After::Key(last) => *key > last,
            After::Prefix(last) => *key > last && !key.starts_with(last),
        };
        let shown = keys.iter().filter(|key| key.starts_with(prefix)).filter(is_after).map(|key| {
            match key[prefix.len()..].split_once(delimiter).filter(|_| !delimiter.is_empty()) {
                Some((start, _)) => format!("{prefix}{start}{delimiter}"),
                None => key.clone(),
            }
        });
        let mut shown = shown.collect::<Vec<_>>();
        shown.dedup();
        shown
    }

    fn name(entry: &Entry) -> String {
        match entry {
            Entry::Key(key, _) => key.clone(),
            Entry::Prefix(prefix) => prefix.clone(),
        }
    }

    /// A bucket with these keys, and with markers where keys were deleted.
    async fn stored(keys: &BTreeSet<String>, deleted: &BTreeSet<String>) -> (Bucket, kv::Snapshot) {
        let kv = kv::Kv::new(Arc::new(kv_mem::MemEngine::new()), env::Env::system());
        let bucket = Bucket {
            id: [7; 16],
            name: String::new(),
            account: String::new(),
            region: String::new(),
            created_ms: 0,
            versioning: Versioning::Enabled,
            locks: false,
            acl: None,
        };
        let put = kv.transact(|tx| {
            for key in deleted.difference(keys).chain(keys) {
                let object = Object { marker: !keys.contains(key), ..Object::default() };
                CURRENT.put(tx, &(bucket.id, key.clone()), &object)?;
            }
            // Other buckets' keys, before and behind.
            CURRENT.put(tx, &([6; 16], "a".to_owned()), &Object::default())?;
            CURRENT.put(tx, &([8; 16], "a".to_owned()), &Object::default())
        });
        put.await.expect("stored");
        let snapshot = kv.snapshot().await.expect("a snapshot");
        (bucket, snapshot)
    }

    proptest! {
        #[test]
        fn pages_one_after_the_other_show_what_a_plain_list_does(
            keys in prop::collection::btree_set("[ab/\u{ff}-]{0,5}", 0..24),
            deleted in prop::collection::btree_set("[ab/]{0,4}", 0..6),
            prefix in "[ab/]{0,2}",
            delimiter in "(/|a|b/|/-)?",
            marker in prop::option::of("[ab/]{0,3}"),
            entries_max in 1..8_usize,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            let (bucket, snapshot) = runtime.block_on(stored(&keys, &deleted));
            let mut after = After::of_marker(marker.as_deref(), &prefix, &delimiter);
            let wanted = plain(&keys, &prefix, &delimiter, &after);
            let mut shown = Vec::new();
            loop {
                let asked = Asked { prefix: &prefix, delimiter: &delimiter, after: after.clone(), entries_max };
                let page = objects(&snapshot, &bucket, &asked).expect("a page");
                prop_assert!(page.entries.len() == entries_max || !page.more);
                shown.extend(page.entries.iter().map(name));
                let Some(next) = page.next() else { break };
                after = After::of_token(&next.token()).expect("a token of ours");
            }
            prop_assert_eq!(shown, wanted);
        }
    }
}
