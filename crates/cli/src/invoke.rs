//! `lambent invoke NAME`: the answer on standard output, all else on standard error.

use std::io::Read as _;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use clap::Args;
use http::Method;
use serde_json::{Value as Json, json};

use crate::{Client, Common, Done, Error};

#[derive(Args)]
pub struct Flags {
    /// The function's name
    name: String,
    /// The event, as JSON
    #[arg(long, short, value_name = "JSON", conflicts_with = "file")]
    data: Option<String>,
    /// A file with the event; - is standard input
    #[arg(long, short, value_name = "FILE")]
    file: Option<String>,
    /// Print the call's log too
    #[arg(long, short)]
    log: bool,
    #[command(flatten)]
    common: Common,
}

pub(crate) async fn run(flags: Flags) -> Result<Done, Error> {
    let mut client = Client::new(&flags.common)?;
    let event = event(&flags)?;
    let path = format!("/2015-03-31/functions/{}/invocations", flags.name);
    let began = Instant::now();
    let answer = client.lambda("Invoke", Method::POST, &path, &[("x-amz-log-type", "Tail")], event).await?;
    let took_ms = began.elapsed().as_secs_f64() * 1000.0;
    let header = |name: &str| answer.headers.get(name).and_then(|value| value.to_str().ok());
    let log = header("x-amz-log-result").and_then(|log| BASE64.decode(log).ok()).unwrap_or_default();
    let log = String::from_utf8_lossy(&log).into_owned();
    let failed = header("x-amz-function-error").is_some();
    let payload = String::from_utf8_lossy(&answer.body);
    if flags.common.json {
        let payload = serde_json::from_str::<Json>(&payload).unwrap_or_else(|_| payload.as_ref().into());
        say!("{}", json!({ "payload": payload, "failed": failed, "log": log, "ms": took_ms }));
    } else {
        say!("{payload}");
        let cold = if log.contains("Init Duration:") { "cold" } else { "warm" };
        if flags.log {
            eprint!("{log}");
        }
        eprintln!("{} {cold}, {took_ms:.1} ms", if failed { "the function failed;" } else { "ok;" });
    }
    Ok(if failed { Done::FunctionFailed } else { Done::Well })
}

fn event(flags: &Flags) -> Result<String, Error> {
    if let Some(data) = &flags.data {
        return Ok(data.clone());
    }
    let Some(file) = &flags.file else { return Ok("{}".to_owned()) };
    let read = if file == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(file)
    };
    read.map_err(|error| Error::failed(format!("read {file}"), error))
}
