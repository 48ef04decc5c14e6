//! `cargo xtask bench bursts`: many environments at once, and many idle ones.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, ScopedJoinHandle, park_timeout, scope};
use std::time::{Duration, Instant};

use super::http::Connection;
use super::{
    Platform, Samples, build, deploy, invoke_path, memory, plots, python_runtime, run_to_end, start_with,
};
use crate::Error;

/// Functions that are called at the same moment, none of which has an environment.
const COLD: usize = 1000;
/// Cold starts, one after the other, that tell what one costs.
const SINGLE: usize = 50;
const COLD_GOAL: f64 = 2.0;
/// Clients of a warm function, and what each waits between an answer and its next call: together they leave some of
/// the machine idle.
const WARM: u32 = 50;
const THINKING: Duration = Duration::from_millis(100);
const WATCHED: Duration = Duration::from_secs(5);
/// Environments that another function gains meanwhile.
const BURST: usize = 200;
const BURST_GOAL: f64 = 3.0;
/// Idle environments of one function.
const IDLE: usize = 1000;
const IDLE_GOAL_MIB: f64 = 3.0;
/// Functions whose first call is measured, each with a package that nobody had before.
const PACKAGES: usize = 5;
const SMALL_MIB: usize = 0;
const LARGE_MIB: usize = 240;
/// Packs a handler and so many MiB, of which each KiB is the same, so that little has to be sent.
const PACK: &str = "import os, sys, zipfile\n\
    with zipfile.ZipFile(sys.argv[1], 'w', zipfile.ZIP_DEFLATED, compresslevel=1) as package:\n\
    \x20   package.writestr('lambda_function.py', 'def lambda_handler(event, context):\\n    return 1\\n')\n\
    \x20   for number in range(int(sys.argv[2])): package.writestr(f'{number}.bin', os.urandom(1024) * 1024)\n\
    \x20   package.writestr('own', os.urandom(16))\n";
const STACK_BYTES: usize = 256 * 1024;
/// Calls wait for their turn for as long as it takes.
const FLAGS: &[&str] = &["--environments", "1100", "--concurrency", "1100"];
/// Takes so long that each of many calls needs an environment of its own.
const SLOW: &str = "import time\n\n\ndef lambda_handler(event, context):\n    time.sleep(event)\n";

pub fn run(root: &Path) -> Result<(), Error> {
    let lambent = build(root)?;
    let work = root.join("target/bench/bursts");
    let _ = fs::remove_dir_all(&work);
    fs::create_dir_all(&work)?;
    let mut table = String::from("| | measured | floor | ÷ floor | to reach |\n|---|---|---|---|---|\n");
    cold_starts(root, &lambent, &work, &mut table)?;
    beside_warm_clients(root, &lambent, &work, &mut table)?;
    large_packages(&lambent, &work, &mut table)?;
    idle(&lambent, &work, &mut table)?;
    print!("{table}");
    fs::write(root.join("target/bench-bursts.md"), &table)?;
    plots::write(root)
}

fn platform(lambent: &Path, work: &Path, name: &str) -> Result<Platform, Error> {
    // The first start of all compiles the bootstraps.
    start_with(lambent, &work.join(name), true, false, FLAGS)
}

/// A thousand functions called at once, beside what one cold start takes of the processor.
fn cold_starts(root: &Path, lambent: &Path, work: &Path, table: &mut String) -> Result<(), Error> {
    let platform = platform(lambent, work, "cold")?;
    let source = root.join("examples/hello-python");
    let name = |number: usize| format!("cold-{number}-python");
    for number in 0..COLD + SINGLE {
        deploy(lambent, &platform, &name(number), &source, &python_runtime()?)?;
    }
    let mut connection = Connection::open(&platform.address)?;
    let before = processor_time(&platform)?;
    for number in COLD..COLD + SINGLE {
        connection.expect("POST", &invoke_path(&name(number)), b"{}")?;
    }
    // With what the platform does for a start after its answer.
    park_timeout(Duration::from_secs(1));
    let single = (processor_time(&platform)? - before) / u32::try_from(SINGLE)?;
    let mut took = at_once(&platform, COLD, |connection, number| {
        connection.timed("POST", &invoke_path(&name(number)), b"{}")
    })?;
    took.sort();
    let cores = std::thread::available_parallelism()?.get();
    let floor = single * u32::try_from(COLD)? / u32::try_from(cores)?;
    let all = took.last().copied().unwrap_or_default();
    let _ = writeln!(
        table,
        "| {COLD} cold starts at once, all answered | {:.2} s | {COLD} × {:.2} ms of processor time ÷ {cores} cores: {:.2} s | {:.2} × | ≤ {COLD_GOAL} × |",
        all.as_secs_f64(),
        single.as_secs_f64() * 1000.0,
        floor.as_secs_f64(),
        all.as_secs_f64() / floor.as_secs_f64(),
    );
    Ok(())
}

/// Calls of warm clients, while another function gains environments and while it does not.
fn beside_warm_clients(root: &Path, lambent: &Path, work: &Path, table: &mut String) -> Result<(), Error> {
    let platform = platform(lambent, work, "warm")?;
    deploy(lambent, &platform, "warm-python", &root.join("examples/hello-python"), &python_runtime()?)?;
    deploy(lambent, &platform, "burst-python", &written(work, "slow", SLOW)?, &python_runtime()?)?;
    // Environments for all of them, before anything counts.
    let _ = warm_clients(&platform, Duration::from_secs(2), || Ok(()))?;
    let quiet = warm_clients(&platform, WATCHED, || Ok(()))?;
    let disturbed = warm_clients(&platform, WATCHED, || {
        let body = b"2";
        at_once(&platform, BURST, |connection, _| {
            connection.timed("POST", &invoke_path("burst-python"), body)
        })
        .map(drop)
    })?;
    let (p99, undisturbed) = (disturbed.quantile(0.99), quiet.quantile(0.99));
    let _ = writeln!(
        table,
        "| p99 of {WARM} warm clients while {BURST} environments start | {p99:.2} ms | undisturbed: {undisturbed:.2} ms | {:.2} × | ≤ {BURST_GOAL} × |",
        p99 / undisturbed
    );
    Ok(())
}

/// How long the calls of warm clients took, until both `time` and what is done meanwhile are over.
fn warm_clients(
    platform: &Platform,
    time: Duration,
    meanwhile: impl FnOnce() -> Result<(), Error>,
) -> Result<Samples, Error> {
    let is_over = AtomicBool::new(false);
    let took = scope(|scope| -> Result<Vec<Duration>, Error> {
        let mut clients = Vec::new();
        for number in 0..WARM {
            let is_over = &is_over;
            clients.push(Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, move || {
                let mut took = Vec::new();
                let mut connection =
                    Connection::open(&platform.address).map_err(|error| error.to_string())?;
                // Not all at the same moment.
                park_timeout(THINKING * number / WARM);
                while !is_over.load(Ordering::Relaxed) {
                    let call = connection.timed("POST", &invoke_path("warm-python"), b"{}");
                    took.push(call.map_err(|error| error.to_string())?);
                    park_timeout(THINKING);
                }
                Ok::<_, String>(took)
            })?);
        }
        let began = Instant::now();
        let done = meanwhile();
        park_timeout(time.saturating_sub(began.elapsed()));
        is_over.store(true, Ordering::Relaxed);
        let took = clients.into_iter().map(joined).collect::<Result<Vec<_>, _>>()?;
        done.map(|()| took.concat())
    })?;
    let mut all = took.iter();
    Samples::take(took.len(), || all.next().copied().ok_or_else(|| "one a call".into()))
}

/// The first call of functions with large packages, right after each is active, beside that of small ones.
fn large_packages(lambent: &Path, work: &Path, table: &mut String) -> Result<(), Error> {
    let platform = platform(lambent, work, "packages")?;
    let first_calls = |mib: usize| {
        let mut number = 0;
        Samples::take(PACKAGES, || {
            number += 1;
            let package = work.join("package.zip");
            let pack = ["-c", PACK, &package.to_string_lossy(), &mib.to_string()].map(str::to_owned);
            run_to_end(Command::new("python3").args(pack))?;
            let name = format!("package-{mib}-{number}-python");
            deploy(lambent, &platform, &name, &package, &python_runtime()?)?;
            Connection::open(&platform.address)?.timed("POST", &invoke_path(&name), b"{}")
        })
    };
    let (small, large) = (first_calls(SMALL_MIB)?, first_calls(LARGE_MIB)?);
    let (p50, floor) = (large.quantile(0.5), small.quantile(0.5));
    let _ = writeln!(
        table,
        "| first call of a package of {LARGE_MIB} MiB, right after it is active | {p50:.2} ms | of one of 1 KiB: {floor:.2} ms | {:.2} × | – |",
        p50 / floor
    );
    Ok(())
}

/// Idle environments of one function: what each takes of the memory, and that they take no processor time.
fn idle(lambent: &Path, work: &Path, table: &mut String) -> Result<(), Error> {
    let platform = platform(lambent, work, "idle")?;
    deploy(lambent, &platform, "idle-python", &written(work, "slow", SLOW)?, &python_runtime()?)?;
    Connection::open(&platform.address)?.expect("POST", &invoke_path("idle-python"), b"0")?;
    // So that the last has begun before the first is free.
    let body = b"40";
    at_once(&platform, IDLE, |connection, _| connection.timed("POST", &invoke_path("idle-python"), body))?;
    park_timeout(Duration::from_secs(3));
    let processes = environments(&platform)?;
    // Each is the runtime and the first process of its sandbox.
    let count = (processes.len() / 2) as f64;
    let private = memory::private_kib(&processes) as f64 / 1024.0 / count;
    let proportional = memory::proportional_kib(&processes) as f64 / 1024.0 / count;
    let before = time_of(&processes);
    park_timeout(Duration::from_secs(10));
    let used = time_of(&processes).saturating_sub(before);
    let _ = writeln!(
        table,
        "| {IDLE} idle environments of Python, each: private memory | {private:.2} MiB | PSS: {proportional:.2} MiB | – | ≤ {IDLE_GOAL_MIB} MiB |"
    );
    let _ = writeln!(
        table,
        "| … processor time of all of them in ten seconds | {:.1} ms | – | – | 0 |",
        used.as_secs_f64() * 1000.0
    );
    Ok(())
}

/// The runtimes of a platform and the first processes of their sandboxes.
fn environments(platform: &Platform) -> Result<Vec<u32>, Error> {
    let mut found = Vec::new();
    for pid in memory::below(platform.child.id())? {
        let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        if String::from_utf8_lossy(&command).contains("/var/runtime/bootstrap") {
            found.push(pid);
            found.extend(
                stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(1)?.parse::<u32>().ok()),
            );
        }
    }
    Ok(found)
}

/// What a platform and everything below it have used of the processor, and those that ended have not.
fn processor_time(platform: &Platform) -> Result<Duration, Error> {
    let mut pids = memory::below(platform.child.id())?;
    pids.push(platform.child.id());
    Ok(time_of(&pids))
}

/// By the scheduler's own account, to the nanosecond.
fn time_of(pids: &[u32]) -> Duration {
    let mut total = Duration::ZERO;
    for pid in pids {
        for thread in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
            let text = fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
            let ran = text.split(' ').next().and_then(|nanos| nanos.parse().ok());
            total += Duration::from_nanos(ran.unwrap_or(0));
        }
    }
    total
}

/// Has so many clients, each with a connection that is open already, call at the same moment; how long each waited.
fn at_once(
    platform: &Platform,
    count: usize,
    call: impl Fn(&mut Connection, usize) -> Result<Duration, Error> + Sync,
) -> Result<Vec<Duration>, Error> {
    let ready = Barrier::new(count);
    scope(|scope| {
        let mut clients = Vec::new();
        for number in 0..count {
            let (ready, call) = (&ready, &call);
            clients.push(Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, move || {
                let connection = Connection::open(&platform.address);
                ready.wait();
                connection
                    .and_then(|mut connection| call(&mut connection, number))
                    .map_err(|error| error.to_string())
            })?);
        }
        clients.into_iter().map(joined).collect()
    })
}

fn joined<T>(client: ScopedJoinHandle<'_, Result<T, String>>) -> Result<T, Error> {
    Ok(client.join().map_err(|_| "a client panicked")??)
}

/// A folder with this handler in it.
fn written(work: &Path, name: &str, handler: &str) -> Result<PathBuf, Error> {
    let folder = work.join(name);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("lambda_function.py"), handler)?;
    Ok(folder)
}
