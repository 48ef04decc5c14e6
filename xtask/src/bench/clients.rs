//! `cargo xtask bench clients`: warm calls of functions that run on AWS's own, unmodified runtime clients.
//!
//! A call is an HTTP exchange with the platform, and in it one with the client. So the floor is the sum of two medians:
//! a bare HTTP answer of the platform's server, and an event's time at the same client, outside of any sandbox, against
//! a Runtime API that answers at once from memory.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use super::http::Connection;
use super::{Samples, WARM_SAMPLES, build, deploy, pin_clients, plots, run_to_end, start, warm_calls};
use crate::Error;

const GOAL: f64 = 1.3;
/// Events before any counts: caches fill, and compilers compile.
const WARMING: usize = 200;
const PATIENCE: Duration = Duration::from_secs(60);
const PYTHON: &str = "def lambda_handler(event, context):\n    return event\n";
const NODE: &str = "exports.handler = async (event) => event;\n";

/// A package for `provided.al2023` whose `bootstrap` starts the client.
struct Client {
    name: &'static str,
    /// Fills the folder of its package; given the workspace's, too.
    fetch: fn(&Path, &Path) -> Result<(), Error>,
    handler: &'static str,
}

const CLIENTS: &[Client] = &[
    Client { name: "awslambdaric-python", fetch: awslambdaric, handler: "lambda_function.lambda_handler" },
    Client { name: "aws-lambda-ric-node", fetch: aws_lambda_ric, handler: "index.handler" },
    Client { name: "lambda_runtime-rust", fetch: lambda_runtime, handler: "index.handler" },
];

fn awslambdaric(_: &Path, package: &Path) -> Result<(), Error> {
    let mut install = Command::new("/usr/bin/python3");
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target"]);
    run_to_end(install.arg(package.join("client")).arg("awslambdaric==4.2.2"))?;
    fs::write(package.join("lambda_function.py"), PYTHON)?;
    bootstrap(
        package,
        "PYTHONPATH=\"$here/client\" exec /usr/bin/python3 -X utf8 -m awslambdaric \"$_HANDLER\"",
    )
}

fn aws_lambda_ric(_: &Path, package: &Path) -> Result<(), Error> {
    let mut install = Command::new("npm");
    install.args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"]).arg(package);
    run_to_end(install.arg("aws-lambda-ric@3.3.0"))?;
    // What it was built with is larger than a package may be.
    let client = package.join("node_modules/aws-lambda-ric");
    for entry in fs::read_dir(&client)?.flatten().filter(|entry| entry.path().is_dir()) {
        if entry.file_name() != "dist" {
            fs::remove_dir_all(entry.path())?;
        }
    }
    // Links to what is gone.
    fs::remove_dir_all(package.join("node_modules/.bin"))?;
    fs::write(package.join("index.js"), NODE)?;
    let start = "import { run } from './node_modules/aws-lambda-ric/dist/index.mjs';\n\
                 await run(process.cwd(), process.argv[2]);\n";
    fs::write(package.join("start.mjs"), start)?;
    bootstrap(package, "exec /usr/bin/node \"$here/start.mjs\" \"$_HANDLER\"")
}

fn lambda_runtime(root: &Path, package: &Path) -> Result<(), Error> {
    let (manifest, target) =
        (root.join("conformance/languages/rust/Cargo.toml"), root.join("target/bench-rust"));
    let mut build = Command::new("cargo");
    build.args(["build", "--quiet", "--release", "--locked", "--manifest-path"]).arg(manifest);
    run_to_end(build.arg("--target-dir").arg(&target))?;
    fs::copy(target.join("release/bootstrap"), package.join("bootstrap"))?;
    Ok(())
}

fn bootstrap(package: &Path, line: &str) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt as _;
    let path = package.join("bootstrap");
    fs::write(&path, format!("#!/bin/sh\nhere=$(dirname \"$0\")\n{line}\n"))?;
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(0o755))?)
}

pub fn run(root: &Path) -> Result<(), Error> {
    let lambent = build(root)?;
    let work = root.join("target/bench/clients");
    let _ = fs::remove_dir_all(&work);
    fs::create_dir_all(&work)?;
    let mut packages = Vec::<(&Client, PathBuf)>::new();
    for client in CLIENTS {
        // Kept: what is fetched is of a fixed version.
        let package = root.join("target/bench-clients").join(client.name);
        if !package.join("bootstrap").is_file() {
            fs::create_dir_all(&package)?;
            if let Err(error) = (client.fetch)(root, &package) {
                eprintln!("without {}: {error}", client.name);
                continue;
            }
        }
        packages.push((client, package));
    }
    drop(start(&lambent, &work.join("data"), true, false)?);
    pin_clients()?;
    let platform = start(&lambent, &work.join("data"), false, true)?;
    let mut connection = Connection::open(&platform.address)?;
    let mut table = String::from(
        "| warm call on AWS's own client | p50 ms | bare answer ms | event at the client ms | p50 ÷ their sum | to reach |\n\
         |---|---|---|---|---|---|\n",
    );
    for (client, package) in packages {
        deploy(&lambent, &platform, client.name, &package, "provided.al2023")?;
        let warm = warm_calls(&platform, client.name)?.quantile(0.5);
        let echo =
            Samples::take(WARM_SAMPLES, || connection.timed("GET", "/_lambent/health", b""))?.quantile(0.5);
        let event = alone(client, &package)?.quantile(0.5);
        let _ = writeln!(
            table,
            "| {} | {warm:.3} | {echo:.3} | {event:.3} | {:.2} × | ≤ {GOAL} × |",
            client.name,
            warm / (echo + event)
        );
    }
    print!("{table}");
    fs::write(root.join("target/bench-clients.md"), &table)?;
    plots::write(root)
}

/// How long events are at a client that runs by itself, from being sent to being answered.
fn alone(client: &Client, package: &Path) -> Result<Samples, Error> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    let present = fs::read_to_string("/sys/devices/system/cpu/present")?;
    let last_core = present.trim().rsplit(['-', ',']).next().unwrap_or_default().to_owned();
    let mut process = Command::new("taskset")
        // As the platform's, which leaves the first core to clients.
        .args(["-c", &format!("1-{last_core}")])
        .arg(package.join("bootstrap"))
        .current_dir(package)
        .env_clear()
        .envs([("PATH", "/usr/local/bin:/usr/bin:/bin"), ("LANG", "en_US.UTF-8"), ("TZ", ":UTC")])
        .envs([
            ("_HANDLER", client.handler),
            ("AWS_REGION", "us-east-1"),
            ("AWS_DEFAULT_REGION", "us-east-1"),
        ])
        .envs([("AWS_LAMBDA_FUNCTION_NAME", "f"), ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")])
        .envs([("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1769"), ("AWS_LAMBDA_LOG_GROUP_NAME", "g")])
        .envs([("AWS_LAMBDA_LOG_STREAM_NAME", "s"), ("AWS_LAMBDA_RUNTIME_API", address.as_str())])
        .env("LAMBDA_TASK_ROOT", package)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()?;
    let (told, answered) = mpsc::channel();
    let (asked, events) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (told, asked) = (told.clone(), asked.clone());
            // Ends with the client.
            std::thread::spawn(move || {
                let _ = serve(&stream, &asked, &told);
            });
        }
    });
    let samples = collect(&events, &answered);
    process.kill()?;
    process.wait()?;
    samples
}

fn collect(asked: &Receiver<Instant>, answered: &Receiver<Instant>) -> Result<Samples, Error> {
    let one = || -> Result<Duration, Error> {
        let began = asked.recv_timeout(PATIENCE)?;
        Ok(answered.recv_timeout(PATIENCE)?.duration_since(began))
    };
    for _ in 0..WARMING {
        one()?;
    }
    Samples::take(WARM_SAMPLES, one)
}

/// A connection to the Runtime API: each poll is answered with an event, and each answer with thanks.
fn serve(stream: &TcpStream, asked: &Sender<Instant>, answered: &Sender<Instant>) -> Result<(), Error> {
    stream.set_nodelay(true)?;
    let (mut reader, mut writer) = (BufReader::new(stream), stream);
    let mut line = String::new();
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let (is_poll, mut length, mut is_chunked) = (line.starts_with("GET "), 0, false);
        loop {
            line.clear();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse()?;
            }
            is_chunked |= name.eq_ignore_ascii_case("transfer-encoding");
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        while is_chunked {
            line.clear();
            reader.read_line(&mut line)?;
            let chunk = usize::from_str_radix(line.trim(), 16)?;
            reader.read_exact(&mut vec![0; chunk + 2])?;
            is_chunked = chunk > 0;
        }
        if is_poll {
            asked.send(Instant::now())?;
            writer.write_all(EVENT)?;
        } else {
            answered.send(Instant::now())?;
            writer.write_all(THANKS)?;
        }
    }
}

const EVENT: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\
    Lambda-Runtime-Aws-Request-Id: 00000000-0000-4000-8000-000000000000\r\n\
    Lambda-Runtime-Deadline-Ms: 4102444800000\r\n\
    Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:000000000000:function:f\r\n\
    Lambda-Runtime-Trace-Id: Root=1-00000000-000000000000000000000000;Sampled=0\r\nContent-Length: 2\r\n\r\n{}";
const THANKS: &[u8] =
    b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"status\":\"OK\"}\n";
