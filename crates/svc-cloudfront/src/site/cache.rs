//! Responses that are kept in memory: by what their behavior tells them apart by, for as long as their origin and their
//! behavior say.
//!
//! A response that is fetched for one viewer is waited for by all who want the same. What turned out not to be kept is
//! remembered for a while too, so that nobody waits for it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

use aws_wire::Response;
use bytes::Bytes;
use env::Timestamp;
use http::HeaderMap;
use quick_cache::Weighter;
use quick_cache::sync::{Cache as Kept, DefaultLifecycle, PlaceholderGuard};

use crate::plan::matches_path;

/// Of all distributions together.
const BYTES_MAX: u64 = 256 << 20;
/// Of one response; a larger one goes by.
pub(crate) const OBJECT_BYTES_MAX: usize = 16 << 20;
/// What is expected of an average response, to size the table.
const OBJECT_BYTES: u64 = 16 << 10;
/// What a response costs beside its body.
const OVERHEAD_BYTES: usize = 1 << 10;

/// A response as it was kept.
#[derive(Debug)]
pub(crate) struct Entry {
    distribution: String,
    /// As the viewer asked for it, which is what invalidations name.
    path: String,
    pub content: Content,
    /// When it was fetched.
    pub at: Timestamp,
    /// When it has to be fetched anew.
    pub until: Timestamp,
}

#[derive(Debug)]
pub(crate) enum Content {
    Response {
        status: u16,
        headers: HeaderMap,
        body: Bytes,
        is_generated: bool,
    },
    /// What was fetched last was not to be kept.
    Passing,
}

impl Entry {
    pub(crate) fn is_fresh(&self, now: Timestamp) -> bool {
        now < self.until
    }

    /// As a viewer gets it, with its age; `None` for what was not kept.
    pub(crate) fn response(&self, now: Timestamp) -> Option<(Response, bool)> {
        let Content::Response { status, headers, body, is_generated } = &self.content else { return None };
        let mut response = Response { status: *status, headers: headers.clone(), body: body.clone().into() };
        let given = headers.get("age").and_then(|age| age.to_str().ok()?.parse::<u64>().ok());
        let age = given.unwrap_or(0) + now.since(self.at).as_secs();
        response.headers.insert("age", age.into());
        Some((response, *is_generated))
    }
}

/// What an entry takes of the bound.
#[derive(Clone)]
pub(crate) struct Weight;

impl Weighter<String, Arc<Entry>> for Weight {
    fn weight(&self, key: &String, entry: &Arc<Entry>) -> u64 {
        let body = match &entry.content {
            Content::Response { body, .. } => body.len(),
            Content::Passing => 0,
        };
        (key.len() + body + OVERHEAD_BYTES) as u64
    }
}

type Entries = Kept<String, Arc<Entry>, Weight>;
/// The right to fetch what others wait for; they are let go when it is dropped.
pub(crate) type Turn<'a> = PlaceholderGuard<
    'a,
    String,
    Arc<Entry>,
    Weight,
    quick_cache::DefaultHashBuilder,
    DefaultLifecycle<String, Arc<Entry>>,
>;

pub(crate) struct Cache {
    entries: Entries,
    /// How often each distribution's responses were invalidated: what was asked for before is not kept after.
    purges: RwLock<HashMap<String, AtomicU64>>,
}

impl Default for Cache {
    fn default() -> Self {
        let expected = usize::try_from(BYTES_MAX / OBJECT_BYTES).expect("a few thousand");
        Self { entries: Kept::with_weighter(expected, BYTES_MAX, Weight), purges: RwLock::default() }
    }
}

/// What is at a key.
pub(crate) enum Found<'a> {
    Entry(Arc<Entry>),
    Turn(Turn<'a>),
}

/// A moment in a distribution's history of invalidations.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Era(u64);

impl Cache {
    pub(crate) async fn find(&self, key: &str) -> Found<'_> {
        match self.entries.get_value_or_guard_async(key).await {
            Ok(entry) => Found::Entry(entry),
            Err(turn) => Found::Turn(turn),
        }
    }

    pub(crate) fn peek(&self, key: &str) -> Option<Arc<Entry>> {
        self.entries.get(key)
    }

    pub(crate) fn era(&self, distribution: &str) -> Era {
        let purges = self.purges.read().expect("nothing panics while it is held");
        Era(purges.get(distribution).map_or(0, |count| count.load(Ordering::Acquire)))
    }

    /// Keeps a response that was asked for in `era`, unless its distribution was invalidated since.
    pub(crate) fn keep(&self, key: String, turn: Option<Turn<'_>>, era: Era, entry: Entry) {
        // Held meanwhile, so that no invalidation comes between.
        let purges = self.purges.read().expect("nothing panics while it is held");
        let now = purges.get(&entry.distribution).map_or(0, |count| count.load(Ordering::Acquire));
        if Era(now) != era {
            return;
        }
        let entry = Arc::new(entry);
        match turn {
            // It fails where somebody else has put one there, which is as good.
            Some(turn) => drop(turn.insert(entry)),
            None => self.entries.insert(key, entry),
        }
    }

    pub(crate) fn entry(
        distribution: &str,
        path: &str,
        content: Content,
        at: Timestamp,
        until: Timestamp,
    ) -> Entry {
        Entry { distribution: distribution.to_owned(), path: path.to_owned(), content, at, until }
    }

    /// Forgets what a distribution keeps of these paths.
    pub(crate) fn purge(&self, distribution: &str, paths: &[String]) {
        let mut purges = self.purges.write().expect("nothing panics while it is held");
        purges.entry(distribution.to_owned()).or_default().fetch_add(1, Ordering::Release);
        self.entries.retain(|_, entry| {
            entry.distribution != distribution || !paths.iter().any(|path| names(path, &entry.path))
        });
    }

    /// Forgets all that a distribution keeps.
    pub(crate) fn forget(&self, distribution: &str) {
        self.purge(distribution, &["*".to_owned()]);
    }
}

/// Whether an invalidation's path is a response's: its only wildcard stands at its end.
fn names(pattern: &str, path: &str) -> bool {
    if pattern.contains('*') { matches_path(pattern, path) } else { pattern == path }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(distribution: &str, path: &str) -> Entry {
        let content = Content::Response {
            status: 200,
            headers: HeaderMap::new(),
            body: Bytes::from_static(b"x"),
            is_generated: false,
        };
        let (at, until) = (Timestamp::from_millis(0), Timestamp::from_millis(5_000));
        Cache::entry(distribution, path, content, at, until)
    }

    #[tokio::test]
    async fn invalidations_name_paths() {
        let cache = Cache::default();
        let keep = |distribution: &str, path: &str| {
            let key = format!("{distribution}{path}");
            cache.keep(key, None, cache.era(distribution), entry(distribution, path));
        };
        keep("A", "/a/1");
        keep("A", "/a");
        keep("A", "/b");
        keep("B", "/a/1");
        cache.purge("A", &["/a/*".to_owned(), "/b".to_owned()]);
        let kept = ["A/a/1", "A/a", "A/b", "B/a/1"].map(|key| cache.peek(key).is_some());
        assert_eq!(kept, [false, true, false, true]);
        cache.forget("A");
        assert!(cache.peek("A/a").is_none() && cache.peek("B/a/1").is_some());
    }

    #[tokio::test]
    async fn what_was_asked_for_before_an_invalidation_is_not_kept_after() {
        let cache = Cache::default();
        let era = cache.era("A");
        let Found::Turn(turn) = cache.find("k").await else { panic!("nothing is kept yet") };
        cache.purge("A", &["/x".to_owned()]);
        cache.keep("k".to_owned(), Some(turn), era, entry("A", "/a"));
        assert!(cache.peek("k").is_none());
    }

    #[test]
    fn ages_add_up() {
        let kept = entry("A", "/a");
        let (response, _) = kept.response(Timestamp::from_millis(3_000)).expect("a response");
        assert_eq!(response.headers["age"], "3");
        assert!(
            kept.is_fresh(Timestamp::from_millis(4_999)) && !kept.is_fresh(Timestamp::from_millis(5_000))
        );
    }
}
