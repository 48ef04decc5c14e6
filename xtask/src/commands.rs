//! `check` and `ci`: what must hold before a change is handed over.

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

fn step(root: &Path, name: &str, command: &[&str]) -> Result<(), Error> {
    let began = Instant::now();
    println!("== {name}: {}", command.join(" "));
    let (program, arguments) = command.split_first().ok_or("a step has a command")?;
    let status = Command::new(program).args(arguments).current_dir(root).status()?;
    if !status.success() {
        return Err(format!("{name} failed: {status}").into());
    }
    println!("== {name}: done in {:.0} s", began.elapsed().as_secs_f64());
    Ok(())
}
