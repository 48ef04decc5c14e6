//! `target/protocol-cases`: Smithy's published protocol cases, as the source distribution of botocore carries them.
//!
//! They are read where they are fetched and never committed: 600 cases of somebody else's, in JSON.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::Error;
use crate::codegen::{BOTOCORE, run};

/// Where the cases lie in the distribution.
const FOLDER: &str = "tests/unit/protocols";

/// Fetches the cases, unless they are there.
pub fn fetch(root: &Path) -> Result<(), Error> {
    let cases = root.join("target/protocol-cases");
    if cases.is_dir() {
        println!("{} is there", cases.display());
        return Ok(());
    }
    let work = root.join("target/protocol-cases-fetch");
    if work.is_dir() {
        fs::remove_dir_all(&work)?;
    }
    fs::create_dir_all(&work)?;
    // pip runs the distribution's build script to learn its name, so that needs its tools: in an environment of its own.
    let venv = work.join("venv");
    run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    let pip = || {
        let mut command = Command::new(venv.join("bin/python"));
        command.args(["-m", "pip", "--quiet", "--disable-pip-version-check"]);
        command
    };
    run(pip().args(["install", "setuptools", "wheel"]))?;
    let requirement = format!("botocore=={BOTOCORE}");
    let wanted =
        ["--no-deps", "--no-binary", ":all:", "--no-build-isolation", requirement.as_str(), "--dest"];
    run(pip().arg("download").args(wanted).arg(&work))?;
    let archive = work.join(format!("botocore-{BOTOCORE}.tar.gz"));
    let member = format!("botocore-{BOTOCORE}/{FOLDER}");
    run(Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(&work).arg(&member))?;
    // Last, and at once: a folder that is there is whole.
    fs::rename(work.join(&member), &cases)?;
    fs::remove_dir_all(&work)?;
    println!("{}", cases.display());
    Ok(())
}
