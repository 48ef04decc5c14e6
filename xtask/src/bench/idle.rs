//! `cargo xtask bench idle`: what a platform costs while nothing happens, with much deployed on it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use super::http::Connection;
use super::{Platform, build, deploy, memory, python_runtime, resident_kib, start};
use crate::Error;

/// Functions, queues mapped to them, and schedules: of each so many.
const COUNT: u32 = 1000;
/// Until what was made has come to rest, and for how long it is watched then.
const SETTLED: Duration = Duration::from_secs(20);
const WATCHED: Duration = Duration::from_secs(60);
/// In which the kernel tells processors' time.
const TICKS_PER_S: f64 = 100.0;

pub fn run(root: &Path) -> Result<(), Error> {
    let lambent = build(root)?;
    let work = root.join("target/bench/idle");
    let _ = fs::remove_dir_all(&work);
    fs::create_dir_all(&work)?;
    let mut table = String::from("| | resident | share of a core | to reach |\n|---|---|---|---|\n");
    for (what, is_full, goal) in [
        (format!("{COUNT} functions"), false, "≤ 60 MiB, < 0.3 %"),
        (format!("… and {COUNT} mappings of queues, {COUNT} schedules"), true, "< 0.5 %"),
    ] {
        let platform = start(&lambent, &work.join(format!("data-{is_full}")), false, false)?;
        fill(root, &lambent, &platform, is_full)?;
        std::thread::park_timeout(SETTLED);
        let share = watch(&platform)?;
        let resident = resident_kib(platform.child.id())? as f64 / 1024.0;
        let _ = writeln!(table, "| {what} | {resident:.1} MiB | {:.2} % | {goal} |", share * 100.0);
    }
    print!("{table}");
    fs::write(root.join("target/bench-idle.md"), table)?;
    Ok(())
}

fn fill(root: &Path, lambent: &Path, platform: &Platform, is_full: bool) -> Result<(), Error> {
    let (runtime, source) = (python_runtime()?, root.join("examples/hello-python"));
    let mut connection = Connection::open(&platform.address)?;
    for number in 0..COUNT {
        let name = format!("idle-{number}-python");
        deploy(lambent, platform, &name, &source, &runtime)?;
        if !is_full {
            continue;
        }
        connection.json("AmazonSQS.CreateQueue", &json!({ "QueueName": name }))?;
        let queue = format!("arn:aws:sqs:us-east-1:000000000000:{name}");
        let mapping = json!({ "FunctionName": name, "EventSourceArn": queue });
        connection.expect("POST", "/2015-03-31/event-source-mappings/", mapping.to_string().as_bytes())?;
        let target = format!("arn:aws:lambda:us-east-1:000000000000:function:{name}");
        let schedule = json!({
            "ScheduleExpression": "cron(0 6 1 1 ? *)", "FlexibleTimeWindow": { "Mode": "OFF" },
            "Target": { "Arn": target, "RoleArn": "arn:aws:iam::000000000000:role/bench" },
        });
        connection.expect("POST", &format!("/schedules/{name}"), schedule.to_string().as_bytes())?;
    }
    Ok(())
}

/// The share of a core that the platform and everything below it take.
fn watch(platform: &Platform) -> Result<f64, Error> {
    let (began, before) = (Instant::now(), ticks(platform)?);
    std::thread::park_timeout(WATCHED);
    Ok((ticks(platform)? - before) as f64 / TICKS_PER_S / began.elapsed().as_secs_f64())
}

fn ticks(platform: &Platform) -> Result<u64, Error> {
    let mut pids = memory::below(platform.child.id())?;
    pids.push(platform.child.id());
    let of_one = |pid: &u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let mut fields = stat.rsplit(") ").next()?.split(' ').skip(11);
        Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
    };
    Ok(pids.iter().filter_map(of_one).sum())
}
