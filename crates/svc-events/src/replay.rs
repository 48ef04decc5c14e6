//! A replay: its record, and the job that runs it.
//!
//! Each page of events and where the replay has come are one transaction, so a restart goes on where it was.

use std::time::Duration;

use api_events::{ReplayDestination, ReplayState, errors};
use aws_wire::{AwsError, Result};
use env::Timestamp;
use kv::{Direction, Read, Span};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::Ctx;
use crate::ingest::{Arrival, ingest_with};
use crate::keys::{ARCHIVED, ArchiveKey, Id, REPLAYS, ReplayKey};
use crate::{archive, bus};

/// Events read at once, and bytes of them sent on in one transaction.
const PAGE: usize = 100;
const PAGE_BYTES: usize = 1 << 20;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Replay {
    /// The archive's name, and what its events are kept under.
    pub archive: String,
    pub archive_id: Id,
    pub bus: String,
    #[serde(default)]
    pub description: Option<String>,
    /// In microseconds: events taken from here to there.
    pub from_us: i64,
    pub to_us: i64,
    /// ARNs of rules; none for all.
    #[serde(default)]
    pub only: Vec<String>,
    /// As the API has it.
    pub state: String,
    /// The last event that was sent on.
    #[serde(default)]
    pub last: Option<Place>,
    pub started_ms: i64,
    #[serde(default)]
    pub ended_ms: Option<i64>,
}

impl Replay {
    pub(crate) fn state(&self) -> ReplayState {
        self.state.parse().unwrap_or_default()
    }

    pub(crate) fn is_under_way(&self) -> bool {
        matches!(self.state(), ReplayState::Starting | ReplayState::Running | ReplayState::Cancelling)
    }

    fn end(&mut self, state: ReplayState, now_ms: i64) {
        self.state = state.as_str().to_owned();
        self.ended_ms = Some(now_ms);
    }

    pub(crate) fn destination(&self, (account, region, _): &ReplayKey) -> ReplayDestination {
        ReplayDestination {
            arn: bus::arn(&(account.clone(), region.clone(), self.bus.clone())),
            filter_arns: Some(self.only.clone()).filter(|arns| !arns.is_empty()),
        }
    }

    pub(crate) fn last_replayed(&self) -> Option<Timestamp> {
        self.last.map(|(at, _)| Timestamp::from_micros(at))
    }

    pub(crate) fn ended(&self) -> Option<Timestamp> {
        self.ended_ms.map(Timestamp::from_millis)
    }

    pub(crate) fn archive_arn(&self, (account, region, _): &ReplayKey) -> String {
        let key: ArchiveKey = (account.clone(), region.clone(), self.archive.clone());
        archive::arn(&key)
    }
}

pub(crate) fn arn((account, region, name): &ReplayKey) -> String {
    format!("arn:aws:events:{region}:{account}:replay/{name}")
}

/// # Errors
/// 400 without it.
pub(crate) fn find(reader: &impl Read, key: &ReplayKey) -> Result<Replay> {
    REPLAYS
        .get(reader, key)?
        .ok_or_else(|| errors::resource_not_found_exception(format!("Replay {} does not exist.", key.2)))
}

/// Runs replays, one after the other, until the platform stops.
pub(crate) async fn run(cx: Ctx) {
    let mut watch = cx.kv.watch(REPLAYS.prefix(&()));
    loop {
        match run_all(&cx).await {
            Ok(()) => watch.changed().await,
            Err(error) => {
                tracing::error!(%error, cause = ?error.cause, "replay events");
                cx.env.sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn run_all(cx: &Ctx) -> Result<()> {
    let replays = REPLAYS.all(&cx.kv.snapshot().await?, &Span::all())?;
    for (key, _) in replays.into_iter().filter(|(_, replay)| replay.is_under_way()) {
        while !step(cx, &key).await? {}
    }
    Ok(())
}

/// Sends a page of events on; tells whether the replay is over.
async fn step(cx: &Ctx, key: &ReplayKey) -> Result<bool> {
    let snapshot = cx.kv.snapshot().await?;
    let replay = find(&snapshot, key)?;
    let cancelled = replay.state() == ReplayState::Cancelling;
    let page = if cancelled { Vec::new() } else { page(&snapshot, &replay)? };
    let name = serde_json::to_string(&key.2).map_err(AwsError::internal)?;
    let arrivals = page.iter().map(|(_, event)| {
        Ok(Arrival {
            bus: (key.0.clone(), key.1.clone(), replay.bus.clone()),
            event: named(event, &name)?,
            trace: None,
            hops: 0,
            replay: Some(replay.only.clone()),
        })
    });
    let arrivals = arrivals.collect::<Result<Vec<_>>>()?;
    let (last, now_ms) = (page.last().map(|(at, _)| *at), cx.env.now().as_millis());
    ingest_with(cx, &arrivals, |tx| {
        let mut replay = find(tx, key)?;
        match last {
            Some(last) => {
                replay.last = Some(last);
                if replay.state() == ReplayState::Starting {
                    replay.state = ReplayState::Running.as_str().to_owned();
                }
            }
            None if cancelled => replay.end(ReplayState::Cancelled, now_ms),
            None => replay.end(ReplayState::Completed, now_ms),
        }
        Ok(REPLAYS.put(tx, key, &replay)?)
    })
    .await?;
    Ok(last.is_none())
}

/// When an event was taken, and which it is.
type Place = (i64, Id);

/// The next events, each with its place in the archive.
fn page(reader: &impl Read, replay: &Replay) -> Result<Vec<(Place, Box<RawValue>)>> {
    let id = replay.archive_id;
    let span = Span::prefix(&(id,)).from(&(id, replay.from_us, [0; 16])).before(&(id, replay.to_us, [0; 16]));
    let span = match replay.last {
        Some((at, row)) => span.after(&(id, at, row)),
        None => span,
    };
    let (mut page, mut bytes) = (Vec::new(), 0);
    for ((_, at, row), event) in ARCHIVED.scan(reader, &span, PAGE, Direction::Forward)? {
        bytes += event.get().len();
        if bytes > PAGE_BYTES && !page.is_empty() {
            break;
        }
        page.push(((at, row), event));
    }
    Ok(page)
}

/// The event with the replay's name as its last member.
fn named(event: &RawValue, name: &str) -> Result<Box<RawValue>> {
    let members = event.get().strip_suffix('}').unwrap_or_default();
    RawValue::from_string(format!("{members},\"replay-name\":{name}}}")).map_err(AwsError::internal)
}
