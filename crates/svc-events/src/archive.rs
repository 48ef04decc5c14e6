//! An archive: its record, and what it holds.

use api_events::errors;
use aws_wire::{AwsError, Result};
use env::Timestamp;
use event_pattern::Pattern;
use kv::{Direction, Read, Span};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::keys::{ARCHIVED, ARCHIVES, ArchiveKey, BusKey, Id};
use crate::refusal;
use crate::rule;

/// Events read at once while they are counted: each may have a megabyte.
const PAGE: usize = 100;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Archive {
    /// What its events are kept under.
    pub id: Id,
    /// The bus's name.
    pub bus: String,
    #[serde(default)]
    pub description: Option<String>,
    #[serde(default)]
    pub pattern: Option<String>,
    /// Zero for ever.
    #[serde(default)]
    pub retention_days: u32,
    pub created_ms: i64,
}

impl Archive {
    /// Without a pattern it takes everything.
    ///
    /// # Errors
    /// Never for what was checked.
    pub(crate) fn parsed_pattern(&self) -> Result<Pattern> {
        match &self.pattern {
            Some(pattern) => rule::parse_pattern(pattern),
            None => Pattern::parse(&json!({})).map_err(refusal::pattern),
        }
    }

    pub(crate) fn created(&self) -> Timestamp {
        Timestamp::from_millis(self.created_ms)
    }

    pub(crate) fn shown_retention(&self) -> Option<i32> {
        i32::try_from(self.retention_days).ok()
    }

    /// How many events it holds and of how many bytes: counted when asked, for a counter would be a conflict for
    /// each event.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) fn size(&self, reader: &impl Read) -> Result<(i64, i64)> {
        let (mut count, mut bytes, mut span) = (0_i64, 0_i64, Span::prefix(&(self.id,)));
        loop {
            let page = ARCHIVED.scan(reader, &span, PAGE, Direction::Forward)?;
            let Some((last, _)) = page.last() else { return Ok((count, bytes)) };
            span = span.after(last);
            count += i64::try_from(page.len()).unwrap_or(i64::MAX);
            bytes += page.iter().map(|(_, event)| i64::try_from(event.get().len()).unwrap_or(0)).sum::<i64>();
        }
    }
}

pub(crate) fn bus_of((account, region, _): &ArchiveKey, archive: &Archive) -> BusKey {
    (account.clone(), region.clone(), archive.bus.clone())
}

pub(crate) fn arn((account, region, name): &ArchiveKey) -> String {
    format!("arn:aws:events:{region}:{account}:archive/{name}")
}

pub(crate) fn missing(name: &str) -> AwsError {
    errors::resource_not_found_exception(format!("Archive {name} does not exist."))
}

/// # Errors
/// 400 without it.
pub(crate) fn find(reader: &impl Read, key: &ArchiveKey) -> Result<Archive> {
    ARCHIVES.get(reader, key)?.ok_or_else(|| missing(&key.2))
}

/// # Errors
/// 400 for what is no pattern, 501 for a customer's key.
pub(crate) fn check(operation: &str, pattern: Option<&str>, key: Option<&str>) -> Result<()> {
    if key.is_some_and(|key| !key.is_empty()) {
        return Err(AwsError::parameter_not_implemented(operation, "KmsKeyIdentifier"));
    }
    pattern.map_or(Ok(()), |pattern| rule::parse_pattern(pattern).map(drop))
}
