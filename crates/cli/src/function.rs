//! What several commands do with a function.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::Method;
use serde_json::{Value as Json, json};

use crate::built::{self, Product};
use crate::package::{self, Package};
use crate::{Client, Error};

/// Between two looks at a function that is being made live; it takes some milliseconds.
const POLL: Duration = Duration::from_millis(5);
const POLLS_MAX: usize = 12_000;
/// Any role does while nobody's rights are enforced.
pub(crate) const DEFAULT_ROLE: &str = "arn:aws:iam::000000000000:role/lambent";

/// What to deploy, and as what.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Deployment {
    /// The function's folder, or its single file
    pub source: std::path::PathBuf,
    /// The function's name [default: the folder's or file's]
    #[arg(long)]
    pub name: Option<String>,
    /// Such as python3.13, nodejs22.x, provided.al2023 [default: by the files]
    #[arg(long)]
    pub runtime: Option<String>,
    /// Such as app.handler [default: by the files]
    #[arg(long)]
    pub handler: Option<String>,
    /// Memory in MB [default: 128, or what the function has]
    #[arg(long)]
    pub memory: Option<u32>,
    /// Seconds that a call may take [default: 3, or what the function has]
    #[arg(long)]
    pub timeout: Option<u32>,
    /// An environment variable; may be given again
    #[arg(long = "env", value_name = "NAME=VALUE")]
    pub variables: Vec<String>,
    /// The execution role's ARN
    #[arg(long)]
    pub role: Option<String>,
}

/// What a deployment came to.
pub(crate) struct Deployed {
    pub name: String,
    pub created: bool,
    pub files: usize,
    pub zipped_bytes: usize,
    pub configuration: Json,
}

impl Deployment {
    /// # Errors
    /// When neither the path nor `--name` gives one.
    pub(crate) fn function_name(&self) -> Result<String, Error> {
        if let Some(name) = &self.name {
            return Ok(name.clone());
        }
        let absolute =
            std::path::absolute(&self.source).map_err(|error| Error::failed("find the source", error))?;
        let stem = if absolute.is_dir() { absolute.file_name() } else { absolute.file_stem() };
        let name = stem.and_then(|stem| stem.to_str()).unwrap_or_default();
        let name = name
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' })
            .collect::<String>();
        if name.is_empty() { Err(Error::Said("name the function with --name".to_owned())) } else { Ok(name) }
    }

    /// Creates the function, or gives it this code and these settings.
    ///
    /// # Errors
    /// When the source can't be packed or the platform refuses.
    pub(crate) async fn run(&self, client: &mut Client) -> Result<Deployed, Error> {
        if !self.source.exists() {
            return Err(Error::Said(format!("there is no {}", self.source.display())));
        }
        let name = self.function_name()?;
        let product = built::product(&self.source)?;
        let Package { zip, files } = package::zip(&product.package)?;
        let zipped_bytes = zip.len();
        let path = format!("/2015-03-31/functions/{name}");
        let known = match client
            .lambda("GetFunctionConfiguration", Method::GET, &format!("{path}/configuration"), &[], "")
            .await
        {
            Ok(answer) => Some(parse(&answer.body)?),
            Err(error) if error.is_code("ResourceNotFoundException") => None,
            Err(error) => return Err(error),
        };
        let created = known.is_none();
        if let Some(known) = known {
            let code = json!({ "ZipFile": BASE64.encode(&zip) }).to_string();
            client.lambda("UpdateFunctionCode", Method::PUT, &format!("{path}/code"), &[], code).await?;
            settle(client, &name).await?;
            let settings = self.settings(None)?;
            if differs(&settings, &known) {
                let body = settings.to_string();
                client
                    .lambda(
                        "UpdateFunctionConfiguration",
                        Method::PUT,
                        &format!("{path}/configuration"),
                        &[],
                        body,
                    )
                    .await?;
            }
        } else {
            let mut settings = self.settings(Some(&product))?;
            settings["FunctionName"] = name.clone().into();
            settings["Code"] = json!({ "ZipFile": BASE64.encode(&zip) });
            client
                .lambda("CreateFunction", Method::POST, "/2015-03-31/functions", &[], settings.to_string())
                .await?;
        }
        let configuration = settle(client, &name).await?;
        Ok(Deployed { name, created, files, zipped_bytes, configuration })
    }

    /// The settings given; for a new function also those that it must have, guessed from `product`.
    fn settings(&self, product: Option<&Product>) -> Result<Json, Error> {
        let mut settings = json!({});
        if let Some(product) = product {
            settings["Role"] = DEFAULT_ROLE.into();
            if self.runtime.is_none() || self.handler.is_none() {
                let entry = product.entry()?;
                settings["Runtime"] = entry.runtime.into();
                settings["Handler"] = entry.handler.into();
            }
        }
        let mut set = |name: &str, value: Option<Json>| {
            if let Some(value) = value {
                settings[name] = value;
            }
        };
        set("Runtime", self.runtime.clone().map(Json::from));
        set("Handler", self.handler.clone().map(Json::from));
        set("Role", self.role.clone().map(Json::from));
        set("MemorySize", self.memory.map(Json::from));
        set("Timeout", self.timeout.map(Json::from));
        if !self.variables.is_empty() {
            let mut variables = json!({});
            for variable in &self.variables {
                let (name, value) = variable
                    .split_once('=')
                    .ok_or_else(|| Error::Said(format!("--env {variable} is not NAME=VALUE")))?;
                variables[name] = value.into();
            }
            set("Environment", Some(json!({ "Variables": variables })));
        }
        Ok(settings)
    }
}

fn differs(wanted: &Json, known: &Json) -> bool {
    wanted.as_object().is_some_and(|wanted| wanted.iter().any(|(name, value)| known[name] != *value))
}

/// Waits until a function is live.
pub(crate) async fn settle(client: &mut Client, name: &str) -> Result<Json, Error> {
    let path = format!("/2015-03-31/functions/{name}/configuration");
    for _ in 0..POLLS_MAX {
        let answer = client.lambda("GetFunctionConfiguration", Method::GET, &path, &[], "").await?;
        let configuration = parse(&answer.body)?;
        match (configuration["State"].as_str(), configuration["LastUpdateStatus"].as_str()) {
            (Some("Active"), Some("Successful")) => return Ok(configuration),
            (Some("Failed"), _) | (_, Some("Failed")) => {
                let reason = configuration["LastUpdateStatusReason"].as_str().unwrap_or("no reason given");
                return Err(Error::Said(format!("{name} could not be made live: {reason}")));
            }
            _ => tokio::time::sleep(POLL).await,
        }
    }
    Err(Error::Said(format!("{name} does not become active")))
}

pub(crate) fn parse(body: &[u8]) -> Result<Json, Error> {
    serde_json::from_slice(body).map_err(|error| Error::failed("read the platform's answer", error))
}
