//! Deployment packages: a zip from outside, checked by unpacking it, and the trees that environments run from.
//!
//! The bytes are hostile: sizes lie, names climb, links lead out. Whatever is wrong, nothing of the package stays.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, Permissions};
use std::io::{self, Cursor, Read, Seek};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use api_lambda::errors;
use aws_wire::{AwsError, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use blob::Blobs;
use bytes::Bytes;
use env::Env;
use image::Images;
use sandbox::{IMAGE_DIRECTORIES, IMAGE_FILES};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncSeekExt as _, AsyncWriteExt as _};
use zip::ZipArchive;

use crate::function::{Code, Settings};
use crate::image_code::{self, ImageCode, Overrides};

/// Of a zip that is sent with the request.
pub(crate) const ZIPPED_BYTES_MAX: usize = 52_428_800;
/// Of what a package unpacks to.
pub(crate) const UNZIPPED_BYTES_MAX: u64 = 262_144_000;
/// How long a package that no function uses is kept. A function that is being created has stored its package before
/// its record, and the last invocation of an old package may take fifteen minutes.
pub(crate) const UNUSED_KEPT: Duration = Duration::from_secs(60 * 60);
/// Files and folders in one package; AWS names no bound, but unpacking needs one.
const ENTRIES_MAX: usize = 200_000;

/// Where packages are kept: the zip as a blob, the unpacked tree beside it. The tree can be made anew any time.
pub(crate) struct Packages {
    blobs: Arc<dyn Blobs>,
    trees: PathBuf,
    env: Env,
    images: Images,
    /// Images that packages run in, by their names, fetched since the start.
    roots: tokio::sync::Mutex<HashMap<String, (Code, ImageCode)>>,
}

#[derive(Debug, thiserror::Error)]
enum Unpack {
    #[error("read the zip")]
    Zip(#[from] zip::result::ZipError),
    #[error("write the tree")]
    Io(#[from] io::Error),
    #[error("the package has no entries")]
    Empty,
    #[error("the package is too large")]
    TooLarge,
    #[error("the package has an entry that leads out of it or collides with another")]
    Hostile,
}

/// Why a stream is in no file.
#[derive(Debug, thiserror::Error)]
enum Spool {
    #[error("the package is too large")]
    TooLarge,
    #[error("copy the package")]
    Io(#[from] io::Error),
}

impl Packages {
    pub(crate) fn new(blobs: Arc<dyn Blobs>, trees: PathBuf, env: Env, images: Images) -> Self {
        Self { blobs, trees, env, images, roots: tokio::sync::Mutex::default() }
    }

    /// Checks a package and stores it.
    ///
    /// # Errors
    /// AWS's refusals of packages that are empty, broken, too large or hostile; nothing is stored then.
    pub(crate) async fn store(&self, zip: Bytes) -> Result<Code> {
        if zip.is_empty() {
            return Err(empty());
        }
        if zip.len() > ZIPPED_BYTES_MAX {
            let message = format!("Zipped size must be smaller than {ZIPPED_BYTES_MAX} bytes");
            return Err(AwsError::common("RequestEntityTooLargeException", 413, message));
        }
        let staging = self.staging();
        let unzipped_bytes = unpack_in_background(Cursor::new(zip.clone()), staging.clone()).await;
        self.keep(&mut zip.as_ref(), &staging, unzipped_bytes.map_err(refusal)?).await
    }

    /// As [`Packages::store`], for packages that come in a stream and may be larger.
    ///
    /// # Errors
    /// As [`Packages::store`]; also when the stream fails.
    pub(crate) async fn store_streamed(&self, source: impl AsyncRead + Send + Unpin) -> Result<Code> {
        let mut zip = match self.spool(source).await {
            Ok(zip) => zip,
            Err(Spool::TooLarge) => return Err(refusal(Unpack::TooLarge)),
            Err(Spool::Io(error)) => return Err(AwsError::internal(error)),
        };
        if zip.metadata().await.map_err(AwsError::internal)?.len() == 0 {
            return Err(empty());
        }
        let staging = self.staging();
        let copy = zip.try_clone().await.map_err(AwsError::internal)?.into_std().await;
        let unzipped_bytes = unpack_in_background(copy, staging.clone()).await.map_err(refusal)?;
        zip.rewind().await.map_err(AwsError::internal)?;
        self.keep(&mut zip, &staging, unzipped_bytes).await
    }

    /// Stores a zip whose unpacked tree is at `staging`.
    async fn keep(
        &self,
        zip: &mut (dyn AsyncRead + Send + Unpin),
        staging: &Path,
        unzipped_bytes: u64,
    ) -> Result<Code> {
        let stored = self.blobs.put(zip, UNZIPPED_BYTES_MAX).await;
        let blob = stored.map_err(AwsError::internal)?;
        let sha256 = blob.digest.to_string();
        self.adopt(staging, &sha256).map_err(AwsError::internal)?;
        Ok(Code {
            sha256,
            sha256_base64: BASE64.encode(blob.digest.as_bytes()),
            size_bytes: blob.size_bytes,
            unzipped_bytes,
        })
    }

    /// Puts a stream into a file that has no name, so that nothing of it stays.
    async fn spool(&self, source: impl AsyncRead + Send + Unpin) -> Result<tokio::fs::File, Spool> {
        let path = self.staging();
        // Not in the background: a future dropped meanwhile would leave a file made after its removal.
        let file = File::options().read(true).write(true).create_new(true).open(&path)?;
        fs::remove_file(&path)?;
        let mut file = tokio::fs::File::from_std(file);
        let copied = tokio::io::copy(&mut source.take(UNZIPPED_BYTES_MAX + 1), &mut file).await?;
        if copied > UNZIPPED_BYTES_MAX {
            return Err(Spool::TooLarge);
        }
        file.flush().await?;
        file.rewind().await?;
        Ok(file)
    }

    /// The unpacked tree of `code`, made from the blob if it is not there.
    ///
    /// # Errors
    /// When the blob is gone or damaged.
    pub(crate) async fn tree(&self, code: &Code) -> Result<PathBuf> {
        let tree = self.trees.join(&code.sha256);
        if tree.is_dir() {
            return Ok(tree);
        }
        let digest = code.sha256.parse().map_err(AwsError::internal)?;
        let reader = self.blobs.get(digest).await.map_err(AwsError::internal)?;
        let reader = reader.ok_or_else(|| AwsError::internal(format!("the package {digest} is gone")))?;
        let zip = self.spool(reader).await.map_err(AwsError::internal)?.into_std().await;
        let staging = self.staging();
        unpack_in_background(zip, staging.clone()).await.map_err(AwsError::internal)?;
        self.adopt(&staging, &code.sha256).map_err(AwsError::internal)?;
        Ok(tree)
    }

    /// The trees of a function's code and of its layers.
    ///
    /// # Errors
    /// As [`Packages::tree`].
    pub(crate) async fn trees(&self, settings: &Settings) -> Result<(PathBuf, Vec<PathBuf>)> {
        if let Some(image) = &settings.image {
            return Ok((self.image_tree(&settings.code, image).await?, Vec::new()));
        }
        let code = self.tree(&settings.code).await?;
        let mut layers = Vec::with_capacity(settings.layers.len());
        for layer in &settings.layers {
            layers.push(self.tree(&layer.code).await?);
        }
        Ok((code, layers))
    }

    /// The unpacked tree of an image, made from its layers if it is not there.
    async fn image_tree(&self, code: &Code, image: &ImageCode) -> Result<PathBuf> {
        let tree = self.trees.join(&code.sha256);
        if tree.is_dir() {
            return Ok(tree);
        }
        let staging = self.staging();
        let unpacked = self.images.unpack(&image.layers, &staging, &IMAGE_DIRECTORIES, &IMAGE_FILES).await;
        if let Err(error) = unpacked {
            // What can't be removed is swept at the next start.
            let _ = tokio::fs::remove_dir_all(&staging).await;
            return Err(AwsError::internal(error));
        }
        self.adopt(&staging, &code.sha256).map_err(AwsError::internal)?;
        Ok(tree)
    }

    /// An image that packages run in, and its tree. It is fetched once in the life of this process.
    ///
    /// # Errors
    /// As an image's function is refused.
    pub(crate) async fn root(&self, uri: &str) -> Result<(ImageCode, PathBuf)> {
        let mut roots = self.roots.lock().await;
        if !roots.contains_key(uri) {
            let name = image_code::parse(uri)?;
            let fetched = image_code::fetch(&self.images, "runtimes folder", &name, Overrides::default());
            roots.insert(uri.to_owned(), fetched.await?);
        }
        let (code, image) = &roots[uri];
        let tree = self.image_tree(code, image).await?;
        Ok((image.clone(), tree))
    }

    pub(crate) fn images(&self) -> &Images {
        &self.images
    }

    /// Removes the packages that `is_used` does not know, that nobody has put for [`UNUSED_KEPT`], and that were
    /// `unused` before: an environment of an old version may go on with them for a while. Says so of the others.
    pub(crate) async fn collect(
        &self,
        is_used: impl Fn(&str) -> bool,
        unused: &mut HashSet<String>,
    ) -> Result<usize> {
        let unused_before = std::mem::take(unused);
        let roots = self.roots.lock().await;
        let of_roots =
            roots.values().flat_map(|(code, image)| std::iter::once(&code.sha256).chain(image.blobs()));
        let of_roots = of_roots.cloned().collect::<HashSet<_>>();
        drop(roots);
        let is_used = |sha256: &str| is_used(sha256) || of_roots.contains(sha256);
        let mut removed = 0;
        let mut after = None;
        loop {
            let page = self.blobs.list(after).await.map_err(AwsError::internal)?;
            let Some(last) = page.last() else { return Ok(removed) };
            after = Some(last.blob.digest);
            for stored in page {
                let sha256 = stored.blob.digest.to_string();
                if is_used(&sha256) || self.env.now().since(stored.stored_at) < UNUSED_KEPT {
                    continue;
                }
                if !unused_before.contains(&sha256) {
                    unused.insert(sha256);
                    continue;
                }
                self.blobs.delete(stored.blob.digest).await.map_err(AwsError::internal)?;
                let tree = self.trees.join(sha256);
                if tree.is_dir() {
                    tokio::fs::remove_dir_all(tree).await.map_err(AwsError::internal)?;
                }
                removed += 1;
            }
        }
    }

    fn staging(&self) -> PathBuf {
        self.trees.join(format!(".staging-{}", self.env.uuid()))
    }

    /// Gives a finished tree its name; another may have been quicker with the same content.
    fn adopt(&self, staging: &Path, sha256: &str) -> io::Result<()> {
        let tree = self.trees.join(sha256);
        match fs::rename(staging, &tree) {
            Err(_) if tree.is_dir() => fs::remove_dir_all(staging),
            renamed => renamed,
        }
    }
}

fn empty() -> AwsError {
    errors::invalid_parameter_value_exception("Uploaded file must be a non-empty zip")
}

fn refusal(error: Unpack) -> AwsError {
    match error {
        Unpack::Empty => empty(),
        Unpack::TooLarge => errors::invalid_parameter_value_exception(format!(
            "Unzipped size must be smaller than {UNZIPPED_BYTES_MAX} bytes"
        )),
        Unpack::Zip(zip::result::ZipError::Io(error)) if is_ours(&error) => AwsError::internal(error),
        Unpack::Io(error) if is_ours(&error) => AwsError::internal(error),
        error => errors::invalid_parameter_value_exception(
            "Could not unzip uploaded file. Please check your file, then try to upload again.",
        )
        .because(error),
    }
}

/// Whether the disk failed rather than the package.
fn is_ours(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
    ) || error.raw_os_error().is_some_and(|code| code == 5 || code == 24)
}

async fn unpack_in_background(
    zip: impl Read + Seek + Send + 'static,
    target: PathBuf,
) -> Result<u64, Unpack> {
    let work = tokio::task::spawn_blocking(move || {
        let unpacked = unpack(zip, &target);
        if unpacked.is_err() {
            // What can't be removed is swept at the next start.
            let _ = fs::remove_dir_all(&target);
        }
        unpacked
    });
    work.await.unwrap_or_else(|panic| Err(Unpack::Io(io::Error::other(panic))))
}

/// Unpacks a zip; gives the size of all its files.
fn unpack(zip: impl Read + Seek, target: &Path) -> Result<u64, Unpack> {
    let mut archive = ZipArchive::new(zip)?;
    if archive.is_empty() {
        return Err(Unpack::Empty);
    }
    if archive.len() > ENTRIES_MAX {
        return Err(Unpack::TooLarge);
    }
    if archive.is_empty() {
        return Err(Unpack::Empty);
    }
    fs::create_dir_all(target)?;
    let mut left = UNZIPPED_BYTES_MAX;
    // Links come last, so that nothing is written through one.
    let mut links = Vec::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index)?;
        let inside = inside(Path::new(&*entry.name()?)).ok_or(Unpack::Hostile)?;
        let path = target.join(&inside);
        if entry.is_dir() {
            fs::create_dir_all(&path)?;
            continue;
        }
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        if entry.is_symlink() {
            let mut text = String::new();
            (&mut entry).take(4096).read_to_string(&mut text)?;
            if !leads_inside(&inside, Path::new(&text)) {
                return Err(Unpack::Hostile);
            }
            links.push((path, text));
            continue;
        }
        let mut file = File::create(&path)?;
        // One byte more than is left tells a package that fits exactly from one that does not.
        let written = io::copy(&mut (&mut entry).take(left + 1), &mut file)?;
        left = left.checked_sub(written).ok_or(Unpack::TooLarge)?;
        file.set_permissions(Permissions::from_mode(mode(entry.unix_mode())))?;
    }
    for (path, text) in links {
        symlink(text, path)?;
    }
    Ok(UNZIPPED_BYTES_MAX - left)
}

/// What everybody may do with a file: the function's user is not its owner, and packages made by a script often let
/// only the owner read.
fn mode(of_entry: Option<u32>) -> u32 {
    let executable = of_entry.is_some_and(|mode| mode & 0o111 != 0);
    if executable { 0o755 } else { 0o644 }
}

/// `name` without its `.`s; `None` when it is absolute or climbs.
fn inside(name: &Path) -> Option<PathBuf> {
    let mut inside = PathBuf::new();
    for component in name.components() {
        match component {
            Component::Normal(part) => inside.push(part),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    (!inside.as_os_str().is_empty()).then_some(inside)
}

/// Whether a link at `at` to `to` stays in the package. A link may climb first and then descend, nothing else: behind
/// another link, "up" is not what it looks.
fn leads_inside(at: &Path, to: &Path) -> bool {
    let mut depth = at.components().count() - 1;
    let mut descended = false;
    to.components().all(|component| match component {
        Component::ParentDir if !descended && depth > 0 => {
            depth -= 1;
            true
        }
        Component::Normal(_) => {
            descended = true;
            true
        }
        Component::CurDir => true,
        Component::ParentDir | Component::RootDir | Component::Prefix(_) => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_links_stay_inside() {
        for (name, expected) in [
            ("a/b", Some("a/b")),
            ("./a", Some("a")),
            ("../a", None),
            ("a/../../b", None),
            ("/etc/passwd", None),
            ("", None),
        ] {
            assert_eq!(inside(Path::new(name)).as_deref(), expected.map(Path::new), "{name}");
        }
        for (at, to, expected) in [
            ("a/link", "../b", true),
            ("link", "b/c", true),
            ("link", "../b", false),
            ("a/link", "../../b", false),
            ("link", "/etc/passwd", false),
            ("link", "a/../../b", false),
        ] {
            assert_eq!(leads_inside(Path::new(at), Path::new(to)), expected, "{at} -> {to}");
        }
    }
}
