//! Lambda and Logs together, with scripted sandboxes and packages in a temporary folder.

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_auth::Presigner;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use blob::{Blob, BlobReader, Blobs, BoxFuture, Digest, DiskBlobs, Stored};
use execution::{Hosted, Options, Pools, Runtimes};
use serde_json::{Value as Json, json};
use svc_lambda::{EventSources, LogShipper, NoEventSources, SegmentShipper};
use tokio::io::AsyncRead;
use tokio::sync::{Semaphore, watch};

use crate::objects::Objects;
use crate::pools::{options, python};
use crate::wire::{request, sessions};
use crate::{Answer, Ground, Scripted, Wire, package, package_of, soon};

/// Where CreateFunction and ListFunctions are.
const FUNCTIONS: &str = "/2015-03-31/functions";
/// How long another account's session lasts.
const HOUR: std::time::Duration = std::time::Duration::from_secs(60 * 60);

/// A platform with functions.
pub struct Lambda {
    pub wire: Wire,
    pub sandboxes: Scripted,
    pub pools: Pools,
    shipper: LogShipper,
    packages: Arc<Gate>,
    folder: tempfile::TempDir,
}

/// What a platform with functions is made of, beside its pools' options.
struct Made {
    interpreters: Vec<Hosted>,
    event_sources: Arc<dyn EventSources>,
    others: Vec<service::Service>,
    objects: Option<Arc<dyn svc_lambda::Objects>>,
    registries: Vec<String>,
}

impl Default for Made {
    fn default() -> Self {
        Self {
            interpreters: vec![python()],
            event_sources: Arc::new(NoEventSources),
            others: Vec::new(),
            objects: None,
            registries: Vec::new(),
        }
    }
}

impl Deref for Lambda {
    type Target = Wire;

    fn deref(&self) -> &Wire {
        &self.wire
    }
}

impl Lambda {
    /// With its background jobs running.
    pub async fn new() -> Self {
        Self::with(|options| options).await
    }

    /// With other options of the pools.
    pub async fn with(change: impl FnOnce(Options) -> Options) -> Self {
        Self::made(change, Made::default()).await
    }

    /// With other services beside.
    pub async fn beside(change: impl FnOnce(Options) -> Options, others: Vec<service::Service>) -> Self {
        Self::made(change, Made { others, ..Made::default() }).await
    }

    /// With somebody who polls event sources.
    pub async fn with_sources(event_sources: Arc<dyn EventSources>) -> Self {
        Self::polling(event_sources, Vec::new()).await
    }

    /// With somebody who polls what these services have.
    pub async fn polling(event_sources: Arc<dyn EventSources>, others: Vec<service::Service>) -> Self {
        Self::made(|options| options, Made { event_sources, others, ..Made::default() }).await
    }

    /// On a host with these releases of Python.
    pub async fn with_pythons(releases: &[(u32, u32)]) -> Self {
        let interpreters = releases.iter().map(|release| Hosted { release: *release, ..python() }).collect();
        Self::made(|options| options, Made { interpreters, ..Made::default() }).await
    }

    /// One that fetches packages from `objects`.
    pub async fn with_objects(objects: Objects) -> Self {
        let objects = Some(Arc::new(objects) as Arc<dyn svc_lambda::Objects>);
        Self::made(|options| options, Made { objects, ..Made::default() }).await
    }

    /// One whose images may come from this registry.
    pub async fn with_registry(host: &str) -> Self {
        Self::made(|options| options, Made { registries: vec![host.to_owned()], ..Made::default() }).await
    }

    async fn made(change: impl FnOnce(Options) -> Options, made: Made) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let trees = folder.path().join("trees");
        std::fs::create_dir(&trees).expect("a folder can be made");
        let runtimes = folder.path().join("runtimes");
        std::fs::create_dir(&runtimes).expect("a folder can be made");
        let ground = Ground::new();
        let disk = DiskBlobs::open(folder.path().join("blobs"), ground.env.clone()).await;
        let packages = Arc::new(Gate {
            disk: disk.expect("a folder can be made"),
            closed: AtomicBool::new(false),
            passes: Semaphore::new(0),
            reads: watch::Sender::default(),
        });
        let sandboxes = Scripted::new();
        let (shipper, shipment) = LogShipper::new();
        let (told, segments) = SegmentShipper::new(ground.env.clone());
        let mut options = options(&ground.env, &sandboxes, Arc::new(shipper.clone()));
        options.segments = Some(Arc::new(told));
        let pools = Pools::new(change(options));
        let lambda = svc_lambda::service(svc_lambda::Config {
            pools: pools.clone(),
            runtimes: Arc::new(Runtimes::of(&runtimes, made.interpreters)),
            blobs: Arc::clone(&packages) as Arc<dyn Blobs>,
            trees,
            env: ground.env.clone(),
            shipment,
            segments,
            event_sources: made.event_sources,
            port: 4566,
            presigner: Presigner::new(sessions()),
            objects: made.objects,
            images: folder.path().join("images"),
            registries: made.registries,
        });
        let mut services = vec![lambda, svc_logs::service()];
        services.extend(made.others);
        let wire = ground.serve_with(services, Some(Arc::clone(&packages) as Arc<dyn Blobs>));
        wire.start_jobs();
        Self { wire, sandboxes, pools, shipper, packages, folder }
    }

    /// A request of Lambda's.
    pub async fn call(&self, method: &str, path: &str, body: &Json) -> Answer {
        self.wire.rest(method, path, "lambda", body).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, &Json::Null).await
    }

    /// The body of a request that creates a function of this name and handler.
    pub fn creation(name: &str, handler: &str) -> Json {
        json!({
            "FunctionName": name,
            "Runtime": "python3.13",
            "Role": "arn:aws:iam::000000000000:role/r",
            "Handler": handler,
            "Code": { "ZipFile": BASE64.encode(package("one")) },
        })
    }

    /// [`Lambda::creation`] with other members beside.
    ///
    /// # Panics
    /// When `more` is no object.
    pub fn creation_with(name: &str, more: Json) -> Json {
        let mut body = Self::creation(name, "echo");
        let Json::Object(more) = more else { panic!("{more} is no object") };
        body.as_object_mut().expect("made above").extend(more);
        body
    }

    pub async fn create(&self, body: &Json) -> Answer {
        self.call("POST", FUNCTIONS, body).await
    }

    /// Creates a function and waits until it is active.
    pub async fn function(&self, name: &str, handler: &str) {
        self.create(&Self::creation(name, handler)).await.ok();
        self.settled(name).await;
    }

    /// Publishes a version of a layer that holds these files; what the answer shows.
    pub async fn layer(&self, name: &str, files: &[(&str, &str)]) -> Json {
        let files = files.iter().map(|(name, text)| (*name, 0o755, text.as_bytes())).collect::<Vec<_>>();
        let content = json!({ "ZipFile": BASE64.encode(package_of(&files)) });
        let path = format!("/2018-10-31/layers/{name}/versions");
        self.call("POST", &path, &json!({ "Content": content })).await.ok()
    }

    /// A request of another account's.
    pub async fn call_as(&self, account: &str, method: &str, path: &str, body: &Json) -> Answer {
        let role = format!("arn:aws:iam::{account}:role/r");
        let token = self.wire.sessions().mint(&role, "s", account, self.wire.env.now().after(HOUR));
        let headers =
            [("content-type", "application/json"), ("x-amz-security-token", token.session_token.as_str())];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.wire.send(request(method, path, "lambda", &headers, body)).await
    }

    /// A function's configuration.
    pub async fn configuration(&self, name: &str) -> Json {
        self.get(&format!("{FUNCTIONS}/{name}/configuration")).await.ok()
    }

    /// Waits until a function is neither being created nor updated.
    pub async fn settled(&self, name: &str) {
        let is_settled = || async {
            let shown = self.configuration(name).await;
            shown["State"] != "Pending" && shown["LastUpdateStatus"] != "InProgress"
        };
        self.wire.until("a function to settle", is_settled).await;
    }

    /// Invokes; `path` may have a qualifier and a query after the name.
    pub async fn invoke_with(
        &self,
        name: &str,
        headers: &[(&str, &str)],
        payload: impl Into<String>,
    ) -> Answer {
        let (name, query) = name.split_once('?').unwrap_or((name, ""));
        let path = format!("{FUNCTIONS}/{name}/invocations?{query}");
        self.wire.send(request("POST", &path, "lambda", headers, payload.into())).await
    }

    pub async fn invoke(&self, name: &str, payload: &str) -> Answer {
        self.invoke_with(name, &[], payload).await
    }

    /// Waits until everything that functions wrote is in Logs.
    pub async fn ship_logs(&self) {
        let shipped = async {
            let flushed = self.shipper.flush();
            tokio::pin!(flushed);
            // A batch waits for company by the clock.
            loop {
                tokio::select! {
                    () = &mut flushed => return,
                    () = tokio::task::yield_now() => self.wire.clock.advance(std::time::Duration::from_millis(10)),
                }
            }
        };
        soon("logs to be shipped", shipped).await;
    }

    /// The folder of runtimes.
    pub fn runtimes(&self) -> PathBuf {
        self.folder.path().join("runtimes")
    }

    /// Where local images are.
    pub fn images(&self) -> PathBuf {
        self.folder.path().join("images")
    }

    /// Where packages lie unpacked.
    pub fn trees(&self) -> PathBuf {
        self.folder.path().join("trees")
    }

    /// Unpacked packages, whole ones and others, by their folders' names.
    ///
    /// # Panics
    /// When the folder can't be read.
    pub fn unpacked(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.trees()).expect("the folder is there");
        let mut names =
            entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"));
        let mut names = names.by_ref().collect::<Vec<_>>();
        names.sort();
        names
    }

    /// Packages in the blob store.
    ///
    /// # Panics
    /// When they can't be listed.
    pub async fn stored_packages(&self) -> usize {
        self.packages.disk.list(None).await.expect("a list").len()
    }

    /// Takes the unpacked packages away, and from now on nobody reads a stored one before
    /// [`Lambda::release_packages`].
    ///
    /// # Panics
    /// When the folder can't be emptied.
    pub fn hold_packages(&self) {
        for name in self.unpacked() {
            std::fs::remove_dir_all(self.trees().join(name)).expect("a folder can be removed");
        }
        self.packages.closed.store(true, Ordering::Release);
    }

    /// Waits until somebody has wanted to read so many stored packages.
    pub async fn until_packages_wanted(&self, count: usize) {
        let mut reads = self.packages.reads.subscribe();
        let wanted = soon("packages to be read", reads.wait_for(|reads| *reads >= count)).await;
        assert!(wanted.is_ok(), "the sender lives here");
    }

    /// Lets one who waits for a package have it.
    pub fn let_read_one(&self) {
        self.packages.passes.add_permits(1);
    }

    pub fn release_packages(&self) {
        self.packages.closed.store(false, Ordering::Release);
        self.packages.passes.add_permits(Semaphore::MAX_PERMITS / 2);
    }

    /// Changes a byte at the end of every stored package.
    ///
    /// # Panics
    /// When they can't be written.
    pub async fn damage_packages(&self) {
        for stored in self.packages.disk.list(None).await.expect("a list") {
            let name = stored.blob.digest.to_string();
            let path = self.folder.path().join("blobs").join(&name[..2]).join(&name);
            let mut bytes = std::fs::read(&path).expect("a blob is a file");
            *bytes.last_mut().expect("it has bytes") ^= 1;
            std::fs::write(&path, bytes).expect("a file can be written");
        }
    }

    /// Loses every package, stored and unpacked.
    pub async fn lose_packages(&self) {
        self.hold_packages();
        self.packages.closed.store(false, Ordering::Release);
        for stored in self.packages.disk.list(None).await.expect("a list") {
            self.packages.disk.delete(stored.blob.digest).await.expect("a blob can be deleted");
        }
    }
}

/// Blobs that a test can keep from being read.
struct Gate {
    disk: DiskBlobs,
    closed: AtomicBool,
    passes: Semaphore,
    /// Reads that were wanted while it was closed.
    reads: watch::Sender<usize>,
}

impl Blobs for Gate {
    fn put<'a>(
        &'a self,
        source: &'a mut (dyn AsyncRead + Send + Unpin),
        size_bytes_max: u64,
    ) -> BoxFuture<'a, blob::Result<Blob>> {
        self.disk.put(source, size_bytes_max)
    }

    fn get(&self, digest: Digest) -> BoxFuture<'_, blob::Result<Option<BlobReader>>> {
        Box::pin(async move {
            if self.closed.load(Ordering::Acquire) {
                self.reads.send_modify(|reads| *reads += 1);
                self.passes.acquire().await.expect("never closed").forget();
            }
            self.disk.get(digest).await
        })
    }

    fn get_range(
        &self,
        digest: Digest,
        start: u64,
        size_bytes: u64,
    ) -> BoxFuture<'_, blob::Result<Option<blob::Range>>> {
        self.disk.get_range(digest, start, size_bytes)
    }

    fn contains(&self, digest: Digest) -> BoxFuture<'_, blob::Result<bool>> {
        self.disk.contains(digest)
    }

    fn delete(&self, digest: Digest) -> BoxFuture<'_, blob::Result<bool>> {
        self.disk.delete(digest)
    }

    fn list(&self, after: Option<Digest>) -> BoxFuture<'_, blob::Result<Vec<Stored>>> {
        self.disk.list(after)
    }
}
