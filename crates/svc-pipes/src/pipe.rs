//! A pipe: its record, its states, how it is found.

use std::collections::BTreeMap;

use api_pipes::{PipeState, RequestedPipeState, RequestedPipeStateDescribeResponse, errors};
use aws_wire::{AwsError, Result};
use env::Timestamp;
use event_sources::{MappingSettings, SourceKind};
use kv::Read;
use serde::{Deserialize, Serialize};

use crate::Ctx;
use crate::enrichment::Enrichment;
use crate::keys::{PIPES, PipeKey};
use crate::target::Target;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Pipe {
    /// A UUID: a pipe that is made again under its name begins anew.
    pub id: String,
    #[serde(default)]
    pub description: Option<String>,
    pub desired: Desired,
    pub state: State,
    /// Why it is in its state, when that is not what was asked for.
    #[serde(default)]
    pub reason: Option<String>,
    pub kind: SourceKind,
    /// The source's ARN.
    pub source: String,
    /// Those of an event source mapping of that kind.
    pub settings: MappingSettings,
    #[serde(default)]
    pub enrichment: Option<Enrichment>,
    pub target: Target,
    pub role: String,
    pub created_ms: i64,
    pub modified_ms: i64,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Desired {
    Running,
    Stopped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum State {
    Running,
    Stopped,
    Creating,
    Updating,
    Deleting,
    Starting,
    Stopping,
    CreateFailed,
    UpdateFailed,
    StartFailed,
}

impl Desired {
    pub(crate) fn of(given: Option<RequestedPipeState>) -> Option<Self> {
        Some(match given? {
            RequestedPipeState::Running => Self::Running,
            RequestedPipeState::Stopped => Self::Stopped,
        })
    }

    pub(crate) fn shown(self) -> RequestedPipeState {
        match self {
            Self::Running => RequestedPipeState::Running,
            Self::Stopped => RequestedPipeState::Stopped,
        }
    }
}

impl State {
    /// Whether nothing is on its way.
    pub(crate) fn is_settled(self) -> bool {
        match self {
            Self::Running | Self::Stopped | Self::CreateFailed | Self::UpdateFailed | Self::StartFailed => {
                true
            }
            Self::Creating | Self::Updating | Self::Deleting | Self::Starting | Self::Stopping => false,
        }
    }

    /// What becomes of it when the source can't be polled.
    pub(crate) fn failed(self) -> Self {
        match self {
            Self::Creating => Self::CreateFailed,
            Self::Updating => Self::UpdateFailed,
            _ => Self::StartFailed,
        }
    }

    pub(crate) fn shown(self) -> PipeState {
        match self {
            Self::Running => PipeState::Running,
            Self::Stopped => PipeState::Stopped,
            Self::Creating => PipeState::Creating,
            Self::Updating => PipeState::Updating,
            Self::Deleting => PipeState::Deleting,
            Self::Starting => PipeState::Starting,
            Self::Stopping => PipeState::Stopping,
            Self::CreateFailed => PipeState::CreateFailed,
            Self::UpdateFailed => PipeState::UpdateFailed,
            Self::StartFailed => PipeState::StartFailed,
        }
    }
}

impl Pipe {
    /// As DescribePipe and DeletePipe show what it should be.
    pub(crate) fn desired_shown(&self) -> RequestedPipeStateDescribeResponse {
        match (self.state, self.desired) {
            (State::Deleting, _) => RequestedPipeStateDescribeResponse::Deleted,
            (_, Desired::Running) => RequestedPipeStateDescribeResponse::Running,
            (_, Desired::Stopped) => RequestedPipeStateDescribeResponse::Stopped,
        }
    }

    pub(crate) fn created(&self) -> Option<Timestamp> {
        Some(Timestamp::from_millis(self.created_ms))
    }

    pub(crate) fn modified(&self) -> Option<Timestamp> {
        Some(Timestamp::from_millis(self.modified_ms))
    }
}

pub(crate) fn key(cx: &Ctx, name: &str) -> PipeKey {
    (cx.caller.account.to_string(), cx.caller.region.to_string(), name.to_owned())
}

pub(crate) fn arn((account, region, name): &PipeKey) -> String {
    format!("arn:aws:pipes:{region}:{account}:pipe/{name}")
}

/// # Errors
/// 404 without it.
pub(crate) fn find(reader: &impl Read, key: &PipeKey) -> Result<Pipe> {
    PIPES.get(reader, key)?.ok_or_else(|| missing(&key.2))
}

/// The caller's own pipe of an ARN.
///
/// # Errors
/// 404 without it.
pub(crate) fn of_arn(cx: &Ctx, reader: &impl Read, arn: &str) -> Result<(PipeKey, Pipe)> {
    let name = arn.split_once(":pipe/").map_or(arn, |(_, name)| name);
    let key = key(cx, name);
    if self::arn(&key) != arn {
        return Err(missing(name));
    }
    let pipe = find(reader, &key)?;
    Ok((key, pipe))
}

/// Changes a pipe of which nothing else is being changed; what follows is done beside the request.
///
/// # Errors
/// 404 without it, 409 while it is changed already.
pub(crate) async fn change(
    cx: &Ctx,
    key: &PipeKey,
    change: impl Fn(&mut Pipe) + Send + Sync,
) -> Result<Pipe> {
    let now_ms = cx.env.now().as_millis();
    let after = cx
        .kv
        .transact(|tx| {
            let mut pipe = find(tx, key)?;
            if !pipe.state.is_settled() {
                let message = format!("Pipe {} is in state {}.", key.2, pipe.state.shown().as_str());
                return Err(conflict(&key.2, &message));
            }
            pipe.reason = None;
            pipe.modified_ms = now_ms;
            change(&mut pipe);
            PIPES.put(tx, key, &pipe)?;
            Ok(pipe)
        })
        .await?;
    cx.state.changes.tell(key.clone()).await?;
    Ok(after)
}

fn missing(name: &str) -> AwsError {
    errors::not_found_exception(format!("Pipe {name} does not exist."))
}

pub(crate) fn conflict(name: &str, message: &str) -> AwsError {
    errors::conflict_exception(message)
        .with("resourceId", name.to_owned())
        .with("resourceType", "pipe".to_owned())
}

pub(crate) fn invalid(message: impl Into<String>) -> AwsError {
    errors::validation_exception(message)
}

/// # Errors
/// 400 for what is no role of the caller's account.
pub(crate) fn check_role(cx: &Ctx, role: &str) -> Result<()> {
    let account = role.strip_prefix("arn:aws:iam::").and_then(|rest| rest.split_once(":role/"));
    match account {
        Some((account, _)) if account == &*cx.caller.account => Ok(()),
        Some(_) => Err(invalid("Cross-account pass role is not allowed.")),
        None => Err(invalid("RoleArn is not valid.")),
    }
}
