//! `cargo xtask bench languages`: cold starts of Java and Ruby, beside their bare interpreters.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{build, cold, deploy, plots, row, run_to_end, start_with};
use crate::Error;

/// Of a JVM that waited, to the bare one.
const JAVA_GOAL: f64 = 0.5;
const HELLO: &str =
    "public class Hello { public static void main(String[] a) { System.out.println(\"Hello\"); } }";
/// The bare interpreter, with all that it loads by itself.
const RUBY_FLOOR: &[&str] = &["/usr/bin/ruby", "-e", "0"];
/// The oldest that Lambda has; the host's runs.
const RUBY_RUNTIME: &str = "ruby3.3";

pub fn run(root: &Path) -> Result<(), Error> {
    let lambent = build(root)?;
    let work = root.join("target/bench/languages");
    let _ = fs::remove_dir_all(&work);
    fs::create_dir_all(&work)?;
    // Fetched once, and kept.
    let runtimes = root.join("target/bench-runtimes");
    let java = java(root, &lambent, &runtimes, &work);
    let java = java.inspect_err(|error| eprintln!("without Java: {error}")).ok();
    let runtimes = runtimes.to_string_lossy();
    let flags = ["--runtimes", &runtimes];
    let ready = start_with(&lambent, &work.join("ready"), true, false, &flags)?;
    let none =
        start_with(&lambent, &work.join("none"), true, false, &[&flags[..], &["--ahead-max", "0"]].concat())?;
    let mut table = String::from(
        "| | p50 ms | p99 ms | floor | p50 ÷ floor's p50 | to reach |\n|---|---|---|---|---|---|\n",
    );
    let mut steps = cold::steps_heading();
    let ruby = Some((root.join("examples/hello-ruby"), RUBY_RUNTIME.to_owned()));
    let classes = work.join("floor").to_string_lossy().into_owned();
    let java_floor = ["/usr/bin/java", "-cp", classes.as_str(), "Hello"];
    for (name, function, floor, called, goal) in [
        ("hello-java", java, &java_floor[..], "`java Hello`", JAVA_GOAL),
        ("hello-ruby", ruby, RUBY_FLOOR, "`ruby -e 0`", f64::NAN),
    ] {
        let Some((source, runtime)) = function else { continue };
        for (platform, what, goal) in [(&ready, "", goal), (&none, ", no runtime started ahead", f64::NAN)] {
            deploy(&lambent, platform, name, &source, &runtime)?;
            let (cold, bare) = cold::starts(platform, name, floor)?;
            row(&mut table, &format!("cold start, {name}{what}"), &cold, &(called.to_owned(), bare), goal);
            steps.push_str(&cold::steps(platform, name, &format!("{name}{what}"))?);
        }
    }
    table.push_str(&steps);
    print!("{table}");
    fs::write(root.join("target/bench-languages.md"), &table)?;
    plots::write(root)
}

/// Fetches AWS's client and compiles the example, and the floor; the example's folder and runtime.
fn java(root: &Path, lambent: &Path, runtimes: &Path, work: &Path) -> Result<(PathBuf, String), Error> {
    run_to_end(Command::new(lambent).args(["runtimes", "install", "java", "--runtimes"]).arg(runtimes))?;
    let (floor, example) = (work.join("floor"), work.join("java"));
    fs::create_dir_all(&floor)?;
    fs::write(floor.join("Hello.java"), HELLO)?;
    run_to_end(Command::new("javac").arg("-d").arg(&floor).arg(floor.join("Hello.java")))?;
    let classes = format!("{}/java-client/lib/*", runtimes.display());
    let source = root.join("examples/hello-java/src/main/java/example/Hello.java");
    run_to_end(Command::new("javac").args(["-cp", &classes, "-d"]).arg(&example).arg(source))?;
    // `openjdk version "17.0.15" 2025-04-15`
    let output = Command::new("/usr/bin/java").arg("-version").output()?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let version = text.split('"').nth(1).ok_or("Java tells its version")?;
    Ok((example, format!("java{}", version.split('.').next().unwrap_or_default())))
}
