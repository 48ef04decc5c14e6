//! From an image's name to blobs: its manifest, its configuration, its layers.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use blob::{BlobReader, Blobs, Digest};
use env::Env;
use serde_json::json;
use sha2::Digest as _;
use tokio::io::AsyncReadExt as _;
use tokio_util::io::SyncIoBridge;

use crate::folder::{DOCUMENT_BYTES_MAX, Folder};
use crate::manifest::{Config, ConfigFile, Document, Layer, Saved};
use crate::name::{ImageName, Place};
use crate::registry::Registry;
use crate::unpack::{self, UNPACKED_BYTES_MAX, UnpackError};

/// Lists of manifests in lists of manifests.
const DEPTH_MAX: usize = 4;
/// What OCI's layouts call an image.
const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// An image as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// What the image is known by.
    pub manifest: Digest,
    /// The blob with its configuration.
    pub config_file: Digest,
    pub layers: Vec<Layer>,
    pub config: Config,
}

#[derive(Debug, thiserror::Error)]
pub enum PullError {
    #[error("there is no such image")]
    NotFound,
    #[error("the registry refuses to give the image")]
    Denied,
    #[error("the image can't be used: {0}")]
    Invalid(String),
    #[error("not read here: {0}")]
    Unsupported(String),
    #[error("ask the registry: {0}")]
    Registry(String),
    #[error("read the image")]
    Io(#[from] io::Error),
    #[error("keep the image")]
    Blob(#[from] blob::Error),
}

impl From<serde_json::Error> for PullError {
    fn from(error: serde_json::Error) -> Self {
        Self::Invalid(format!("a document of it can't be read: {error}"))
    }
}

/// Where images come from and where they are kept.
#[derive(Clone)]
pub struct Images {
    /// The local repositories: `NAME` is an OCI layout, `NAME.tar` an archive of one or of `docker save`.
    folder: PathBuf,
    /// Hosts, with their ports, that are asked by plain HTTP. Only these: whoever may name images names no others.
    registries: Vec<String>,
    blobs: Arc<dyn Blobs>,
    env: Env,
}

enum Source {
    Layout(Folder),
    Registry(Registry),
}

impl Images {
    pub fn new(folder: PathBuf, registries: Vec<String>, blobs: Arc<dyn Blobs>, env: Env) -> Self {
        Self { folder, registries, blobs, env }
    }

    /// Fetches an image and keeps it; what is here already is fetched again, and so checked.
    ///
    /// # Errors
    /// When it is not there, can't be had, or is none that runs here.
    pub async fn pull(&self, name: &ImageName) -> Result<Pulled, PullError> {
        match name.place() {
            Place::Local => {
                let path = self.local(&name.repository).ok_or(PullError::NotFound)?;
                let folder = in_background(move || Folder::open(&path)).await?;
                if folder.file("index.json")?.is_none() {
                    return self.pull_saved(&folder, name).await;
                }
                self.pull_from(Source::Layout(folder), name).await
            }
            Place::Registry if self.registries.contains(&name.host) => {
                let registry = Registry::open(name, &self.env).await?;
                self.pull_from(Source::Registry(registry), name).await
            }
            Place::Registry => {
                Err(PullError::Unsupported(format!("the registry {}, which no --registry names,", name.host)))
            }
        }
    }

    fn local(&self, repository: &str) -> Option<PathBuf> {
        let layout = self.folder.join(repository);
        let archive = self.folder.join(format!("{repository}.tar"));
        if layout.join("index.json").is_file() || layout.join("manifest.json").is_file() {
            return Some(layout);
        }
        archive.is_file().then_some(archive)
    }

    async fn pull_from(&self, mut source: Source, name: &ImageName) -> Result<Pulled, PullError> {
        let mut bytes = source.named(name).await?;
        for _ in 0..DEPTH_MAX {
            let document = serde_json::from_slice::<Document>(&bytes)?;
            if document.manifests.is_none() {
                return self.keep(source, &bytes, &document).await;
            }
            let next = document
                .for_this_machine()
                .ok_or_else(|| PullError::Invalid("it has no manifest for this machine's kind".to_owned()))?;
            bytes = source.manifest(next.digest).await?;
        }
        Err(PullError::Invalid("its lists of manifests are too deep".to_owned()))
    }

    async fn keep(
        &self,
        mut source: Source,
        manifest: &[u8],
        document: &Document,
    ) -> Result<Pulled, PullError> {
        let (config_file, layers) = document.image()?;
        let config = source.blob_bytes(config_file).await?;
        let parsed = runnable(&config)?;
        let mut left = UNPACKED_BYTES_MAX;
        for layer in &document.layers {
            left = left.saturating_sub(source.put(layer.digest, &*self.blobs, left).await?);
        }
        self.blobs.put(&mut &config[..], DOCUMENT_BYTES_MAX).await?;
        let kept = self.blobs.put(&mut &manifest[..], DOCUMENT_BYTES_MAX).await?;
        Ok(Pulled { manifest: kept.digest, config_file, layers, config: parsed })
    }

    /// An archive of Docker's own format, which has no manifest that would have a digest: one is made.
    async fn pull_saved(&self, folder: &Folder, name: &ImageName) -> Result<Pulled, PullError> {
        let listed = folder.document("manifest.json")?;
        let listed =
            listed.ok_or_else(|| PullError::Invalid("it is neither OCI's nor Docker's".to_owned()))?;
        let saved = serde_json::from_slice::<Vec<Saved>>(&listed)?;
        let is_named = |saved: &&Saved| {
            let mut tags = saved.repo_tags.iter().flatten();
            tags.any(|tag| tag.rsplit_once(':').is_some_and(|(_, tag)| tag == name.tag()))
        };
        let only = if saved.len() == 1 && name.tag.is_none() { saved.first() } else { None };
        let saved = saved.iter().find(is_named).or(only).ok_or(PullError::NotFound)?;
        let missing = |name: &str| PullError::Invalid(format!("{name} is not in it"));
        let config = folder.document(&saved.config)?.ok_or_else(|| missing(&saved.config))?;
        let parsed = runnable(&config)?;
        let (mut layers, mut left) = (Vec::new(), UNPACKED_BYTES_MAX);
        for layer in &saved.layers {
            let (file, size) = folder.file(layer)?.ok_or_else(|| missing(layer))?;
            let mut file = tokio::fs::File::from_std(file).take(size);
            let kept = self.blobs.put(&mut file, left).await?;
            left = left.saturating_sub(kept.size_bytes);
            layers.push(json!({
                "mediaType": "application/vnd.oci.image.layer.v1.tar",
                "digest": format!("sha256:{}", kept.digest),
                "size": kept.size_bytes,
            }));
        }
        let kept = self.blobs.put(&mut &config[..], DOCUMENT_BYTES_MAX).await?;
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": format!("sha256:{}", kept.digest),
                "size": kept.size_bytes,
            },
            "layers": layers,
        });
        let bytes = manifest.to_string();
        let (config_file, layers) = serde_json::from_str::<Document>(&bytes)?.image()?;
        let manifest = self.blobs.put(&mut bytes.as_bytes(), DOCUMENT_BYTES_MAX).await?;
        let found = Pulled { manifest: manifest.digest, config_file, layers, config: parsed };
        match name.digest {
            Some(digest) if digest != found.manifest => Err(PullError::NotFound),
            _ => Ok(found),
        }
    }

    /// Unpacks layers into `target`, which must not exist; makes sure of `directories` and empty `files` in it. Gives
    /// the size of all files.
    ///
    /// # Errors
    /// When a layer is gone, damaged, hostile, or too large; `target` may be there in part then.
    pub async fn unpack(
        &self,
        layers: &[Layer],
        target: &Path,
        directories: &'static [&'static str],
        files: &'static [&'static str],
    ) -> Result<u64, UnpackError> {
        let mut opened = Vec::<(BlobReader, bool)>::new();
        for layer in layers {
            let gone = || UnpackError::Gone(layer.sha256.clone());
            let digest = layer.sha256.parse().map_err(|_| gone())?;
            let reader = self.blobs.get(digest).await.map_err(io::Error::other)?;
            opened.push((reader.ok_or_else(gone)?, layer.gzip));
        }
        let target = target.to_owned();
        let work = tokio::task::spawn_blocking(move || {
            let layers = opened.into_iter().map(|(reader, gzip)| (SyncIoBridge::new(reader), gzip));
            unpack::unpack(layers, &target, directories, files)
        });
        work.await.map_err(io::Error::other)?
    }
}

/// # Errors
/// For an image of another kind of machine.
fn runnable(config: &[u8]) -> Result<Config, PullError> {
    let file = serde_json::from_slice::<ConfigFile>(config)?;
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    if file.os != "linux" || file.architecture != architecture {
        return Err(PullError::Invalid(format!(
            "it is for {} on {}, and this machine runs linux on {architecture}",
            file.os, file.architecture
        )));
    }
    Ok(file.config.unwrap_or_default())
}

async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, PullError> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(io::Error::other)??)
}

impl Source {
    /// The manifest, or the list of them, that a name stands for.
    async fn named(&mut self, name: &ImageName) -> Result<Vec<u8>, PullError> {
        match self {
            Self::Registry(registry) => match name.digest {
                Some(digest) => checked(registry.manifest(&format!("sha256:{digest}")).await?, digest),
                None => registry.manifest(name.tag()).await,
            },
            Self::Layout(folder) => {
                let index = folder.document("index.json")?.ok_or(PullError::NotFound)?;
                let index = serde_json::from_slice::<Document>(&index)?;
                let manifests = index.manifests.unwrap_or_default();
                let tag_of = |annotations: &std::collections::BTreeMap<String, String>| {
                    let named = annotations.get(REF_NAME).map(String::as_str).unwrap_or_default();
                    // Docker writes the whole name there, or the tag alone.
                    named.rsplit_once(':').map_or(named, |(_, tag)| tag).to_owned()
                };
                let is_named = |manifest: &&crate::manifest::Descriptor| match name.digest {
                    Some(digest) => manifest.digest == digest,
                    None => manifest.annotations.as_ref().map(tag_of).is_some_and(|tag| tag == name.tag()),
                };
                let only = name.tag.is_none() && name.digest.is_none() && manifests.len() == 1;
                let found = manifests.iter().find(is_named);
                let found = found.or(manifests.first().filter(|_| only)).ok_or(PullError::NotFound)?;
                let digest = found.digest;
                self.manifest(digest).await
            }
        }
    }

    async fn manifest(&mut self, digest: Digest) -> Result<Vec<u8>, PullError> {
        match self {
            Self::Registry(registry) => {
                checked(registry.manifest(&format!("sha256:{digest}")).await?, digest)
            }
            Self::Layout(_) => self.blob_bytes(digest).await,
        }
    }

    async fn blob_bytes(&mut self, digest: Digest) -> Result<Vec<u8>, PullError> {
        let bytes = match self {
            Self::Registry(registry) => registry.small_blob(digest).await?,
            Self::Layout(folder) => folder.document(&blob_path(digest))?.ok_or_else(|| gone(digest))?,
        };
        checked(bytes, digest)
    }

    /// Stores a blob of at most `bytes_max`; gives its size.
    async fn put(&mut self, digest: Digest, blobs: &dyn Blobs, bytes_max: u64) -> Result<u64, PullError> {
        let kept = match self {
            Self::Registry(registry) => registry.put_blob(digest, blobs, bytes_max).await?,
            Self::Layout(folder) => {
                let (file, size) = folder.file(&blob_path(digest))?.ok_or_else(|| gone(digest))?;
                let mut file = tokio::fs::File::from_std(file).take(size);
                blobs.put(&mut file, bytes_max).await?
            }
        };
        if kept.digest != digest {
            return Err(PullError::Invalid(format!("the bytes of layer {digest} are others")));
        }
        Ok(kept.size_bytes)
    }
}

fn blob_path(digest: Digest) -> String {
    format!("blobs/sha256/{digest}")
}

fn gone(digest: Digest) -> PullError {
    PullError::Invalid(format!("{digest} is not in it"))
}

fn checked(bytes: Vec<u8>, digest: Digest) -> Result<Vec<u8>, PullError> {
    let found = Digest::from_bytes(sha2::Sha256::digest(&bytes).into());
    if found == digest {
        Ok(bytes)
    } else {
        Err(PullError::Invalid(format!("the bytes of {digest} are others")))
    }
}
