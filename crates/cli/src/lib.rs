//! The commands that talk to a running platform, through the public API alone.
//!
//! Exit codes: 0 done, 1 the request failed, 2 the command line was wrong, 3 the function itself failed.

#![expect(clippy::disallowed_methods, reason = "a client at the user's side: it waits by the user's clock")]

/// Prints a line on standard output. A reader that has left, as `head` does, ends the command without a fuss.
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        if writeln!(std::io::stdout(), $($text)*).is_err() {
            std::process::exit(0);
        }
    }};
}

mod built;
mod client;
mod deploy;
mod dev;
mod environment;
mod function;
mod invoke;
mod logs;
mod mail;
mod package;
mod tour;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use client::Client;

/// Where the platform is, and how to print.
#[derive(Args, Clone, Debug)]
struct Common {
    /// The platform's endpoint
    #[arg(long, env = "AWS_ENDPOINT_URL", default_value = "http://127.0.0.1:4566", value_name = "URL")]
    endpoint: String,
    /// Print JSON for scripts
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand)]
pub enum Command {
    /// Zip a folder or a file and create or update its function
    Deploy(deploy::Flags),
    /// Call a function and print its answer
    Invoke(invoke::Flags),
    /// Print a function's log
    Logs(logs::Flags),
    /// List the mails that were sent with SES, or show one
    Mail(mail::Flags),
    /// Deploy a folder at every save, and print the log of every call
    Dev(dev::Flags),
    /// Show the six mistakes that functions are usually written with, each happening and cured
    ///
    /// Deploys small functions whose names begin with `tour-`, calls them, prints what came of it, and takes away
    /// whatever it made. The functions are in examples/tour. Three of them want boto3: lambent runtimes install boto3
    Tour(tour::Flags),
    /// Print the exports that point AWS clients here
    ///
    /// Current SDKs read AWS_ENDPOINT_URL, and nothing else is needed: the AWS CLI from 2.13, boto3 from 1.28, the SDKs for
    /// JavaScript 3, Go 2, Java 2, Rust, Ruby 3 and .NET 4 in their releases of the last years. Older ones (aws-sdk 2 for
    /// JavaScript, Go 1, Java 1, older boto3) do not know it: give each client the platform's URL as its endpoint, such as
    /// `endpoint_url=` in boto3, `endpoint:` with `s3ForcePathStyle: true` in aws-sdk 2, `--endpoint-url` of the AWS CLI.
    ///
    /// Functions need none of this: inside a sandbox AWS's own hosts lead to the platform.
    Env(environment::Flags),
}

/// What stops a command.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("{0}")]
    Said(String),
    #[error("there is no Lambent at {endpoint} ({source}); start one with: lambent up")]
    Unreachable { endpoint: String, source: std::io::Error },
    /// The platform's refusal.
    #[error("{operation}: {code}: {message}")]
    Refused { operation: &'static str, code: String, message: String },
    #[error("{doing}: {source}")]
    Failed { doing: String, source: Box<dyn std::error::Error + Send + Sync> },
}

impl Error {
    fn failed(doing: impl Into<String>, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Failed { doing: doing.into(), source: source.into() }
    }

    fn is_code(&self, wanted: &str) -> bool {
        matches!(self, Self::Refused { code, .. } if code == wanted)
    }
}

/// How a command ended that did what was asked.
enum Done {
    Well,
    /// The function answered an error.
    FunctionFailed,
}

/// Runs one command to its end.
pub fn run(command: Command) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let done = match runtime {
        Ok(runtime) => runtime.block_on(async {
            match command {
                Command::Deploy(flags) => deploy::run(flags).await,
                Command::Invoke(flags) => invoke::run(flags).await,
                Command::Logs(flags) => logs::run(flags).await,
                Command::Mail(flags) => mail::run(flags).await,
                Command::Dev(flags) => dev::run(flags).await,
                Command::Tour(flags) => tour::run(flags).await,
                Command::Env(flags) => environment::run(&flags),
            }
        }),
        Err(error) => Err(Error::failed("start", error)),
    };
    match done {
        Ok(Done::Well) => ExitCode::SUCCESS,
        Ok(Done::FunctionFailed) => ExitCode::from(3),
        Err(error) => {
            eprintln!("lambent: {error}");
            ExitCode::FAILURE
        }
    }
}
