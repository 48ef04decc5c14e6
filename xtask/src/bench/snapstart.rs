//! SnapStart: a start from a snapshot beside the same function's plain cold start.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use super::http::Connection;
use super::{COLD_SAMPLES, Platform, Samples, deploy, invoke_path, is_settled, run_to_end};
use crate::Error;

const NAME: &str = "snapstart-boto3";
const SETTLES_WITHIN: Duration = Duration::from_secs(60);

/// Starts from a snapshot, and plain ones, of a function that imports boto3; `None` where boto3 cannot be had.
pub fn starts(
    root: &Path,
    work: &Path,
    lambent: &Path,
    platform: &Platform,
) -> Result<Option<(Samples, Samples)>, Error> {
    let package = work.join("boto3");
    fs::create_dir_all(&package)?;
    let mut install = Command::new("python3");
    install
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target"])
        .arg(&package);
    if run_to_end(install.arg("boto3")).is_err() {
        return Ok(None);
    }
    fs::copy(root.join("bench/boto3/index.py"), package.join("index.py"))?;
    // The oldest that Lambda takes snapshots of; the nearest on the host runs.
    deploy(lambent, platform, NAME, &package, "python3.12")?;
    let mut connection = Connection::open(&platform.address)?;
    let configuration = format!("/2015-03-31/functions/{NAME}/configuration");
    let on = json!({ "SnapStart": { "ApplyOn": "PublishedVersions" } }).to_string();
    connection.expect("PUT", &configuration, on.as_bytes())?;
    until(|| Ok(is_settled(&connection.expect("GET", &configuration, b"")?)))?;
    let versions = format!("/2015-03-31/functions/{NAME}/versions");
    let published: Json = serde_json::from_slice(&connection.expect("POST", &versions, b"{}")?)?;
    let number = published["Version"].as_str().ok_or("a version has a number")?;
    let qualified = format!("{configuration}?Qualifier={number}");
    until(|| Ok(is_settled(&connection.expect("GET", &qualified, b"")?)))?;
    let version = format!("{}?Qualifier={number}", invoke_path(NAME));
    let mut plain = Vec::new();
    let restored = Samples::take(COLD_SAMPLES, || {
        let change = json!({ "Description": format!("cold start {}", plain.len()) }).to_string();
        connection.expect("PUT", &configuration, change.as_bytes())?;
        until(|| Ok(is_settled(&connection.expect("GET", &configuration, b"")?)))?;
        connection.expect("POST", &version, b"\"exit\"")?;
        // The end of the last environments is not to be measured with the next start.
        std::thread::park_timeout(Duration::from_millis(150));
        plain.push(connection.timed("POST", &invoke_path(NAME), b"{}")?);
        std::thread::park_timeout(Duration::from_millis(150));
        connection.timed("POST", &version, b"{}")
    })?;
    let mut plain = plain.into_iter();
    let plain = Samples::take(COLD_SAMPLES, || plain.next().ok_or_else(|| "one floor a sample".into()))?;
    Ok(Some((restored, plain)))
}

fn until(mut is_so: impl FnMut() -> Result<bool, Error>) -> Result<(), Error> {
    let began = Instant::now();
    while !is_so()? {
        if began.elapsed() > SETTLES_WITHIN {
            return Err("the function did not settle".into());
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
    Ok(())
}
