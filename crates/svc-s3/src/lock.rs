//! Object lock: until when, and why, a version can't be removed.

use api_s3::{
    DefaultRetention, GetObjectLockConfigurationInput, ObjectLockLegalHoldStatus, ObjectLockMode,
    ObjectLockRetentionMode,
};
use aws_wire::Result;
use env::Timestamp;
use kv::Read;
use serde::{Deserialize, Serialize};

use crate::bucket::Bucket;
use crate::object::Object;
use crate::{document, errors};

const DAY_MS: i64 = 86_400_000;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Lock {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention: Option<Retention>,
    /// On or off; absent where nobody ever said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub legal_hold: Option<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Retention {
    /// Nobody may shorten it or remove the version; else who bypasses governance may.
    pub compliance: bool,
    /// Milliseconds since the epoch.
    pub until_ms: i64,
}

impl Retention {
    pub(crate) fn mode(self) -> ObjectLockRetentionMode {
        if self.compliance {
            ObjectLockRetentionMode::Compliance
        } else {
            ObjectLockRetentionMode::Governance
        }
    }

    pub(crate) fn until(self) -> Timestamp {
        Timestamp::from_millis(self.until_ms)
    }
}

impl Lock {
    pub(crate) fn shown_mode(self) -> Option<ObjectLockMode> {
        let retention = self.retention?;
        Some(if retention.compliance { ObjectLockMode::Compliance } else { ObjectLockMode::Governance })
    }

    pub(crate) fn shown_hold(self) -> Option<ObjectLockLegalHoldStatus> {
        let status = |on| if on { ObjectLockLegalHoldStatus::On } else { ObjectLockLegalHoldStatus::Off };
        self.legal_hold.map(status)
    }

    /// Whether the version must stay.
    fn holds(self, bypass: bool, now: Timestamp) -> bool {
        let retained = self.retention.is_some_and(|retention| {
            retention.until_ms > now.as_millis() && (retention.compliance || !bypass)
        });
        retained || self.legal_hold == Some(true)
    }
}

/// # Errors
/// 403 when the version must stay.
pub(crate) fn check_removal(object: &Object, bypass: bool, now: Timestamp) -> Result<()> {
    if object.lock.holds(bypass, now) {
        return Err(errors::access_denied("Access Denied because object protected by object lock."));
    }
    Ok(())
}

/// # Errors
/// 403 when the new retention is weaker than one that stands.
pub(crate) fn check_change(
    object: &Object,
    next: Option<Retention>,
    bypass: bool,
    now: Timestamp,
) -> Result<()> {
    let Some(standing) = object.lock.retention.filter(|standing| standing.until_ms > now.as_millis()) else {
        return Ok(());
    };
    let extends = next
        .is_some_and(|next| next.until_ms >= standing.until_ms && (next.compliance || !standing.compliance));
    if extends || (bypass && !standing.compliance) {
        return Ok(());
    }
    Err(errors::access_denied("Access Denied because object protected by object lock."))
}

/// # Errors
/// 400 where the bucket has no object lock.
pub(crate) fn check_bucket(bucket: &Bucket) -> Result<()> {
    if bucket.locks {
        return Ok(());
    }
    Err(errors::invalid_request("Bucket is missing Object Lock Configuration"))
}

/// The lock that a new version gets: what the request says, else the bucket's default.
///
/// # Errors
/// 400 for half a retention, one that is over, or where the bucket has no object lock.
pub(crate) fn of_new(
    reader: &impl Read,
    bucket: &Bucket,
    asked: (Option<ObjectLockMode>, Option<Timestamp>, Option<ObjectLockLegalHoldStatus>),
    now: Timestamp,
) -> Result<Lock> {
    let (mode, until, hold) = asked;
    if mode.is_some() || until.is_some() || hold.is_some() {
        check_bucket(bucket)?;
    }
    let retention = match (mode, until) {
        (None, None) => default_retention(reader, bucket, now)?,
        (Some(mode), Some(until)) => {
            check_until(until, now)?;
            let compliance = mode == ObjectLockMode::Compliance;
            Some(Retention { compliance, until_ms: until.as_millis() })
        }
        _ => {
            let message =
                "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied";
            return Err(errors::invalid_argument("x-amz-object-lock-mode", "", message));
        }
    };
    Ok(Lock { retention, legal_hold: hold.map(|hold| hold == ObjectLockLegalHoldStatus::On) })
}

/// # Errors
/// 400 for a date that is over.
pub(crate) fn check_until(until: Timestamp, now: Timestamp) -> Result<()> {
    if until > now {
        return Ok(());
    }
    let message = "The retain until date must be in the future!";
    Err(errors::invalid_argument("x-amz-object-lock-retain-until-date", "", message))
}

fn default_retention(reader: &impl Read, bucket: &Bucket, now: Timestamp) -> Result<Option<Retention>> {
    if !bucket.locks {
        return Ok(None);
    }
    let settings = document::read::<GetObjectLockConfigurationInput>(reader, bucket)?;
    let rule = settings.and_then(|settings| settings.object_lock_configuration?.rule);
    let Some(DefaultRetention { mode: Some(mode), days, years, .. }) = rule.and_then(|r| r.default_retention)
    else {
        return Ok(None);
    };
    let days = i64::from(days.unwrap_or_default()) + 365 * i64::from(years.unwrap_or_default());
    let compliance = mode == ObjectLockRetentionMode::Compliance;
    Ok(Some(Retention { compliance, until_ms: now.as_millis() + days * DAY_MS }))
}
