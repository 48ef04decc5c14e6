//! SnapStart: a start from a snapshot beside a bare interpreter.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use super::http::Connection;
use super::{COLD_SAMPLES, PYTHON_FLOOR, Platform, Samples, deploy, invoke_path, is_settled, run_to_end};
use crate::Error;

const NAME: &str = "snapstart-boto3";
const PAUSE: Duration = Duration::from_millis(300);
const SETTLES_WITHIN: Duration = Duration::from_secs(60);

/// Starts from a snapshot of a function that makes a boto3 client, and bare interpreters, one before each.
pub fn starts(root: &Path, lambent: &Path, platform: &Platform) -> Result<(Samples, Samples), Error> {
    // The oldest that Lambda takes snapshots of; the nearest on the host runs.
    deploy(lambent, platform, NAME, &root.join("bench/boto3"), "python3.12")?;
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
    let mut bare = Vec::new();
    let restored = Samples::take(COLD_SAMPLES, || {
        connection.expect("POST", &version, b"\"exit\"")?;
        // The end of the last environment, and the next copy, are not to be measured with the start.
        std::thread::park_timeout(PAUSE);
        let began = Instant::now();
        run_to_end(Command::new(PYTHON_FLOOR[0]).args(&PYTHON_FLOOR[1..]).env_clear())?;
        bare.push(began.elapsed());
        connection.timed("POST", &version, b"{}")
    })?;
    let mut bare = bare.into_iter();
    Ok((restored, Samples::take(COLD_SAMPLES, || bare.next().ok_or_else(|| "one floor a sample".into()))?))
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
