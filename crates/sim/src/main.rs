//! `sim [--service NAME] [--seed N]`: runs one seed and shows what clients saw, or all seeds from it on without end.

use std::process::ExitCode;

use sim::{Run, SERVICES, replayable};

/// How often it says how far it is.
const SAY_EVERY: u64 = 1000;

fn main() -> ExitCode {
    let arguments = std::env::args().skip(1).collect::<Vec<_>>();
    let arguments = arguments.iter().map(String::as_str).collect::<Vec<_>>();
    let (service, seed, only) = match arguments.as_slice() {
        [] => (None, 0, false),
        ["--service", name] => (Some(*name), 0, false),
        ["--service", name, "--from", seed] => (Some(*name), seed.parse().unwrap_or(0), false),
        ["--service", name, "--seed", seed] => (Some(*name), seed.parse().unwrap_or(0), true),
        _ => {
            eprintln!("sim [--service NAME [--seed N | --from N]]");
            return ExitCode::FAILURE;
        }
    };
    let chosen = SERVICES.iter().filter(|(name, _)| service.is_none_or(|wanted| wanted == *name));
    let chosen = chosen.copied().collect::<Vec<(&str, Run)>>();
    if chosen.is_empty() {
        eprintln!(
            "no such service; there are {:?}",
            SERVICES.iter().map(|(name, _)| *name).collect::<Vec<_>>()
        );
        return ExitCode::FAILURE;
    }
    for seed in seed.. {
        for (name, run) in &chosen {
            let world = replayable(name, *run, seed);
            if only {
                world.log().iter().for_each(|line| println!("{line}"));
                return ExitCode::SUCCESS;
            }
        }
        if (seed + 1) % SAY_EVERY == 0 {
            println!("{} seeds", seed + 1);
        }
    }
    ExitCode::SUCCESS
}
