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

/// What became of a call.
pub(crate) struct Called {
    /// As the function wrote it.
    pub payload: String,
    /// The function answered an error.
    pub failed: bool,
    /// The end of the call's log.
    pub log: String,
    /// From the request to the answer, at the caller's side.
    pub ms: f64,
}

impl Called {
    pub(crate) fn json(&self) -> Json {
        serde_json::from_str(&self.payload).unwrap_or_else(|_| self.payload.as_str().into())
    }

    /// What the log's REPORT says of INIT, in milliseconds; a call of an environment that was there says nothing.
    pub(crate) fn init_ms(&self) -> Option<f64> {
        let (_, rest) = self.log.split_once("Init Duration: ")?;
        rest.split(' ').next()?.parse().ok()
    }
}

/// Calls a function and waits for its answer. `name` may have a qualifier.
///
/// # Errors
/// The platform's refusal, or that it can't be reached; not what the function fails with.
pub(crate) async fn call(client: &mut Client, name: &str, event: String) -> Result<Called, Error> {
    let path = format!("/2015-03-31/functions/{name}/invocations");
    let began = Instant::now();
    let answer = client.lambda("Invoke", Method::POST, &path, &[("x-amz-log-type", "Tail")], event).await?;
    let ms = began.elapsed().as_secs_f64() * 1000.0;
    let header = |name: &str| answer.headers.get(name).and_then(|value| value.to_str().ok());
    let log = header("x-amz-log-result").and_then(|log| BASE64.decode(log).ok()).unwrap_or_default();
    Ok(Called {
        failed: header("x-amz-function-error").is_some(),
        payload: String::from_utf8_lossy(&answer.body).into_owned(),
        log: String::from_utf8_lossy(&log).into_owned(),
        ms,
    })
}

pub(crate) async fn run(flags: Flags) -> Result<Done, Error> {
    let mut client = Client::new(&flags.common)?;
    let called = call(&mut client, &flags.name, event(&flags)?).await?;
    let Called { payload, failed, log, ms } = &called;
    if flags.common.json {
        say!("{}", json!({ "payload": called.json(), "failed": failed, "log": log, "ms": ms }));
    } else {
        say!("{payload}");
        if flags.log {
            eprint!("{log}");
        }
        let cold = if called.init_ms().is_some() { "cold" } else { "warm" };
        eprintln!("{} {cold}, {ms:.1} ms", if *failed { "the function failed;" } else { "ok;" });
    }
    Ok(if called.failed { Done::FunctionFailed } else { Done::Well })
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
