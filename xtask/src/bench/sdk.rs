//! Functions that make a client of AWS's SDK in INIT, which the platform has fetched as its users do.

use std::path::Path;
use std::process::Command;

use super::{Platform, Samples, cold, deploy, python_runtime, run_to_end};
use crate::Error;

const NAME: &str = "client-boto3";
const CLIENT: &str = "import boto3; boto3.client('dynamodb')";

/// Fetches the SDK for platforms on `data`; `false` where it cannot be had.
pub fn fetch(lambent: &Path, data: &Path) -> bool {
    let mut install = Command::new(lambent);
    run_to_end(install.args(["runtimes", "install", "boto3", "--data"]).arg(data)).is_ok()
}

/// Cold starts of such a function, and the bare interpreter that does the same.
pub fn starts(
    root: &Path,
    lambent: &Path,
    data: &Path,
    platform: &Platform,
) -> Result<(Samples, Samples), Error> {
    deploy(lambent, platform, NAME, &root.join("bench/boto3"), &python_runtime()?)?;
    let path = format!("PYTHONPATH={}", data.join("runtimes/boto3").display());
    let bare = ["/usr/bin/env", &path, "AWS_DEFAULT_REGION=us-east-1", "/usr/bin/python3", "-c", CLIENT];
    cold::starts(platform, NAME, &bare)
}
