//! `lambent dev DIR`: deploys at every save and prints the log of every call.

use std::time::{Duration, Instant};

use clap::Args;
use notify::{EventKind, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

use crate::function::Deployment;
use crate::logs::{Follower, now_ms, print};
use crate::{Client, Common, Done, Error, deploy};

#[derive(Args)]
pub struct Flags {
    #[command(flatten)]
    deployment: Deployment,
    #[command(flatten)]
    common: Common,
}

/// Editors write a file in several steps; this long after the last one it is deployed.
const QUIET: Duration = Duration::from_millis(15);
/// Between two looks at the log.
const POLL: Duration = Duration::from_millis(200);

pub(crate) async fn run(flags: Flags) -> Result<Done, Error> {
    let mut client = Client::new(&flags.common)?;
    let (sender, mut changed) = mpsc::unbounded_channel();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let is_change = event.is_ok_and(|event| !matches!(event.kind, EventKind::Access(_)));
        if is_change {
            let _ = sender.send(());
        }
    })
    .map_err(|error| Error::failed("watch for changes", error))?;
    let source = &flags.deployment.source;
    watcher
        .watch(source, RecursiveMode::Recursive)
        .map_err(|error| Error::failed(format!("watch {}", source.display()), error))?;
    let name = flags.deployment.function_name()?;
    let mut follower = Follower::new(&name, now_ms(), "");
    deploy_once(&flags, &mut client).await?;
    say!("watching {}; call it with: lambent invoke {name}", source.display());
    loop {
        tokio::select! {
            Some(()) = changed.recv() => {
                while tokio::time::timeout(QUIET, changed.recv()).await.is_ok() {}
                // A source that does not deploy is for the next save to mend.
                if let Err(error) = deploy_once(&flags, &mut client).await {
                    eprintln!("lambent: {error}");
                }
            }
            () = tokio::time::sleep(POLL) => match follower.poll(&mut client).await {
                Ok(events) => events.iter().for_each(|event| print(event, flags.common.json)),
                Err(error) if error.is_code("ResourceNotFoundException") => {}
                Err(error) => eprintln!("lambent: {error}"),
            }
        }
    }
}

async fn deploy_once(flags: &Flags, client: &mut Client) -> Result<(), Error> {
    let began = Instant::now();
    let deployed = flags.deployment.run(client).await?;
    say!("{} ({} ms)", deploy::say(&deployed), began.elapsed().as_millis());
    Ok(())
}
