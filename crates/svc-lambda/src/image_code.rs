//! A function's container image: what is stored of it, how it is shown, how it is started.

use std::path::{Path, PathBuf};

use api_lambda as api;
use api_lambda::errors;
use aws_wire::{AwsError, Result};
use execution::Interpreter;
use image::{Config, ImageName, Images, Layer, PullError, find_directory, find_program};
use serde::{Deserialize, Serialize};

use crate::function::Code;

/// Names and values of `ImageConfig` as JSON.
const CONFIG_BYTES_MAX: usize = 16 * 1024;
/// Where programs are looked for in an image that does not say.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// An image as a function keeps it. Its manifest is the function's code, as the blob that its digest names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ImageCode {
    pub uri: String,
    /// By digest.
    pub resolved_uri: String,
    /// The blob with its configuration.
    pub config_sha256: String,
    pub layers: Vec<Layer>,
    pub config: Config,
    #[serde(default)]
    pub overrides: Overrides,
}

/// The function's own in place of what the image says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Overrides {
    pub entry_point: Option<Vec<String>>,
    pub command: Option<Vec<String>>,
    pub working_directory: Option<String>,
}

impl Overrides {
    /// # Errors
    /// 400 for more than AWS takes.
    pub(crate) fn parse(config: Option<api::ImageConfig>) -> Result<Self> {
        let config = config.unwrap_or_default();
        let some = |list: Option<Vec<String>>| list.filter(|list| !list.is_empty());
        let parsed = Self {
            entry_point: some(config.entry_point),
            command: some(config.command),
            working_directory: config.working_directory.filter(|directory| !directory.is_empty()),
        };
        let size = serde_json::to_string(&parsed).map_or(0, |text| text.len());
        if size > CONFIG_BYTES_MAX {
            return Err(errors::invalid_parameter_value_exception(
                "The total size of the image configuration settings must be less than 16 KB.",
            ));
        }
        Ok(parsed)
    }

    pub(crate) fn shown(&self) -> Option<api::ImageConfigResponse> {
        let config = api::ImageConfig {
            entry_point: self.entry_point.clone(),
            command: self.command.clone(),
            working_directory: self.working_directory.clone(),
        };
        (*self != Self::default())
            .then_some(api::ImageConfigResponse { image_config: Some(config), error: None })
    }
}

/// # Errors
/// 400 for what is no image's name.
pub(crate) fn parse(uri: &str) -> Result<ImageName> {
    uri.parse().map_err(|_| {
        let message = format!("Source image {uri} is not valid. Provide a valid source image.");
        errors::invalid_parameter_value_exception(message)
    })
}

/// Fetches an image; the function's code, and what it keeps of the image.
///
/// # Errors
/// AWS's refusals of images that are not there, can't be had or can't be run.
pub(crate) async fn fetch(
    images: &Images,
    operation: &str,
    name: &ImageName,
    overrides: Overrides,
) -> Result<(Code, ImageCode)> {
    let pulled = images.pull(name).await.map_err(|error| refusal(operation, name, error))?;
    let manifest = pulled.manifest.to_string();
    let code = Code { sha256: manifest.clone(), sha256_base64: manifest, size_bytes: 0, unzipped_bytes: 0 };
    let image = ImageCode {
        uri: name.to_string(),
        resolved_uri: name.resolved(pulled.manifest),
        config_sha256: pulled.config_file.to_string(),
        layers: pulled.layers,
        config: pulled.config,
        overrides,
    };
    Ok((code, image))
}

fn refusal(operation: &str, name: &ImageName, error: PullError) -> AwsError {
    match error {
        PullError::NotFound => errors::invalid_parameter_value_exception(format!(
            "Source image {name} does not exist. Provide a valid source image."
        )),
        PullError::Denied => AwsError::common(
            "AccessDeniedException",
            403,
            "Lambda does not have permission to access the ECR image. Check the ECR permissions.",
        ),
        PullError::Unsupported(what) => {
            AwsError::parameter_not_implemented(operation, &format!("ImageUri with {what}"))
        }
        PullError::Invalid(_) | PullError::Registry(_) => {
            let message = format!("Source image {name} is not valid. Provide a valid source image: {error}.");
            errors::invalid_parameter_value_exception(message)
        }
        PullError::Io(error) => AwsError::internal(error),
        PullError::Blob(blob::Error::TooLarge { .. } | blob::Error::Source(_)) => {
            let message = format!("Source image {name} is not valid. Provide a valid source image.");
            errors::invalid_parameter_value_exception(message).because(error)
        }
        PullError::Blob(error) => AwsError::internal(error),
    }
}

impl ImageCode {
    /// The blobs that it is made of, besides its manifest.
    pub(crate) fn blobs(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.config_sha256).chain(self.layers.iter().map(|layer| &layer.sha256))
    }

    /// How an environment starts it, once it lies unpacked at `root`.
    pub(crate) fn interpreter(&self, root: PathBuf) -> Interpreter {
        let Overrides { entry_point, command, working_directory } = &self.overrides;
        let given = |own: &Option<Vec<String>>, of_image: &Option<Vec<String>>| {
            own.as_ref().or(of_image.as_ref()).cloned().unwrap_or_default()
        };
        let mut words = given(entry_point, &self.config.entrypoint);
        words.extend(given(command, &self.config.cmd));
        let directory = working_directory.as_ref().or(self.config.working_dir.as_ref());
        let directory = directory.filter(|directory| !directory.is_empty());
        let directory = Path::new("/").join(directory.map_or("/", String::as_str));
        self.started(root, None, words, directory)
    }

    /// How an environment starts a package of `runtime` in it: by the bootstrap that AWS's own images have.
    pub(crate) fn runtime(&self, root: PathBuf, runtime: &str) -> Interpreter {
        let words = vec!["/var/runtime/bootstrap".to_owned()];
        self.started(root, Some(runtime.to_owned()), words, "/var/task".into())
    }

    fn started(
        &self,
        root: PathBuf,
        runtime: Option<String>,
        words: Vec<String>,
        directory: PathBuf,
    ) -> Interpreter {
        let mut words = words.into_iter();
        let entry_point = words.next().unwrap_or_default();
        let variables = self.config.env.iter().flatten().filter_map(|variable| {
            let (name, value) = variable.split_once('=')?;
            (!name.is_empty()).then(|| (name.to_owned(), value.to_owned()))
        });
        let variables = variables.collect::<Vec<_>>();
        let path = variables.iter().rev().find(|(name, _)| name == "PATH");
        let path = path.map_or(PATH, |(_, path)| path);
        Interpreter::Image(execution::Image {
            program: find_program(&root, &directory, path, &entry_point),
            has_directory: find_directory(&root, &directory),
            root,
            runtime,
            entry_point,
            arguments: words.collect(),
            directory,
            variables,
        })
    }
}
