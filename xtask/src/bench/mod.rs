//! `cargo xtask bench`: cold starts, warm calls and throughput, each beside its floor from the same run.
//!
//! The method is told in `docs/benchmarks.md`; the table goes to standard output and `target/bench.md`.

mod alias;
pub mod bursts;
pub mod clients;
mod cold;
pub mod events;
mod flood;
pub mod gateway;
pub mod growth;
mod http;
pub mod idle;
pub mod languages;
mod latency;
mod memory;
mod plots;
mod provisioned;
mod sdk;
pub mod services;
mod snapstart;
mod stream;
mod ten;

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use crate::Error;
use http::Connection;

const HEADING: &str =
    "| | p50 ms | p99 ms | floor | p50 ÷ floor's p50 | to reach |\n|---|---|---|---|---|---|\n";
const COLD_SAMPLES: usize = 30;
/// What cannot be beaten without other means: bare process starts.
const PROCESS_FLOOR: &[&str] = &["/bin/true"];
const PYTHON_FLOOR: &[&str] = &["/usr/bin/python3", "-I", "-S", "-c", "pass"];
const NODE_FLOOR: &[&str] = &["/usr/bin/node", "-e", "0"];
const WARM_SAMPLES: usize = 2000;
const THROUGHPUT_TIME: Duration = Duration::from_secs(3);

/// A running platform of the bench's own; ends with it.
struct Platform {
    child: Child,
    address: String,
    ready_in: Duration,
}

impl Drop for Platform {
    fn drop(&mut self) {
        // A polite end, as a user's Ctrl-C; if it is gone already there is nothing to end.
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}

/// Everything, or cold starts alone.
pub fn run(root: &Path, only_cold: bool) -> Result<(), Error> {
    let lambent = build(root)?;
    let work = root.join("target/bench");
    let _ = fs::remove_dir_all(&work);
    fs::create_dir_all(work.join("bootstrap"))?;
    run_to_end(
        Command::new("rustc")
            .args(["--edition", "2024", "-O", "-o"])
            .arg(work.join("bootstrap/bootstrap"))
            .arg(root.join("bench/bootstrap/main.rs")),
    )?;
    // The first start lays out and compiles the bootstraps; the second is what a user sees from then on.
    let data = work.join("data");
    drop(start(&lambent, &data, true, false)?);
    let platform = start(&lambent, &data, false, false)?;
    let idle_kib = resident_kib(platform.child.id())?;
    let mut table = HEADING.to_owned();
    let mut steps = cold::steps_heading();
    // Of the same programs where nothing is started ahead.
    let none = start_with(&lambent, &work.join("none-ahead"), true, false, &["--ahead-max", "0"])?;
    let custom = "provided.al2023".to_owned();
    for (name, source, runtime, floor, goals) in [
        ("hello-python", root.join("examples/hello-python"), python_runtime()?, PYTHON_FLOOR, [0.6, 2.5]),
        ("hello-node", root.join("examples/hello-node"), node_runtime()?, NODE_FLOOR, [0.2, 1.4]),
        ("rust-bootstrap", work.join("bootstrap"), custom, PROCESS_FLOOR, [f64::NAN; 2]),
    ] {
        for (platform, what, goal) in
            [(&platform, "", goals[0]), (&none, ", no runtime started ahead", goals[1])]
        {
            deploy(&lambent, platform, name, &source, &runtime)?;
            let (cold, bare) = cold::starts(platform, name, floor)?;
            let floor = (format!("`{}`", floor.join(" ")), bare);
            row(&mut table, &format!("cold start, {name}{what}"), &cold, &floor, goal);
            steps.push_str(&cold::steps(platform, name, &format!("{name}{what}"))?);
        }
    }
    drop(none);
    if sdk::fetch(&lambent, &data) {
        let (cold, bare) = sdk::starts(root, &lambent, &data, &platform)?;
        let floor = ("`python3` that does the same".to_owned(), bare);
        row(&mut table, "cold start, Python that makes a boto3 client", &cold, &floor, 0.15);
        let (restored, bare) = snapstart::starts(root, &lambent, &platform)?;
        let floor = (format!("`{}`", PYTHON_FLOOR.join(" ")), bare);
        row(&mut table, "the same from a snapshot", &restored, &floor, 0.7);
    }
    let (burst, bare) = ten::at_once(root, &lambent, &platform)?;
    let floor = (format!("`{}`", PYTHON_FLOOR.join(" ")), bare);
    row(&mut table, "10 cold starts at once, Python", &burst, &floor, 4.0);
    if only_cold {
        print!("{table}{steps}");
        return Ok(());
    }
    for name in ["hello-python", "hello-node", "rust-bootstrap"] {
        let (first, warm) = provisioned::first_calls(&platform, name)?;
        let warm = ("warm call after the same idle time".to_owned(), warm);
        row(&mut table, &format!("first call of a provisioned environment, {name}"), &first, &warm, 1.2);
    }
    let (environment_kib, bare_kib) = memory::of_one_more(&platform, &lambent, &work)?;
    let latency = latency::measure(&platform, &lambent, &work)?;
    drop(platform);
    // While clients and platform still have all cores, as the store's floor has.
    let intake = events::intake(root, &lambent, &work)?;
    // From here on the clients have the first core for themselves, and the platform and its functions the others:
    // where two processes that wake each other happen to run would otherwise decide the figures.
    pin_clients()?;
    let platform = start(&lambent, &data, false, true)?;
    let echo = Samples::take(WARM_SAMPLES, {
        let mut connection = Connection::open(&platform.address)?;
        move || connection.timed("GET", "/_lambent/health", b"")
    })?;
    let echo = ("HTTP answer of the same server".to_owned(), echo);
    for (name, goal) in [("hello-python", f64::NAN), ("hello-node", f64::NAN), ("rust-bootstrap", 3.0)] {
        let warm = warm_calls(&platform, name)?;
        row(&mut table, &format!("warm invoke, {name}"), &warm, &echo, goal);
    }
    let (routed, direct) = alias::calls(&platform, "rust-bootstrap")?;
    let direct = ("warm call of one of its versions".to_owned(), direct);
    row(&mut table, "warm invoke by an alias of two versions, rust-bootstrap", &routed, &direct, 1.05);
    gateway::measure(&platform, &lambent, &work, &mut table)?;
    deploy(&lambent, &platform, "streaming", &root.join("bench/streaming"), &node_runtime()?)?;
    let (first, end) = stream::measure(&platform, "streaming")?;
    row(&mut table, "first byte of a stream, Node.js", &first, &echo, f64::NAN);
    row(&mut table, "its end, written 50 ms later", &end, &echo, f64::NAN);
    table.push_str("\n| throughput | environments | requests/s | ÷ echo's |\n|---|---|---|---|\n");
    for clients in [1, 16, 64] {
        let echo =
            http::throughput(&platform.address, clients, THROUGHPUT_TIME, "GET", "/_lambent/health", b"{}")?;
        for name in ["hello-python", "hello-node", "rust-bootstrap"] {
            let path = invoke_path(name);
            // The first round makes the environments.
            http::throughput(&platform.address, clients, Duration::from_secs(1), "POST", &path, b"{}")?;
            let rate = http::throughput(&platform.address, clients, THROUGHPUT_TIME, "POST", &path, b"{}")?;
            let _ = writeln!(table, "| {name} | {clients} | {rate:.0} | {:.3} |", rate / echo);
        }
        let _ = writeln!(table, "| echo (floor) | {clients} | {echo:.0} | 1 |");
    }
    let _ = writeln!(table, "\n| | measured | to reach |\n|---|---|---|");
    let _ = writeln!(table, "| `lambent up` to ready | {} ms | 200 ms |", platform.ready_in.as_millis());
    let _ = writeln!(table, "| resident when idle | {:.1} MiB | 40 MiB |", idle_kib as f64 / 1024.0);
    let _ = writeln!(
        table,
        "| one more idle environment of Python, PSS | {:.1} MiB | a bare interpreter: {:.1} MiB |",
        environment_kib as f64 / 1024.0,
        bare_kib as f64 / 1024.0
    );
    table.push_str(&steps);
    table.push_str(&latency);
    table.push_str(&intake);
    print!("{table}");
    fs::write(root.join("target/bench.md"), &table)?;
    plots::write(root)
}

/// The release binary, built anew; or the one that `LAMBENT_BIN` names.
fn build(root: &Path) -> Result<PathBuf, Error> {
    if let Some(named) = std::env::var_os("LAMBENT_BIN") {
        return Ok(fs::canonicalize(named)?);
    }
    let built = Command::new("cargo")
        .args(["build", "--quiet", "--release", "--package", "server"])
        .current_dir(root)
        .status()?;
    if !built.success() {
        return Err("the platform does not build".into());
    }
    Ok(root.join("target/release/lambent"))
}

/// Lets this process run on the first core only.
fn pin_clients() -> Result<(), Error> {
    run_to_end(Command::new("taskset").args(["-a", "-c", "-p", "0", &std::process::id().to_string()]))
}

fn start(
    lambent: &Path,
    data: &Path,
    wait_for_compiled: bool,
    leave_first_core: bool,
) -> Result<Platform, Error> {
    start_with(lambent, data, wait_for_compiled, leave_first_core, &[])
}

/// With more of the command line's flags.
fn start_with(
    lambent: &Path,
    data: &Path,
    wait_for_compiled: bool,
    leave_first_core: bool,
    flags: &[&str],
) -> Result<Platform, Error> {
    let began = Instant::now();
    // Not the cores that this process may use: it may have given itself just one.
    let present = fs::read_to_string("/sys/devices/system/cpu/present")?;
    let last_core = present.trim().rsplit(['-', ',']).next().unwrap_or_default().to_owned();
    let mut command = Command::new(if leave_first_core { Path::new("taskset") } else { lambent });
    if leave_first_core {
        command.args(["-c", &format!("1-{last_core}")]).arg(lambent);
    }
    let mut child = command
        // AWS's bound on the rate of calls is below what is to be measured.
        .args(["up", "--listen", "127.0.0.1:0", "--log", "error", "--request-rate", "0", "--data"])
        .arg(data)
        .args(flags)
        .stdout(Stdio::piped())
        .spawn()?;
    let mut lines = BufReader::new(child.stdout.take().ok_or("the platform prints")?).lines();
    let banner = lines.next().ok_or("the platform says that it is ready")??;
    let ready_in = began.elapsed();
    let address = banner.rsplit("http://").next().unwrap_or_default().to_owned();
    std::thread::spawn(move || lines.for_each(drop));
    if wait_for_compiled {
        // Until every Python bootstrap is compiled: the folders appear when they are whole.
        let deadline = Instant::now() + Duration::from_secs(20);
        while Instant::now() < deadline && !has_compiled(&data.join("bootstraps")) {
            std::thread::yield_now();
        }
    }
    Ok(Platform { child, address, ready_in })
}

fn has_compiled(bootstraps: &Path) -> bool {
    let Ok(versions) = fs::read_dir(bootstraps) else { return false };
    versions
        .flatten()
        .any(|version| python_runtime().is_ok_and(|runtime| version.path().join(runtime).is_dir()))
}

fn resident_kib(pid: u32) -> Result<u64, Error> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("the kernel tells memory")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// Sorted samples, in milliseconds.
pub struct Samples(Vec<f64>);

impl Samples {
    fn take(count: usize, mut once: impl FnMut() -> Result<Duration, Error>) -> Result<Self, Error> {
        let mut samples =
            (0..count).map(|_| Ok(once()?.as_secs_f64() * 1000.0)).collect::<Result<Vec<_>, Error>>()?;
        samples.sort_by(f64::total_cmp);
        Ok(Self(samples))
    }

    fn quantile(&self, quantile: f64) -> f64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a few thousand samples"
        )]
        self.0[((self.0.len() - 1) as f64 * quantile).round() as usize]
    }
}

fn row(table: &mut String, name: &str, samples: &Samples, floor: &(String, Samples), goal: f64) {
    let (floor_name, floor) = floor;
    let (p50, p99, floor_p50) = (samples.quantile(0.5), samples.quantile(0.99), floor.quantile(0.5));
    let goal = if goal.is_nan() { "–".to_owned() } else { format!("≤ {goal} ×") };
    let _ = writeln!(
        table,
        "| {name} | {p50:.2} | {p99:.2} | {floor_name}: {floor_p50:.2} | {:.2} × | {goal} |",
        p50 / floor_p50
    );
}

fn python_runtime() -> Result<String, Error> {
    let program = fs::canonicalize("/usr/bin/python3")?;
    Ok(program.file_name().and_then(|name| name.to_str()).ok_or("python3 has a name")?.to_owned())
}

fn node_runtime() -> Result<String, Error> {
    let output = Command::new("/usr/bin/node").arg("--version").output()?;
    let version = String::from_utf8(output.stdout)?;
    let major = version.trim_start_matches('v').split('.').next().unwrap_or_default().to_owned();
    Ok(format!("nodejs{major}.x"))
}

fn deploy(
    lambent: &Path,
    platform: &Platform,
    name: &str,
    source: &Path,
    runtime: &str,
) -> Result<(), Error> {
    let endpoint = format!("http://{}", platform.address);
    run_to_end(
        Command::new(lambent)
            .arg("deploy")
            .arg(source)
            .args(["--name", name, "--runtime", runtime, "--endpoint", &endpoint])
            // One whole core: what is measured is the platform, not the share of the processor that memory buys.
            .args(["--memory", "1769"])
            .args(match name.rsplit('-').next() {
                Some("python" | "ruby") => ["--handler", "lambda_function.lambda_handler"],
                Some("java") => ["--handler", "example.Hello"],
                _ => ["--handler", "index.handler"],
            }),
    )
}

fn run_to_end(command: &mut Command) -> Result<(), Error> {
    let status = command.stdout(Stdio::null()).stdin(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}").into()) }
}

fn invoke_path(name: &str) -> String {
    format!("/2015-03-31/functions/{name}/invocations")
}

fn is_settled(body: &[u8]) -> bool {
    serde_json::from_slice::<Json>(body).is_ok_and(|body| body["LastUpdateStatus"] == "Successful")
}

fn warm_calls(platform: &Platform, name: &str) -> Result<Samples, Error> {
    let mut connection = Connection::open(&platform.address)?;
    for _ in 0..50 {
        connection.expect("POST", &invoke_path(name), b"{}")?;
    }
    Samples::take(WARM_SAMPLES, || connection.timed("POST", &invoke_path(name), b"{}"))
}
