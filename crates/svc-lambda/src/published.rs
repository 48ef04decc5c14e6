//! Published versions: numbered snapshots of a function, which never change.

use aws_wire::Result;
use env::Timestamp;
use kv::{Direction, Read, Span, Tx};
use serde::{Deserialize, Serialize};

use crate::Ctx;
use crate::alias::Alias;
use crate::function::{FORMAT, Function, Settings, State};
use crate::keys::{ALIASES, FUNCTIONS, FunctionKey, VERSIONS};
use crate::name::{FunctionName, LATEST};
use crate::runtime_management::RuntimeManagement;
use crate::shown::Shown;

/// A version as it is stored. Of it only `state` and `runtime_management` change, with its revision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Published {
    /// Of this layout; readers of a later one still read it.
    pub format: u32,
    /// 1, 2, 3, …; never used again.
    pub number: u64,
    /// As `$LATEST` had them.
    pub settings: Settings,
    /// Given when it was published, in place of the function's own.
    pub description: Option<String>,
    pub state: State,
    pub revision_id: String,
    /// Microseconds since the epoch.
    pub last_modified_us: i64,
    #[serde(default)]
    pub runtime_management: RuntimeManagement,
    /// Why it is `Failed`, where it is not its package.
    #[serde(default)]
    pub failed: Option<SnapshotFailure>,
    /// Why it starts without a snapshot although one was asked for.
    #[serde(default)]
    pub no_snapshot: Option<String>,
}

/// Why no snapshot of a version was taken, as its state's reason tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SnapshotFailure {
    /// One of AWS's reason codes.
    pub code: String,
    pub reason: String,
}

impl Published {
    pub(crate) fn description(&self) -> &str {
        self.description.as_deref().unwrap_or(&self.settings.description)
    }
}

/// What is to be published, drawn before the transaction.
pub(crate) struct Publication {
    pub description: Option<String>,
    pub revision_id: String,
    pub now: Timestamp,
}

impl Publication {
    pub(crate) fn new(cx: &Ctx, description: Option<String>) -> Self {
        Self { description, revision_id: cx.env.uuid().to_string(), now: cx.env.now() }
    }

    /// Publishes what `function` wants, or finds the version that is the same: AWS makes no second one of unchanged
    /// code and configuration. The caller stores the function.
    pub(crate) fn publish(
        &self,
        tx: &mut Tx,
        key: &FunctionKey,
        function: &mut Function,
    ) -> Result<Published> {
        let (account, region, name) = key;
        let last = VERSIONS.scan(tx, &of_function(key), 1, Direction::Reverse)?.pop();
        if let Some((_, last)) = last.filter(|(_, last)| last.settings == function.wanted) {
            return Ok(last);
        }
        function.last_version += 1;
        let published = Published {
            format: FORMAT,
            number: function.last_version,
            settings: function.wanted.clone(),
            description: self.description.clone(),
            state: if function.is_settling() || function.wanted.snap_start {
                State::Pending
            } else {
                State::Active
            },
            revision_id: self.revision_id.clone(),
            last_modified_us: self.now.as_micros(),
            failed: None,
            no_snapshot: None,
            runtime_management: RuntimeManagement::default(),
        };
        if published.state == State::Pending {
            function.settling_versions.push(published.number);
        }
        VERSIONS.put(tx, &(account, region, name, published.number), &published)?;
        Ok(published)
    }
}

/// The keys of one function's rows in tables whose keys go on after the function.
pub(crate) fn of_function<P: kv::Part>(
    (account, region, name): &FunctionKey,
) -> Span<(String, String, String, P)> {
    Span::prefix(&(account, region, name))
}

/// # Errors
/// 404 without the version.
pub(crate) fn get(reader: &impl Read, name: &FunctionName, number: u64) -> Result<Published> {
    let (account, region, function) = name.key();
    VERSIONS.get(reader, &(account, region, function, number))?.ok_or_else(|| name.not_found())
}

/// A qualifier as a version's number: `7`, but neither `07` nor an alias.
pub(crate) fn number(qualifier: &str) -> Option<u64> {
    qualifier.parse().ok().filter(|number: &u64| number.to_string() == qualifier)
}

/// What `name` names: the function, the version unless it is `$LATEST`, and the alias that led there.
#[derive(Debug)]
pub(crate) struct Found {
    pub function: Function,
    pub published: Option<Published>,
    pub alias: Option<Alias>,
}

impl Found {
    pub(crate) fn settings(&self) -> &Settings {
        let published = self.published.as_ref().map(|published| &published.settings);
        published.unwrap_or(&self.function.wanted)
    }

    pub(crate) fn shown(&self) -> Shown<'_> {
        match &self.published {
            Some(published) => Shown::published(&self.function, published),
            None => Shown::from(&self.function),
        }
    }
}

/// # Errors
/// 404 without the function, or without the version or alias that is named.
pub(crate) async fn find_qualified(cx: &Ctx, name: &FunctionName) -> Result<Found> {
    lookup(&cx.kv.snapshot().await?, name)
}

/// As [`find_qualified`], in a transaction.
pub(crate) fn lookup(reader: &impl Read, name: &FunctionName) -> Result<Found> {
    let function = FUNCTIONS.get(reader, &name.key())?.ok_or_else(|| name.not_found())?;
    let qualifier = name.qualifier.as_deref().unwrap_or(LATEST);
    if qualifier == LATEST {
        return Ok(Found { function, published: None, alias: None });
    }
    if let Some(number) = number(qualifier) {
        return Ok(Found { function, published: Some(get(reader, name, number)?), alias: None });
    }
    let (account, region, function_name) = name.key();
    let alias = ALIASES.get(reader, &(account, region, function_name, qualifier.to_owned()))?;
    let alias = alias.ok_or_else(|| name.not_found())?;
    let published = number(&alias.version).map(|number| get(reader, name, number)).transpose()?;
    Ok(Found { function, published, alias: Some(alias) })
}

/// A version that was published is ready, or could not be `prepared`.
///
/// # Errors
/// Those of the store.
pub(crate) fn settle(
    tx: &mut Tx,
    (account, region, name): &FunctionKey,
    number: u64,
    prepared: bool,
) -> Result<(), kv::Error> {
    let key = (account, region, name, number);
    let Some(mut published) = VERSIONS.get(tx, &key)? else { return Ok(()) };
    published.state = if prepared { State::Active } else { State::Failed };
    VERSIONS.put(tx, &key, &published)
}

/// Whether a version waits for its snapshot.
///
/// # Errors
/// Those of the store.
pub(crate) fn wants_snapshot(
    reader: &impl Read,
    (account, region, name): &FunctionKey,
    number: u64,
) -> Result<bool, kv::Error> {
    let published = VERSIONS.get(reader, &(account, region, name, number))?;
    Ok(published.is_some_and(|published| published.state == State::Pending && published.settings.snap_start))
}
