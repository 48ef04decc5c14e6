//! `lambent doctor`: what this machine can do, line by line, with the fix.

use std::path::PathBuf;

use clap::Args;
use execution::{Language, Runtimes};
use sandbox::{Finding, Status};

use crate::{Error, settings};

/// Prints a line, if anybody still reads.
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($text)*);
    }};
}

#[derive(Args)]
pub struct Flags {
    /// Folder for what is tried [default: the system's temporary folder]
    #[arg(long, value_name = "FOLDER")]
    scratch: Option<PathBuf>,
    /// The platform's data folder [default: ~/.local/share/lambent]
    #[arg(long, env = "LAMBENT_DATA", value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Folder of interpreters and clients [default: DATA/runtimes]
    #[arg(long, env = "LAMBENT_RUNTIMES", value_name = "FOLDER")]
    runtimes: Option<PathBuf>,
    /// Print JSON, one finding a line
    #[arg(long)]
    json: bool,
}

/// # Errors
/// When the trials can't be run, or something is missing without which nothing runs.
pub fn run(flags: &Flags) -> Result<(), Error> {
    let own = std::env::temp_dir().join(format!("lambent-doctor-{}", std::process::id()));
    let scratch = flags.scratch.clone().unwrap_or_else(|| own.clone());
    let command =
        sandbox_spawner::Command::own().map_err(|error| Error::failed("find this program", error))?;
    let probed = sandbox_namespace::probe(&command, &scratch);
    if flags.scratch.is_none() {
        let _ = std::fs::remove_dir_all(&own);
    }
    let mut findings = probed.map_err(|error| Error::failed("try what this machine can do", error))?;
    findings.extend(languages(flags.data.clone(), flags.runtimes.clone()));
    for finding in &findings {
        if flags.json {
            say!("{}", serde_json::to_string(finding).map_err(|error| Error::failed("write JSON", error))?);
        } else {
            print(finding);
        }
    }
    Ok(())
}

fn languages(data: Option<PathBuf>, folder: Option<PathBuf>) -> Vec<Finding> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    // Without a home there is no default, and nothing is found there.
    let folder = settings::runtimes_folder(data, folder).unwrap_or_default();
    let runtimes = Runtimes::find(&folder, home.as_deref(), &PathBuf::new());
    let finding = |language: Language| {
        let hosted = runtimes.list().filter(|hosted| hosted.language == language).collect::<Vec<_>>();
        let found = hosted.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let (status, detail, fix) = if hosted.is_empty() {
            (Status::Missing, "no interpreter found".to_owned(), language.install())
        } else if language == Language::Python && hosted.iter().all(|hosted| hosted.fetched_sdk().is_none()) {
            let detail = format!("{found}; functions have to bring boto3 with them");
            (Status::Limited, detail, "lambent runtimes install boto3")
        } else if hosted.iter().all(|hosted| hosted.has_client()) {
            (Status::Ok, found, "")
        } else {
            let detail = format!("{found}; AWS's runtime interface client is not here yet");
            (Status::Limited, detail, "lambent runtimes install java")
        };
        Finding { name: format!("language {language}"), status, detail, fix: fix.to_owned() }
    };
    Language::ALL.map(finding).to_vec()
}

fn print(finding: &Finding) {
    let mark = match finding.status {
        Status::Ok => "ok     ",
        Status::Limited => "limited",
        Status::Missing => "MISSING",
    };
    say!("{mark}  {:<34} {}", finding.name, finding.detail);
    if !finding.fix.is_empty() && finding.status != Status::Ok {
        say!("         {:<34} fix: {}", "", finding.fix);
    }
}
