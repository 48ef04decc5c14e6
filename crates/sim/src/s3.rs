//! S3: what was put is read, listed and deleted as if one operation were done after the other, with versions and without;
//! no body that is part of something is swept away.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use testkit::Answer;

use crate::linear::{self, Done, Model};
use crate::world::{Door, Ground, World};

const KEYS: [&str; 2] = ["k0", "k1"];
/// Larger bodies than this are blobs.
const SMALL_BYTES_MAX: usize = 16 * 1024;
const LARGE_BYTES: usize = 20_000;
/// The least that a part before the last may have.
const PART_BYTES_MIN: usize = 5 * 1024 * 1024;
/// Until what is part of nothing has to be gone.
const SWEPT: Duration = Duration::from_secs(60);

/// One version: its id, where a client knows it, and its body's size, which tells which body it is; `None` for a marker.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Version {
    id: Option<String>,
    size: Option<usize>,
}

/// A bucket as it should be: each key's versions, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Bucket {
    versioned: bool,
    keys: BTreeMap<&'static str, Vec<Version>>,
}

#[derive(Clone, Debug)]
enum Operation {
    /// A body of this size; only where nothing is, when that is said; what came of it: the version's id, or a refusal.
    Put {
        key: &'static str,
        size: usize,
        only_new: bool,
        came: Option<Result<String, ()>>,
    },
    Delete {
        key: &'static str,
        marker: Option<String>,
    },
    DeleteVersion {
        key: &'static str,
        id: String,
    },
    /// The size that was found.
    Get {
        key: &'static str,
        found: Option<usize>,
    },
    GetVersion {
        key: &'static str,
        id: String,
        found: Option<usize>,
    },
    /// Key and size of what is there.
    List(Vec<(String, usize)>),
    /// Key, id and size, in order.
    ListVersions(Vec<(String, String, Option<usize>)>),
    /// Asked, and nobody knows what came of it, which changes nothing.
    Nothing,
}

impl Bucket {
    fn current(&self, key: &str) -> Option<usize> {
        self.keys.get(key).and_then(|versions| versions.first()).and_then(|version| version.size)
    }

    fn add(&mut self, key: &'static str, version: Version) {
        let versions = self.keys.entry(key).or_default();
        if !self.versioned {
            versions.clear();
        }
        versions.insert(0, version);
    }

    /// The same id, as far as the model knows it.
    fn is(version: &Version, id: &str) -> bool {
        version.id.as_ref().is_none_or(|known| known == id)
    }
}

impl Model for Bucket {
    type Operation = Operation;

    fn apply(&mut self, operation: &Operation) -> bool {
        match operation {
            Operation::Put { key, size, only_new, came } => {
                let may = !only_new || self.current(key).is_none();
                let id =
                    came.as_ref().and_then(|came| came.as_ref().ok()).filter(|id| !id.is_empty()).cloned();
                if may {
                    self.add(key, Version { id, size: Some(*size) });
                }
                came.as_ref().is_none_or(|came| came.is_ok() == may)
            }
            Operation::Delete { key, marker } => {
                if self.versioned {
                    self.add(key, Version { id: marker.clone(), size: None });
                } else {
                    self.keys.remove(key);
                }
                true
            }
            Operation::DeleteVersion { key, id } => {
                let versions = self.keys.entry(key).or_default();
                versions.retain(|version| version.id.as_ref() != Some(id));
                true
            }
            Operation::Get { key, found } => self.current(key) == *found,
            Operation::GetVersion { key, id, found } => {
                let mut versions = self.keys.get(key).into_iter().flatten();
                let version = versions.find(|version| version.id.as_ref() == Some(id));
                version.and_then(|version| version.size) == *found
            }
            Operation::List(found) => {
                let there = KEYS.iter().filter_map(|key| Some((*key, self.current(key)?)));
                there.eq(found.iter().map(|(key, size)| (key.as_str(), *size)))
            }
            Operation::ListVersions(found) => {
                let all = self.keys.iter().flat_map(|(key, all)| all.iter().map(move |one| (*key, one)));
                // Markers are shown behind versions.
                let (versions, markers): (Vec<_>, Vec<_>) = all.partition(|(_, one)| one.size.is_some());
                versions.len() + markers.len() == found.len()
                    && versions.iter().chain(&markers).zip(found).all(
                        |((key, version), (found, id, size))| {
                            key == found && version.size == *size && Self::is(version, id)
                        },
                    )
            }
            Operation::Nothing => true,
        }
    }
}

#[derive(Default)]
struct History {
    operations: Vec<Done<Operation>>,
    bodies: usize,
    /// Entity tags by size, of bodies that were acknowledged.
    tags: BTreeMap<usize, String>,
    /// Keys and ids of versions that were acknowledged.
    ids: Vec<(&'static str, String)>,
}

type Shared = Arc<Mutex<History>>;

fn lock(shared: &Shared) -> MutexGuard<'_, History> {
    shared.lock().expect("no panic while held")
}

async fn ask(door: &Door, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    door.ask("s3", (method, path), headers, body).await
}

/// A body of this size, which says all of itself.
fn body(size: usize) -> Vec<u8> {
    let text = format!("{size}.");
    let mut body = text.repeat(size / text.len() + 1).into_bytes();
    body.truncate(size);
    body
}

fn begin(door: &Door, shared: &Shared, operation: Operation) -> usize {
    let asked = door.world.moment();
    let mut history = lock(shared);
    history.operations.push(Done { operation, asked, answered: None });
    history.operations.len() - 1
}

fn end(door: &Door, shared: &Shared, place: usize, operation: Operation) {
    let answered = Some(door.world.moment());
    let mut history = lock(shared);
    let asked = history.operations[place].asked;
    history.operations[place] = Done { operation, asked, answered };
}

async fn client(door: Door, shared: Shared) {
    while door.more() {
        door.dawdle().await;
        let key = *door.world.dice.pick(&KEYS);
        match door.world.dice.roll(20) {
            0..=6 => put(&door, &shared, key).await,
            7..=10 => get(&door, &shared, key).await,
            11..=12 => delete(&door, &shared, key).await,
            13 => delete_version(&door, &shared).await,
            14 => get_version(&door, &shared).await,
            15 => list(&door, &shared).await,
            16 => list_versions(&door, &shared).await,
            17 => copy(&door, &shared, key).await,
            _ => put_in_parts(&door, &shared, key).await,
        }
    }
}

fn new_size(door: &Door, shared: &Shared) -> usize {
    let mut history = lock(shared);
    history.bodies += 1;
    let large = if door.world.dice.once_in(2) { LARGE_BYTES } else { 10 };
    large + history.bodies
}

/// What a write of a body came to, and its entity tag and version for those who come later.
fn came(
    shared: &Shared,
    key: &'static str,
    size: usize,
    answer: &Answer,
    tag: &str,
) -> Option<Result<String, ()>> {
    let id = answer.header("x-amz-version-id").to_owned();
    match answer.status {
        200 => {
            let mut history = lock(shared);
            history.tags.insert(size, tag.to_owned());
            if !id.is_empty() {
                history.ids.push((key, id.clone()));
            }
            Some(Ok(id))
        }
        412 => Some(Err(())),
        500.. => None,
        _ => panic!("{} {}", answer.status, answer.text()),
    }
}

async fn put(door: &Door, shared: &Shared, key: &'static str) {
    let (size, only_new) = (new_size(door, shared), door.world.dice.once_in(4));
    let operation = |came| Operation::Put { key, size, only_new, came };
    let place = begin(door, shared, operation(None));
    let headers: &[_] = if only_new { &[("if-none-match", "*")] } else { &[] };
    let answer = ask(door, "PUT", &format!("/b-1/{key}"), headers, &body(size)).await;
    let came = came(shared, key, size, &answer, answer.header("etag"));
    if came.is_some() {
        end(door, shared, place, operation(came));
    }
}

/// Copies another key's object, when it is still the one that the client means.
async fn copy(door: &Door, shared: &Shared, key: &'static str) {
    let known = lock(shared).tags.iter().map(|(size, tag)| (*size, tag.clone())).collect::<Vec<_>>();
    let Some((size, tag)) = known.last().cloned() else { return };
    let from = if key == KEYS[0] { KEYS[1] } else { KEYS[0] };
    let operation = |came| Operation::Put { key, size, only_new: false, came };
    let seen = begin(door, shared, Operation::Nothing);
    let place = begin(door, shared, operation(None));
    let source = format!("/b-1/{from}");
    let headers = [("x-amz-copy-source", source.as_str()), ("x-amz-copy-source-if-match", tag.as_str())];
    let answer = ask(door, "PUT", &format!("/b-1/{key}"), &headers, b"").await;
    match answer.status {
        200 => {
            let id = answer.header("x-amz-version-id").to_owned();
            if !id.is_empty() {
                lock(shared).ids.push((key, id.clone()));
            }
            end(door, shared, seen, Operation::Get { key: from, found: Some(size) });
            end(door, shared, place, operation(Some(Ok(id))));
        }
        // It was another, or is not there: nothing is done.
        404 | 412 => end(door, shared, place, Operation::Nothing),
        500.. => {}
        _ => panic!("{} {}", answer.status, answer.text()),
    }
}

/// In one part, or rarely in two, of which the first is large.
async fn put_in_parts(door: &Door, shared: &Shared, key: &'static str) {
    let mut size = new_size(door, shared);
    let mut cuts = vec![0, size];
    if door.world.dice.once_in(24) {
        size += PART_BYTES_MIN;
        cuts = vec![0, PART_BYTES_MIN, size];
    }
    let begun = ask(door, "POST", &format!("/b-1/{key}?uploads"), &[], b"").await;
    if begun.status != 200 {
        return;
    }
    let (upload, whole) = (begun.element("UploadId").to_owned(), body(size));
    let mut parts = String::new();
    for (number, cut) in (1..).zip(cuts.windows(2)) {
        let path = format!("/b-1/{key}?partNumber={number}&uploadId={upload}");
        let sent = ask(door, "PUT", &path, &[], &whole[cut[0]..cut[1]]).await;
        if sent.status != 200 {
            return;
        }
        let tag = sent.header("etag").replace('"', "&quot;");
        parts += &format!("<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>");
    }
    let operation = |came| Operation::Put { key, size, only_new: false, came };
    let place = begin(door, shared, operation(None));
    let document = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
    let path = format!("/b-1/{key}?uploadId={upload}");
    let answer = ask(door, "POST", &path, &[], document.as_bytes()).await;
    let tag = answer.element("ETag").replace("&quot;", "\"");
    let came = came(shared, key, size, &answer, &tag);
    if came.is_some() {
        end(door, shared, place, operation(came));
    }
}

/// The size of a body that was read, which must be whole.
fn size_of(answer: &Answer) -> Option<Option<usize>> {
    match answer.status {
        200 => {
            assert!(
                answer.body == body(answer.body.len()),
                "a body of {} bytes is damaged",
                answer.body.len()
            );
            Some(Some(answer.body.len()))
        }
        404 | 405 => Some(None),
        500.. => None,
        _ => panic!("{} {}", answer.status, answer.text()),
    }
}

async fn get(door: &Door, shared: &Shared, key: &'static str) {
    let place = begin(door, shared, Operation::Nothing);
    let answer = ask(door, "GET", &format!("/b-1/{key}"), &[], b"").await;
    if let Some(found) = size_of(&answer) {
        end(door, shared, place, Operation::Get { key, found });
    }
}

fn any_id(door: &Door, shared: &Shared) -> Option<(&'static str, String)> {
    let history = lock(shared);
    let recent = &history.ids[history.ids.len().saturating_sub(4)..];
    (!recent.is_empty()).then(|| door.world.dice.pick(recent).clone())
}

async fn get_version(door: &Door, shared: &Shared) {
    let Some((key, id)) = any_id(door, shared) else { return };
    let place = begin(door, shared, Operation::Nothing);
    let answer = ask(door, "GET", &format!("/b-1/{key}?versionId={id}"), &[], b"").await;
    if let Some(found) = size_of(&answer) {
        end(door, shared, place, Operation::GetVersion { key, id, found });
    }
}

async fn delete(door: &Door, shared: &Shared, key: &'static str) {
    let place = begin(door, shared, Operation::Delete { key, marker: None });
    let answer = ask(door, "DELETE", &format!("/b-1/{key}"), &[], b"").await;
    if answer.status < 300 {
        let marker = Some(answer.header("x-amz-version-id").to_owned()).filter(|id| !id.is_empty());
        end(door, shared, place, Operation::Delete { key, marker });
    }
}

async fn delete_version(door: &Door, shared: &Shared) {
    let Some((key, id)) = any_id(door, shared) else { return };
    let operation = Operation::DeleteVersion { key, id: id.clone() };
    let place = begin(door, shared, operation.clone());
    let answer = ask(door, "DELETE", &format!("/b-1/{key}?versionId={id}"), &[], b"").await;
    if answer.status < 300 {
        end(door, shared, place, operation);
    }
}

async fn list(door: &Door, shared: &Shared) {
    let place = begin(door, shared, Operation::Nothing);
    let answer = ask(door, "GET", "/b-1?list-type=2", &[], b"").await;
    if answer.status == 200 {
        let sizes = answer.elements("Size").into_iter().map(|size| size.parse().expect("a size"));
        let found = answer.elements("Key").into_iter().map(str::to_owned).zip(sizes).collect();
        end(door, shared, place, Operation::List(found));
    }
}

/// What `ListObjectVersions` shows, in its order for each key.
fn versions_of(answer: &Answer) -> Vec<(String, String, Option<usize>)> {
    let text = answer.text();
    let mut found = Vec::new();
    let places = ["<Version>", "<DeleteMarker>"].into_iter().flat_map(|tag| text.match_indices(tag));
    let mut places = places.map(|(at, _)| at).collect::<Vec<_>>();
    places.sort_unstable();
    for (number, at) in places.iter().enumerate() {
        let end = places.get(number + 1).copied().unwrap_or(text.len());
        let one = Answer { body: text[*at..end].to_owned().into(), ..answer.clone() };
        let size = one.element("Size").parse().ok();
        found.push((one.element("Key").to_owned(), one.element("VersionId").to_owned(), size));
    }
    found
}

async fn list_versions(door: &Door, shared: &Shared) {
    let place = begin(door, shared, Operation::Nothing);
    let answer = ask(door, "GET", "/b-1?versions", &[], b"").await;
    if answer.status == 200 {
        end(door, shared, place, Operation::ListVersions(versions_of(&answer)));
    }
}

/// Looks at everything that is there, and whether there is anything more.
async fn close(door: Door, shared: Shared) {
    list(&door, &shared).await;
    list_versions(&door, &shared).await;
    for key in KEYS {
        get(&door, &shared, key).await;
    }
    for uploads in ask(&door, "GET", "/b-1?uploads", &[], b"").await.text().split("<Upload>").skip(1) {
        let one = Answer { status: 200, headers: http::HeaderMap::new(), body: uploads.to_owned().into() };
        let path = format!("/b-1/{}?uploadId={}", one.element("Key"), one.element("UploadId"));
        ask(&door, "DELETE", &path, &[], b"").await.is_good();
    }
    let shown = ask(&door, "GET", "/b-1?versions", &[], b"").await;
    for (key, id, size) in versions_of(&shown) {
        let Some(size) = size else { continue };
        let answer = ask(&door, "GET", &format!("/b-1/{key}?versionId={id}"), &[], b"").await;
        assert_eq!(size_of(&answer), Some(Some(size)), "{key} {id}");
    }
    // Nothing that is part of nothing is kept.
    door.sleep(SWEPT).await;
    let blobs = blobs_of(&shown);
    assert_eq!(door.world.blobs(), blobs.len(), "blobs are kept for {blobs:?}");
}

/// The bytes that have to be kept as blobs for these versions: each a body, from where to where.
fn blobs_of(shown: &Answer) -> BTreeSet<(usize, usize, usize)> {
    let sizes = shown.elements("Size").into_iter().map(|size| size.parse::<usize>().expect("a size"));
    let in_parts = shown.elements("ETag").into_iter().map(|tag| tag.contains("-2"));
    let pieces = sizes.zip(in_parts).flat_map(|(size, in_parts)| {
        let cut = if in_parts { PART_BYTES_MIN } else { 0 };
        [(size, 0, cut), (size, cut, size)]
    });
    pieces.filter(|(_, from, to)| to - from > SMALL_BYTES_MAX).collect()
}

/// One run.
///
/// # Panics
/// When something does not hold.
pub fn run(world: &Arc<World>) {
    let versioned = world.dice.once_in(2);
    let shared = Shared::default();
    let services = |ground: Ground| vec![svc_s3::service(svc_s3::Config { blobs: ground.blobs })];
    let prepare = |door: Door| async move {
        ask(&door, "PUT", "/b-1", &[], b"").await.is_good();
        if versioned {
            let document = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
            ask(&door, "PUT", "/b-1?versioning", &[], document).await.is_good();
        }
    };
    let clients = |door: Door| client(door, Arc::clone(&shared));
    world.run(&services, prepare, clients, |door| close(door, Arc::clone(&shared)));
    let history = lock(&shared);
    let fits = linear::check(Bucket { versioned, keys: BTreeMap::new() }, &history.operations, |asked| {
        world.end_of_life(asked)
    });
    assert!(fits.is_ok(), "no order explains what clients saw: {fits:?}");
}
