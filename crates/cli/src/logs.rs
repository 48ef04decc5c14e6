//! `lambent logs NAME`: the last of a function's log, and with `--follow` what comes.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use clap::Args;
use serde_json::{Value as Json, json};

use crate::client::LOGS;
use crate::{Client, Common, Done, Error};

#[derive(Args)]
pub struct Flags {
    /// The function's name
    name: String,
    /// Go on with what comes, until Ctrl-C
    #[arg(long, short)]
    follow: bool,
    /// Only what is younger than this many minutes
    #[arg(long, default_value_t = 10)]
    since: u64,
    /// Only events with these terms, as in CloudWatch Logs' filter patterns
    #[arg(long, default_value = "")]
    filter: String,
    #[command(flatten)]
    common: Common,
}

/// Between two looks at the log.
const POLL: Duration = Duration::from_millis(200);

pub(crate) async fn run(flags: Flags) -> Result<Done, Error> {
    let mut client = Client::new(&flags.common)?;
    let mut follower =
        Follower::new(&flags.name, now_ms().saturating_sub(flags.since * 60_000), &flags.filter);
    loop {
        match follower.poll(&mut client).await {
            Ok(events) => events.iter().for_each(|event| print(event, flags.common.json)),
            // A function that was never called has no group yet.
            Err(error) if flags.follow && error.is_code("ResourceNotFoundException") => {}
            Err(error) => return Err(error),
        }
        if !flags.follow {
            return Ok(Done::Well);
        }
        tokio::time::sleep(POLL).await;
    }
}

pub(crate) fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

pub(crate) fn print(event: &Json, json: bool) {
    if json {
        say!("{event}");
    } else {
        say!("{}", event["message"].as_str().unwrap_or_default().trim_end());
    }
}

/// Reads a log group as it grows, each event once.
pub(crate) struct Follower {
    group: String,
    filter: String,
    from_ms: u64,
    /// Events at and after `from_ms` that were given already.
    seen: HashSet<String>,
}

impl Follower {
    pub(crate) fn new(function: &str, from_ms: u64, filter: &str) -> Self {
        Self {
            group: format!("/aws/lambda/{function}"),
            filter: filter.to_owned(),
            from_ms,
            seen: HashSet::new(),
        }
    }

    /// The events that came since the last call.
    ///
    /// # Errors
    /// What FilterLogEvents answers.
    pub(crate) async fn poll(&mut self, client: &mut Client) -> Result<Vec<Json>, Error> {
        let mut fresh = Vec::new();
        let mut token = Json::Null;
        loop {
            let mut input = json!({ "logGroupName": self.group, "startTime": self.from_ms, "filterPattern": self.filter });
            if !token.is_null() {
                input["nextToken"] = token;
            }
            let mut page = client.json(LOGS, "FilterLogEvents", &input).await?;
            let Json::Array(events) = page["events"].take() else { break };
            for event in events {
                if self.seen.insert(event["eventId"].as_str().unwrap_or_default().to_owned()) {
                    fresh.push(event);
                }
            }
            token = page["nextToken"].take();
            if token.is_null() {
                break;
            }
        }
        if let Some(last) = fresh.last().and_then(|event| event["timestamp"].as_u64()) {
            // Another environment's events of the same time may still be on their way.
            let from_ms = last.saturating_sub(2000).max(self.from_ms);
            if from_ms > self.from_ms + 60_000 {
                self.seen =
                    fresh.iter().filter_map(|event| event["eventId"].as_str()).map(str::to_owned).collect();
            }
            self.from_ms = from_ms;
        }
        Ok(fresh)
    }
}
