//! `lambent tour`: the six usual mistakes, each shown happening and then cured.

mod guide;
mod stops;

use std::io::IsTerminal as _;

use clap::Args;

use crate::{Client, Common, Done, Error};
use guide::Guide;

#[derive(Args)]
pub struct Flags {
    /// Show this one alone
    #[arg(value_parser = clap::value_parser!(u8).range(1..=6))]
    stop: Option<u8>,
    /// Go on without waiting for Enter, as where nobody sits at the terminal
    #[arg(long)]
    no_wait: bool,
    /// Leave the functions and what belongs to them where they are
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    common: Common,
}

const TITLES: [&str; 6] = [
    "Cold starts: everything is imported before the first call",
    "The timeout of three seconds that nobody changed",
    "A client made inside the handler",
    "A trigger without permission",
    "Events that fail unseen, or count twice",
    "A package that carries everything",
];

pub(crate) async fn run(flags: Flags) -> Result<Done, Error> {
    let client = Client::new(&flags.common)?;
    let mut guide = Guide::new(client, flags.common.json).await?;
    let stops = flags.stop.map_or(1..=6, |stop| stop..=stop);
    let waits = !flags.no_wait
        && !flags.common.json
        && std::io::stdin().is_terminal()
        && std::io::stdout().is_terminal();
    // What an interrupted tour left would be in the way.
    guide.tidy_up().await?;
    let mut shown = Ok(());
    for stop in stops.clone() {
        guide.arrive(stop, TITLES[usize::from(stop) - 1]);
        shown = tokio::select! {
            shown = stops::show(&mut guide, stop) => shown,
            _ = tokio::signal::ctrl_c() => Err(Error::Said("the tour was interrupted".to_owned())),
        };
        if shown.is_err() || (waits && stop < *stops.end() && !enter()) {
            break;
        }
    }
    if !flags.keep {
        guide.tidy_up().await?;
    }
    shown.map(|()| Done::Well)
}

/// Whether the reader wants more: Enter, not the end of input.
fn enter() -> bool {
    eprint!("\nEnter goes on, Ctrl-D ends: ");
    std::io::stdin().read_line(&mut String::new()).is_ok_and(|read| read > 0)
}
