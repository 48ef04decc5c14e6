//! `lambent env`: for `eval "$(lambent env)"`.
//!
//! Clients outside have to know `AWS_ENDPOINT_URL`, or be given an endpoint: the names of AWS's hosts lead to AWS here, and
//! nobody but sandboxes trusts the platform's authority.

use clap::Args;
use serde_json::json;

use crate::{Client, Common, Done, Error};

#[derive(Args)]
pub struct Flags {
    /// The platform's secrets.json, whose root key `--auth signed` wants
    #[arg(long, value_name = "FILE")]
    secrets: Option<std::path::PathBuf>,
    #[command(flatten)]
    common: Common,
}

pub(crate) fn run(flags: &Flags) -> Result<Done, Error> {
    let client = Client::new(&flags.common)?;
    let (id, secret) = key(flags)?;
    let variables = [
        ("AWS_ENDPOINT_URL", client.endpoint()),
        ("AWS_REGION", "us-east-1"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", id.as_str()),
        ("AWS_SECRET_ACCESS_KEY", secret.as_str()),
    ];
    if flags.common.json {
        say!(
            "{}",
            variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), json!(value)))
                .collect::<serde_json::Value>()
        );
    } else {
        variables.iter().for_each(|(name, value)| say!("export {name}={value}"));
    }
    Ok(Done::Well)
}

/// The root's key, or one that an open platform takes as well as any.
fn key(flags: &Flags) -> Result<(String, String), Error> {
    let Some(path) = &flags.secrets else { return Ok(("any".to_owned(), "any".to_owned())) };
    let text = std::fs::read_to_string(path)
        .map_err(|error| Error::failed(format!("read {}", path.display()), error))?;
    let secrets = serde_json::from_str::<serde_json::Value>(&text)
        .map_err(|error| Error::failed(format!("understand {}", path.display()), error))?;
    let field = |name: &str| secrets[name].as_str().unwrap_or_default().to_owned();
    Ok((field("access_key_id"), field("secret_access_key")))
}
