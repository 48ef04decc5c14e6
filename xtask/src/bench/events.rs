//! How fast events are taken in, beside what the store itself can write.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::flood::flood;
use super::{Connection, THROUGHPUT_TIME, build, deploy, python_runtime, start};
use crate::Error;

/// Runs for as long as it may, so that draining the queue costs next to nothing while it is filled.
const SLEEPER: &str = "import time\n\n\ndef lambda_handler(event, context):\n    time.sleep(900)\n";
const CLIENTS: usize = 64;
/// Of an event, as JSON; the floor's rows are as large.
const EVENT_BYTES: usize = 1000;
const GOAL: f64 = 0.7;

/// This row alone.
pub fn run(root: &Path) -> Result<(), Error> {
    let lambent = build(root)?;
    let work = root.join("target/bench-events");
    let _ = fs::remove_dir_all(&work);
    fs::create_dir_all(&work)?;
    drop(start(&lambent, &work.join("events"), true, false)?);
    print!("{}", intake(root, &lambent, &work)?);
    Ok(())
}

/// Events per second that 64 clients have acknowledged durable, and their share of the store's own durable writes, as
/// a table.
pub fn intake(root: &Path, lambent: &Path, work: &Path) -> Result<String, Error> {
    let floor = store_rate(root, work)?;
    // A platform of its own, which takes what it would still have to run with it.
    let platform = start(lambent, &work.join("events"), false, false)?;
    let source = work.join("sleeper");
    fs::create_dir_all(&source)?;
    fs::write(source.join("lambda_function.py"), SLEEPER)?;
    deploy(lambent, &platform, "sleeper-python", &source, &python_runtime()?)?;
    let mut connection = Connection::open(&platform.address)?;
    let configuration = "/2015-03-31/functions/sleeper-python/configuration";
    connection.expect("PUT", configuration, br#"{"Timeout":900}"#)?;
    while !super::is_settled(&connection.expect("GET", configuration, b"")?) {}
    let event = format!("\"{}\"", "e".repeat(EVENT_BYTES - 2));
    let path = "/2014-11-13/functions/sleeper-python/invoke-async";
    let rate = flood(&platform.address, CLIENTS, THROUGHPUT_TIME, "POST", path, event.as_bytes())?;
    let mut table = String::from(
        "\n| | events/s | store's durable writes/s | share | to reach |\n|---|---|---|---|---|\n",
    );
    let _ = writeln!(
        table,
        "| events acknowledged durable, {CLIENTS} clients | {rate:.0} | {floor:.0} | {:.2} | ≥ {GOAL} |",
        rate / floor
    );
    Ok(table)
}

/// Durable writes per second of as many writers on the bare store.
fn store_rate(root: &Path, work: &Path) -> Result<f64, Error> {
    let output = Command::new("cargo")
        .args(["run", "--quiet", "--release", "--package", "kv-disk", "--example", "throughput", "--"])
        .arg(work.join("floor"))
        .arg("floor")
        .current_dir(root)
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    let last = text.lines().last().unwrap_or_default();
    last.trim().parse().map_err(|_| format!("the store's floor can't be measured: {text}").into())
}
