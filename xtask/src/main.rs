//! The project's own commands: `cargo xtask help` lists them.

#![expect(clippy::disallowed_methods, reason = "a tool at the developer's side, not a part of the platform")]

mod bench;
mod codegen;
mod commands;
mod coverage;
mod protocol_cases;
mod scaffold;
#[cfg(test)]
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What went wrong, said to the developer.
type Error = Box<dyn std::error::Error>;

const HELP: &str = "\
cargo xtask check                 fast: format, clippy, tidy
cargo xtask ci                    what CI runs
cargo xtask codegen [--fetch]     write crates/api-*/ from models/; --fetch first reads botocore's models anew
cargo xtask coverage              write docs/coverage.md
cargo xtask bench                 measure cold starts, warm calls, throughput; see docs/benchmarks.md
cargo xtask bench cold            cold starts alone
cargo xtask bench services [SERVICE...]
                                  what 64 connections get of the services, beside peers
cargo xtask bench growth          what calls cost with little data and with much
cargo xtask bench languages       cold starts of Java and Ruby
cargo xtask bench clients         AWS's own runtime clients, beside their own floor
cargo xtask bench bursts          a thousand environments at once, and idle
cargo xtask bench idle            what a platform costs while nothing happens on it
cargo xtask protocol-cases        fetch Smithy's published protocol cases, which the tests of aws-wire read
cargo xtask sim [--service NAME [--seed N]]
                                  run services on seeds without end, or one seed
cargo xtask fuzz TARGET [SECONDS] look for bytes at which a target of crates/hostile fails
cargo xtask new-op SERVICE OP     add an operation to a service
cargo xtask new-service SERVICE MODEL
                                  add a service; MODEL is its folder in botocore: sqs/2012-11-05";

fn main() -> ExitCode {
    let arguments = std::env::args().skip(1).collect::<Vec<_>>();
    let arguments = arguments.iter().map(String::as_str).collect::<Vec<_>>();
    let done = match arguments.as_slice() {
        ["codegen"] => codegen::write(&root()),
        ["codegen", "--fetch"] => codegen::fetch(&root()).and_then(|()| codegen::write(&root())),
        ["bench"] => bench::run(&root(), false),
        ["bench", "cold"] => bench::run(&root(), true),
        ["bench", "events"] => bench::events::run(&root()),
        ["bench", "gateway"] => bench::gateway::run(&root()),
        ["bench", "services", wanted @ ..] => bench::services::run(&root(), wanted),
        ["bench", "idle"] => bench::idle::run(&root()),
        ["bench", "growth"] => bench::growth::run(&root()),
        ["bench", "languages"] => bench::languages::run(&root()),
        ["bench", "clients"] => bench::clients::run(&root()),
        ["bench", "bursts"] => bench::bursts::run(&root()),
        ["check"] => commands::check(&root()),
        ["ci"] => commands::ci(&root()),
        ["coverage"] => coverage::write(&root()),
        ["protocol-cases"] => protocol_cases::fetch(&root()),
        ["new-op", service, operation] => scaffold::new_op(&root(), service, operation),
        ["new-service", service, model] => scaffold::new_service(&root(), service, model),
        ["fuzz", target] => commands::fuzz(&root(), target, "0"),
        ["fuzz", target, seconds] => commands::fuzz(&root(), target, seconds),
        ["sim", rest @ ..] => commands::sim(&root(), rest),
        ["help"] => {
            println!("{HELP}");
            Ok(())
        }
        _ => Err(format!("what is meant?\n\n{HELP}").into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The workspace's folder.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace").to_owned()
}
