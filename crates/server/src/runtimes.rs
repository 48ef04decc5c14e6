//! `lambent runtimes`: the languages found here, and the client that Java's needs fetched.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::{Args, Subcommand, ValueEnum};
use execution::{Hosted, Language, Runtimes};

use crate::{Error, java_archive, settings};

/// What is fetched, in fixed versions.
const POM: &str = include_str!("../../../runtimes/java/pom.xml");
const COPY: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";

#[derive(Args)]
pub struct Flags {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Args)]
struct Place {
    /// The platform's data folder [default: ~/.local/share/lambent]
    #[arg(long, env = "LAMBENT_DATA", value_name = "FOLDER", global = true)]
    data: Option<PathBuf>,
    /// Folder of interpreters and clients [default: DATA/runtimes]
    #[arg(long, env = "LAMBENT_RUNTIMES", value_name = "FOLDER", global = true)]
    runtimes: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Action {
    /// List the languages found
    List,
    /// Fetch what a language's functions need besides its interpreter
    Install {
        #[arg(value_enum)]
        language: Installable,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Installable {
    /// AWS's runtime interface client, from Maven Central, with the host's mvn
    Java,
    /// AWS's SDK for Python, from PyPI, with the host's pip: Lambda's own Python has it
    Boto3,
}

/// # Errors
/// When there is no folder to look into, or something can't be fetched.
pub fn run(flags: Flags) -> Result<(), Error> {
    let folder = settings::runtimes_folder(flags.place.data, flags.place.runtimes)?;
    match flags.action.unwrap_or(Action::List) {
        Action::List => list(&folder),
        Action::Install { language: Installable::Java } => install_java(&folder)?,
        Action::Install { language: Installable::Boto3 } => install_boto3(&folder)?,
    }
    Ok(())
}

fn find(folder: &Path) -> Runtimes {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    Runtimes::find(folder, home.as_deref(), Path::new(""))
}

fn list(folder: &Path) {
    for hosted in find(folder).list() {
        say(&format!("{:<14} {}{}", hosted.to_string(), hosted.program.display(), note(hosted)));
    }
}

/// What is missing for an interpreter that is there.
pub fn note(hosted: &Hosted) -> &'static str {
    if hosted.has_client() { "" } else { " (needs: lambent runtimes install java)" }
}

fn install_java(folder: &Path) -> Result<(), Error> {
    let target = folder.join("java-client");
    let is_there = fs::read_to_string(target.join("pom.xml")).is_ok_and(|pom| pom == POM);
    if is_there {
        say(&format!("{} is there already", target.display()));
    } else {
        fetch(&target, maven).map_err(|error| Error::failed("put the client into its folder", error))??;
        say(&format!("fetched AWS's runtime interface client into {}", target.display()));
    }
    for hosted in find(folder).list().filter(|hosted| hosted.language == Language::Java) {
        match java_archive::write(hosted) {
            Ok(()) => say(&format!("{hosted}: ready")),
            Err(error) => say(&format!("{hosted}: ready, but starts slowly: no archive of classes: {error}")),
        }
    }
    Ok(())
}

fn install_boto3(folder: &Path) -> Result<(), Error> {
    let target = folder.join("boto3");
    fetch(&target, pip).map_err(|error| Error::failed("put boto3 into its folder", error))??;
    say(&format!("fetched boto3 into {}; functions find it from their next start on", target.display()));
    Ok(())
}

fn pip(folder: &Path) -> Result<(), Error> {
    let mut command = Command::new("python3");
    command.args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]);
    command.args(["--no-warn-conflicts", "--target"]).arg(folder).arg("boto3");
    let output = command.output().map_err(|error| Error::failed("start python3", error))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it gave no reason");
    Err(Error::Said(format!("pip ended with {}: {last} (apt-get install python3-pip)", output.status)))
}

/// Fetches beside the target and swaps, so that a platform that runs sees the old or the new, never half.
fn fetch(target: &Path, into: impl FnOnce(&Path) -> Result<(), Error>) -> std::io::Result<Result<(), Error>> {
    let staging = target.with_extension(format!("staging-{}", std::process::id()));
    fs::create_dir_all(&staging)?;
    let fetched = into(&staging);
    if fetched.is_err() {
        fs::remove_dir_all(&staging)?;
        return Ok(fetched);
    }
    let old = target.with_extension(format!("old-{}", std::process::id()));
    if target.is_dir() {
        fs::rename(target, &old)?;
    }
    fs::rename(&staging, target)?;
    if old.is_dir() {
        fs::remove_dir_all(&old)?;
    }
    Ok(Ok(()))
}

fn maven(folder: &Path) -> Result<(), Error> {
    fs::write(folder.join("pom.xml"), POM)
        .map_err(|error| Error::failed("write the list of what to fetch", error))?;
    let output = Command::new("mvn")
        .args(["--batch-mode", "--quiet", "--file", "pom.xml", COPY, "-DoutputDirectory=lib"])
        .current_dir(folder)
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Error::Said(
                "Maven fetches it, and there is no mvn here: apt-get install maven".to_owned(),
            ));
        }
        Err(error) => return Err(Error::failed("start mvn", error)),
    };
    if output.status.success() && folder.join("lib").is_dir() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let first = said.lines().find(|line| line.contains("ERROR")).unwrap_or("it gave no reason");
    Err(Error::Said(format!("mvn ended with {}: {first}", output.status)))
}

/// Prints a line, if anybody still reads.
fn say(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout(), "{line}");
}
