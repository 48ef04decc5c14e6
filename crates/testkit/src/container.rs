//! Container images made by hand, in every form that they come in.

use std::collections::HashMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex};

use blob::Digest;
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// An image: its layers, each a list of files with mode and text, and its configuration.
#[derive(Clone)]
pub struct Container {
    layers: Vec<Vec<u8>>,
    config: Json,
}

/// A registry on this machine, with one repository.
pub struct Registry {
    /// Such as `127.0.0.1:40000`.
    pub host: String,
    pub digest: String,
    contents: Arc<Mutex<HashMap<String, Content>>>,
    server: tokio::task::JoinHandle<()>,
}

#[derive(Clone)]
struct Content {
    status: u16,
    bytes: Vec<u8>,
    /// Of fewer bytes than it announces.
    cut: bool,
}

fn sha256(bytes: &[u8]) -> String {
    Digest::from_bytes(Sha256::digest(bytes).into()).to_string()
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Json {
    json!({ "mediaType": media_type, "digest": format!("sha256:{}", sha256(bytes)), "size": bytes.len() })
}

fn architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }
}

impl Container {
    /// Of these layers; `config` is what the image says of how it is run.
    ///
    /// # Panics
    /// When a name is none.
    pub fn new(layers: &[&[(&str, u32, &str)]], config: Json) -> Self {
        let layer = |files: &&[(&str, u32, &str)]| {
            let mut builder = tar::Builder::new(Vec::new());
            for (name, mode, text) in *files {
                let mut header = tar::Header::new_gnu();
                header.set_mode(*mode);
                header.set_size(text.len() as u64);
                builder.append_data(&mut header, name, text.as_bytes()).expect("a name");
            }
            builder.into_inner().expect("memory takes bytes")
        };
        let layers = layers.iter().map(layer).collect();
        Self { layers, config: json!({ "architecture": architecture(), "os": "linux", "config": config }) }
    }

    /// The same for another kind of machine.
    #[must_use]
    pub fn for_architecture(&self, architecture: &str) -> Self {
        let mut other = self.clone();
        other.config["architecture"] = json!(architecture);
        other
    }

    /// Every blob by its digest, and the manifest's descriptor.
    fn blobs(&self) -> (HashMap<String, Vec<u8>>, Json) {
        let mut blobs = HashMap::new();
        let mut keep = |media_type: &str, bytes: Vec<u8>| {
            let described = descriptor(media_type, &bytes);
            blobs.insert(sha256(&bytes), bytes);
            described
        };
        let mut layers = Vec::new();
        for layer in &self.layers {
            let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            packed.write_all(layer).expect("memory takes bytes");
            let packed = packed.finish().expect("memory takes bytes");
            layers.push(keep("application/vnd.oci.image.layer.v1.tar+gzip", packed));
        }
        let config = keep("application/vnd.oci.image.config.v1+json", self.config.to_string().into_bytes());
        let manifest = json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": config, "layers": layers,
        });
        let described = keep("application/vnd.oci.image.manifest.v1+json", manifest.to_string().into_bytes());
        (blobs, described)
    }

    /// Writes an OCI layout; gives the image's digest, in hexadecimal.
    ///
    /// # Panics
    /// When it can't be written.
    pub fn layout(&self, folder: &Path, tag: &str) -> String {
        let (blobs, mut manifest) = self.blobs();
        fs::create_dir_all(folder.join("blobs/sha256")).expect("a folder");
        for (name, bytes) in &blobs {
            fs::write(folder.join("blobs/sha256").join(name), bytes).expect("a file");
        }
        manifest["annotations"] = json!({ "org.opencontainers.image.ref.name": tag });
        let index = json!({ "schemaVersion": 2, "manifests": [manifest] });
        fs::write(folder.join("index.json"), index.to_string()).expect("a file");
        fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).expect("a file");
        digest_of(&manifest)
    }

    /// Writes an archive of an OCI layout.
    ///
    /// # Panics
    /// When it can't be written.
    pub fn archived_layout(&self, path: &Path, tag: &str) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        let digest = self.layout(folder.path(), tag);
        let mut builder = tar::Builder::new(fs::File::create(path).expect("a file"));
        builder.append_dir_all(".", folder.path()).expect("an archive");
        builder.finish().expect("an archive");
        digest
    }

    /// Writes an archive as `docker save` does, in its own format.
    ///
    /// # Panics
    /// When it can't be written.
    pub fn saved(&self, path: &Path, name: &str) {
        fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder");
        let mut builder = tar::Builder::new(fs::File::create(path).expect("a file"));
        let mut put = |name: &str, bytes: &[u8]| {
            let mut header = tar::Header::new_gnu();
            header.set_mode(0o644);
            header.set_size(bytes.len() as u64);
            builder.append_data(&mut header, name, bytes).expect("an archive");
        };
        let config = self.config.to_string();
        let config_name = format!("{}.json", sha256(config.as_bytes()));
        put(&config_name, config.as_bytes());
        let mut names = Vec::new();
        for layer in &self.layers {
            let name = format!("{}/layer.tar", sha256(layer));
            put(&name, layer);
            names.push(name);
        }
        let manifest = json!([{ "Config": config_name, "RepoTags": [name], "Layers": names }]);
        put("manifest.json", manifest.to_string().as_bytes());
        builder.finish().expect("an archive");
    }

    /// Serves it as `repository` by this tag, behind a list of manifests for several kinds of machine.
    ///
    /// # Panics
    /// When there is no port.
    pub async fn serve(&self, repository: &str, tag: &str) -> Registry {
        let (blobs, mut manifest) = self.blobs();
        let digest = digest_of(&manifest);
        manifest["platform"] = json!({ "architecture": architecture(), "os": "linux" });
        let mut foreign = manifest.clone();
        foreign["platform"]["architecture"] = json!("riscv64");
        foreign["digest"] = json!(format!("sha256:{}", "0".repeat(64)));
        let index = json!({ "schemaVersion": 2, "manifests": [foreign, manifest] }).to_string();
        let mut contents = HashMap::new();
        let good = |bytes: &[u8]| Content { status: 200, bytes: bytes.to_vec(), cut: false };
        for (name, bytes) in &blobs {
            contents.insert(format!("/v2/{repository}/blobs/sha256:{name}"), good(bytes));
            contents.insert(format!("/v2/{repository}/manifests/sha256:{name}"), good(bytes));
        }
        contents.insert(format!("/v2/{repository}/manifests/{tag}"), good(index.as_bytes()));
        let contents = Arc::new(Mutex::new(contents));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let host = listener.local_addr().expect("an address").to_string();
        let served = Arc::clone(&contents);
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&served)));
            }
        });
        Registry { host, digest, contents, server }
    }
}

fn digest_of(manifest: &Json) -> String {
    manifest["digest"].as_str().unwrap_or_default().trim_start_matches("sha256:").to_owned()
}

impl Registry {
    /// From now on everything is answered with this status.
    ///
    /// # Panics
    /// Never.
    pub fn refuse(&self, status: u16) {
        let mut contents = self.contents.lock().expect("no panic while held");
        contents.values_mut().for_each(|content| content.status = status);
    }

    /// From now on a byte of every blob is another.
    ///
    /// # Panics
    /// Never.
    pub fn damage(&self) {
        let mut contents = self.contents.lock().expect("no panic while held");
        let blobs = contents.iter_mut().filter(|(path, _)| path.contains("/blobs/"));
        blobs.for_each(|(_, content)| content.bytes[0] ^= 1);
    }

    /// From now on every blob breaks off in its middle.
    ///
    /// # Panics
    /// Never.
    pub fn cut(&self) {
        let mut contents = self.contents.lock().expect("no panic while held");
        let blobs = contents.iter_mut().filter(|(path, _)| path.contains("/blobs/"));
        blobs.for_each(|(_, content)| content.cut = true);
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(stream: TcpStream, contents: Arc<Mutex<HashMap<String, Content>>>) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut request = String::new();
        let mut line = String::new();
        while stream.read_line(&mut line).await.is_ok_and(|read| read > 0) {
            if request.is_empty() {
                request.clone_from(&line);
            }
            if line.trim().is_empty() {
                break;
            }
            line.clear();
        }
        let Some(path) = request.split(' ').nth(1) else { return };
        let found = contents.lock().expect("no panic while held").get(path).cloned();
        let found = found.unwrap_or(Content { status: 404, bytes: Vec::new(), cut: false });
        let head = format!("HTTP/1.1 {} said\r\ncontent-length: {}\r\n\r\n", found.status, found.bytes.len());
        let sent = if found.cut { found.bytes.len() / 2 } else { found.bytes.len() };
        let written = stream.get_mut().write_all(&[head.as_bytes(), &found.bytes[..sent]].concat()).await;
        if written.is_err() || found.cut {
            return;
        }
    }
}
