//! Services under many clients, slow disks and crashes, on one seed: what AWS promises must hold of every history.
//!
//! [`World`] is what outlives processes: what is durable, the clock, chance. A run is one world in which processes live
//! and die; its clients write down what they asked and were answered, and at the end the service's file says whether
//! that can be. One thread, a clock that the world moves and one source of chance make a seed repeat its run.
//! `cargo xtask sim` runs seeds without end; a failure prints the command that replays it.

mod dice;
mod disk;
pub mod dynamodb;
pub mod kinesis;
mod life;
pub mod linear;
pub mod logs;
pub mod s3;
mod shelf;
pub mod sns;
pub mod sqs;
mod world;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

pub use dice::Dice;
pub use world::{Door, Ground, World};

/// A service's run of one seed.
pub type Run = fn(&Arc<World>);

/// Every service, by the name that `cargo xtask sim --service` knows.
pub const SERVICES: &[(&str, Run)] = &[
    ("dynamodb", dynamodb::run),
    ("kinesis", kinesis::run),
    ("logs", logs::run),
    ("s3", s3::run),
    ("sns", sns::run),
    ("sqs", sqs::run),
];

/// Runs one seed; when it fails, shows what clients saw and says how it is replayed.
///
/// # Panics
/// When it fails.
pub fn replayable(service: &str, run: Run, seed: u64) -> Arc<World> {
    let world = World::new(seed);
    if let Err(panic) = std::panic::catch_unwind(AssertUnwindSafe(|| run(&world))) {
        world.log().iter().for_each(|line| eprintln!("{line}"));
        eprintln!("replay: cargo xtask sim --service {service} --seed {seed}");
        std::panic::resume_unwind(panic);
    }
    world
}
