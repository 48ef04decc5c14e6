//! `lambent env`: for `eval "$(lambent env)"`.

use clap::Args;
use serde_json::json;

use crate::{Client, Common, Done, Error};

#[derive(Args)]
pub struct Flags {
    #[command(flatten)]
    common: Common,
}

pub(crate) fn run(flags: &Flags) -> Result<Done, Error> {
    let client = Client::new(&flags.common)?;
    let variables = [
        ("AWS_ENDPOINT_URL", client.endpoint()),
        ("AWS_REGION", "us-east-1"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "any"),
        ("AWS_SECRET_ACCESS_KEY", "any"),
    ];
    if flags.common.json {
        println!(
            "{}",
            variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), json!(value)))
                .collect::<serde_json::Value>()
        );
    } else {
        variables.iter().for_each(|(name, value)| println!("export {name}={value}"));
    }
    Ok(Done::Well)
}
