//! The binary `lambent`: the platform (`up`, `doctor`) and the commands that talk to one.

mod bootstraps;
mod bucket_objects;
mod doctor;
mod doors;
mod java_archive;
mod listener_ports;
mod runtimes;
mod secrets;
mod services;
mod settings;
mod up;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A request makes and drops some hundred small pieces of memory: see docs/adr/0033-allocator.md.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// AWS Lambda on your own machines.
#[derive(Parser)]
#[command(name = "lambent", version, about, propagate_version = true, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start the platform and serve until Ctrl-C
    Up(Box<settings::Flags>),
    /// Tell what this machine can do, line by line, with the fix
    Doctor(doctor::Flags),
    /// List the languages found here, or fetch what one needs
    Runtimes(runtimes::Flags),
    #[command(flatten)]
    Client(cli::Command),
}

fn main() -> ExitCode {
    // Before anything else: this process may be the spawner, which must stay small and single-threaded.
    sandbox_namespace::run_spawner_if_asked();
    let done = match Arguments::parse().command {
        Command::Up(flags) => settings::Settings::read(*flags).and_then(up::run),
        Command::Doctor(flags) => doctor::run(&flags),
        Command::Runtimes(flags) => runtimes::run(flags),
        Command::Client(command) => return cli::run(command),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lambent: {}", error.say());
            ExitCode::FAILURE
        }
    }
}

/// What stops a command, in words for the person at the terminal.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("{0}")]
    Said(String),
    #[error("{doing}")]
    Failed { doing: String, source: Box<dyn std::error::Error + Send + Sync> },
}

impl Error {
    fn failed(doing: impl Into<String>, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Failed { doing: doing.into(), source: source.into() }
    }

    /// The error and all its causes on one line.
    fn say(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        text
    }
}
