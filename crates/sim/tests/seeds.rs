//! A thousand seeds of each service, and that a seed repeats its run. `LAMBENT_SEEDS` runs more, `LAMBENT_SEED` one.

use sim::{Run, SERVICES, replayable};

const SEEDS: u64 = 1000;
/// Seeds that are run twice.
const REPEATED: u64 = 20;

#[expect(clippy::disallowed_methods, reason = "a person says by the environment which seeds to run")]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

fn seeds(service: &str) {
    let (_, run): &(&str, Run) = SERVICES.iter().find(|(name, _)| *name == service).expect("it is listed");
    if let Some(seed) = number("LAMBENT_SEED") {
        replayable(service, *run, seed);
        return;
    }
    let mut crashes = 0;
    let seeds = number("LAMBENT_SEEDS").unwrap_or(SEEDS);
    for seed in 0..seeds {
        let world = replayable(service, *run, seed);
        crashes += world.crashes();
        if seed < REPEATED {
            assert!(
                world.log() == replayable(service, *run, seed).log(),
                "seed {seed} of {service} does not repeat"
            );
        }
    }
    // Else it has not shown what it is for.
    assert!(crashes > seeds / 2, "{crashes} crashes");
}

#[test]
fn dynamodb() {
    seeds("dynamodb");
}

#[test]
fn kinesis() {
    seeds("kinesis");
}

#[test]
fn logs() {
    seeds("logs");
}

#[test]
fn s3() {
    seeds("s3");
}

#[test]
fn sns() {
    seeds("sns");
}

#[test]
fn sqs() {
    seeds("sqs");
}
