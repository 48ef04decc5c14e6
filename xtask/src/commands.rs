//! `check` and `ci`: what must hold before a change is handed over.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::Error;

/// Fast: format, lints, tidy and the generated files.
pub fn check(root: &Path) -> Result<(), Error> {
    step(root, "format", &["cargo", "fmt", "--all", "--check"])?;
    step(
        root,
        "lints",
        &["cargo", "clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"],
    )?;
    step(root, "tidy", &["cargo", "test", "--quiet", "--package", "xtask"])
}

/// Everything CI runs, in its order.
pub fn ci(root: &Path) -> Result<(), Error> {
    // A test asks cargo where a dependency's sources are, which needs all that the lock file names.
    step(root, "fetch", &["cargo", "fetch", "--quiet"])?;
    check(root)?;
    crate::protocol_cases::fetch(root)?;
    step(root, "tests", &["cargo", "test", "--workspace", "--exclude", "xtask"])?;
    step(root, "bootstraps", &["/usr/bin/python3", "conformance/bootstraps/test_bootstraps.py"])?;
    step(root, "Ruby's bootstrap", &["/usr/bin/python3", "conformance/bootstraps/test_ruby.py"])?;
    step(root, "release build", &["cargo", "build", "--quiet", "--release", "--package", "server"])?;
    step(root, "conformance", &["sh", "conformance/run.sh"])
}

/// Seeds without end, or one.
pub fn sim(root: &Path, arguments: &[&str]) -> Result<(), Error> {
    let run = ["cargo", "run", "--quiet", "--package", "sim", "--"];
    step(root, "simulation", &[&run, arguments].concat())
}

/// What has the compiler count which branches an input takes, and tell what it compares.
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing";

/// Has a fuzzer look for bytes at which a target of `hostile` fails, for so many seconds; 0 for no end.
pub fn fuzz(root: &Path, target: &str, seconds: &str) -> Result<(), Error> {
    // The versions that the product has.
    fs::copy(root.join("Cargo.lock"), root.join("fuzz/Cargo.lock"))?;
    let machine = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    // With a target of its own, so that build scripts and macros are not counted too.
    let build = ["cargo", "build", "--quiet", "--release", "--manifest-path", "fuzz/Cargo.toml"];
    let build = [&build[..], &["--target-dir", "target/fuzz", "--target", &machine]].concat();
    step_with(root, "build", &build, &[("RUSTFLAGS", COVERAGE)])?;
    let (kept, seeds) = (format!("target/fuzz/corpus/{target}"), format!("fuzz/corpus/{target}"));
    fs::create_dir_all(root.join(&kept))?;
    let program = format!("target/fuzz/{machine}/release/fuzz");
    let (time, found) =
        (format!("-max_total_time={seconds}"), format!("-artifact_prefix=target/fuzz/{target}-"));
    let run = [&program, &kept, &seeds, &time, &found, "-max_len=4096", "-timeout=30", "-rss_limit_mb=4096"];
    step_with(root, target, &run, &[("LAMBENT_FUZZ", target)])
}

fn step(root: &Path, name: &str, command: &[&str]) -> Result<(), Error> {
    step_with(root, name, command, &[])
}

fn step_with(root: &Path, name: &str, command: &[&str], set: &[(&str, &str)]) -> Result<(), Error> {
    let began = Instant::now();
    println!("== {name}: {}", command.join(" "));
    let (program, arguments) = command.split_first().ok_or("a step has a command")?;
    let status =
        Command::new(program).args(arguments).envs(set.iter().copied()).current_dir(root).status()?;
    if !status.success() {
        return Err(format!("{name} failed: {status}").into());
    }
    println!("== {name}: done in {:.0} s", began.elapsed().as_secs_f64());
    Ok(())
}
