//! What OCI's image specification and Docker's formats write in JSON, as far as it is needed.

use blob::Digest;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::pull::PullError;

/// Layers that one image may have, as Docker has it.
const LAYERS_MAX: usize = 127;

/// A list of manifests, or a manifest.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Document {
    #[serde(default)]
    pub manifests: Option<Vec<Descriptor>>,
    #[serde(default)]
    pub config: Option<Descriptor>,
    #[serde(default)]
    pub layers: Vec<Descriptor>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    #[serde(default)]
    pub media_type: String,
    #[serde(deserialize_with = "read_digest", serialize_with = "write_digest")]
    pub digest: Digest,
    pub size: u64,
    #[serde(default, skip_serializing)]
    pub platform: Option<Platform>,
    #[serde(default, skip_serializing)]
    pub annotations: Option<std::collections::BTreeMap<String, String>>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Platform {
    pub architecture: String,
    pub os: String,
}

fn read_digest<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
    let text = String::deserialize(deserializer)?;
    let digest = text.strip_prefix("sha256:").and_then(|digest| digest.parse().ok());
    digest.ok_or_else(|| serde::de::Error::custom(format!("{text} is no SHA-256")))
}

fn write_digest<S: Serializer>(digest: &Digest, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("sha256:{digest}"))
}

/// A layer as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// The blob's SHA-256, in hexadecimal.
    pub sha256: String,
    /// Whether the archive is compressed, with gzip.
    pub gzip: bool,
}

impl Descriptor {
    /// # Errors
    /// For a layer of a kind that is not read here.
    pub(crate) fn layer(&self) -> Result<Layer, PullError> {
        let gzip = match self.media_type.as_str() {
            "application/vnd.oci.image.layer.v1.tar" | "application/vnd.docker.image.rootfs.diff.tar" => {
                false
            }
            "application/vnd.oci.image.layer.v1.tar+gzip"
            | "application/vnd.docker.image.rootfs.diff.tar.gzip" => true,
            other => return Err(PullError::Unsupported(format!("layers of type {other}"))),
        };
        Ok(Layer { sha256: self.digest.to_string(), gzip })
    }
}

impl Document {
    /// The manifest of this machine's kind in a list of them.
    pub(crate) fn for_this_machine(&self) -> Option<&Descriptor> {
        let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
        let manifests = self.manifests.as_ref()?;
        let fits = |descriptor: &&Descriptor| {
            let platform = descriptor.platform.as_ref();
            platform.is_none_or(|platform| platform.os == "linux" && platform.architecture == architecture)
        };
        manifests.iter().find(fits)
    }

    /// # Errors
    /// For what is no image that can be run.
    pub(crate) fn image(&self) -> Result<(Digest, Vec<Layer>), PullError> {
        let config = self.config.as_ref();
        let config = config.ok_or_else(|| PullError::Invalid("it has no configuration".to_owned()))?;
        if self.layers.is_empty() || self.layers.len() > LAYERS_MAX {
            return Err(PullError::Invalid(format!("it has {} layers", self.layers.len())));
        }
        let layers = self.layers.iter().map(Descriptor::layer).collect::<Result<_, _>>()?;
        Ok((config.digest, layers))
    }
}

/// An image's configuration.
#[derive(Debug, Deserialize)]
pub(crate) struct ConfigFile {
    pub architecture: String,
    pub os: String,
    #[serde(default)]
    pub config: Option<Config>,
}

/// What an image says of how it is run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Config {
    /// `NAME=value`
    pub env: Option<Vec<String>>,
    pub entrypoint: Option<Vec<String>>,
    pub cmd: Option<Vec<String>>,
    pub working_dir: Option<String>,
}

/// One image of an archive that `docker save` wrote.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Saved {
    pub config: String,
    #[serde(default)]
    pub repo_tags: Option<Vec<String>>,
    pub layers: Vec<String>,
}
