//! `lambent deploy DIR`

use std::time::Instant;

use clap::Args;
use indicatif::ProgressBar;
use serde_json::json;

use crate::function::{Deployed, Deployment};
use crate::{Client, Common, Done, Error};

#[derive(Args)]
pub struct Flags {
    #[command(flatten)]
    deployment: Deployment,
    #[command(flatten)]
    common: Common,
}

pub(crate) async fn run(flags: Flags) -> Result<Done, Error> {
    let mut client = Client::new(&flags.common)?;
    let began = Instant::now();
    // Hidden where nobody watches: indicatif draws on a terminal only.
    let progress =
        ProgressBar::new_spinner().with_message(format!("deploying {}", flags.deployment.source.display()));
    progress.enable_steady_tick(std::time::Duration::from_millis(80));
    let deployed = flags.deployment.run(&mut client).await;
    progress.finish_and_clear();
    let deployed = deployed?;
    if flags.common.json {
        say!("{}", deployed.configuration);
    } else {
        say!("{} ({} ms)", say(&deployed), began.elapsed().as_millis());
        if let Some(note) = deployed.configuration["RuntimeVersionConfig"]["Error"]["Message"].as_str() {
            say!("note: {note}");
        }
    }
    Ok(Done::Well)
}

/// One line for people.
pub(crate) fn say(deployed: &Deployed) -> String {
    let Deployed { name, created, files, zipped_bytes, configuration } = deployed;
    let done = if *created { "created" } else { "updated" };
    let setting = |name: &str| configuration[name].as_str().unwrap_or_default().to_owned();
    let (runtime, handler) = (setting("Runtime"), setting("Handler"));
    let files = json!(files);
    format!("{done} {name}: {runtime} {handler}, {files} file(s), {zipped_bytes} bytes zipped")
}
