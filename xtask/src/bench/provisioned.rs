//! The first call of a provisioned environment, beside a warm call after the same idle time.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::http::Connection;
use super::{COLD_SAMPLES, Platform, Samples, invoke_path};
use crate::Error;

/// Both wait so long before they are called: frozen, as whatever is idle.
const IDLE: Duration = Duration::from_millis(200);

/// First calls, each of an environment of its own, and warm calls of the same version.
pub fn first_calls(platform: &Platform, name: &str) -> Result<(Samples, Samples), Error> {
    let mut connection = Connection::open(&platform.address)?;
    let published = connection.expect("POST", &format!("/2015-03-31/functions/{name}/versions"), b"{}")?;
    let published = serde_json::from_slice::<Json>(&published)?;
    let version = published["Version"].as_str().ok_or("a version has a number")?.to_owned();
    let config = format!("/2019-09-30/functions/{name}/provisioned-concurrency?Qualifier={version}");
    let invoke = format!("{}?Qualifier={version}", invoke_path(name));
    let body = json!({ "ProvisionedConcurrentExecutions": 1 }).to_string();

    let first = Samples::take(COLD_SAMPLES, || {
        connection.expect("PUT", &config, body.as_bytes())?;
        while !is_ready(&connection.expect("GET", &config, b"")?)? {}
        std::thread::park_timeout(IDLE);
        let took = connection.timed("POST", &invoke, b"{}")?;
        connection.expect("DELETE", &config, b"")?;
        Ok(took)
    })?;
    connection.expect("PUT", &config, body.as_bytes())?;
    while !is_ready(&connection.expect("GET", &config, b"")?)? {}
    connection.expect("POST", &invoke, b"{}")?;
    let warm = Samples::take(COLD_SAMPLES, || {
        std::thread::park_timeout(IDLE);
        connection.timed("POST", &invoke, b"{}")
    })?;
    connection.expect("DELETE", &config, b"")?;
    Ok((first, warm))
}

fn is_ready(body: &[u8]) -> Result<bool, Error> {
    match serde_json::from_slice::<Json>(body)?["Status"].as_str() {
        Some("READY") => Ok(true),
        Some("IN_PROGRESS") => Ok(false),
        other => Err(format!("provisioned concurrency is {other:?}").into()),
    }
}
