//! The suppression list: addresses that bounced or complained, or that somebody put there.

use aws_wire::Result;
use kv::Read;
use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::configuration_set::ConfigurationSet;
use crate::keys::SUPPRESSED;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Suppressed {
    /// `BOUNCE` or `COMPLAINT`.
    pub reason: String,
    /// In microseconds.
    pub updated: i64,
    /// The mail that brought it here.
    #[serde(default)]
    pub message_id: Option<String>,
}

/// Whether nothing is to be sent to `address`: it is on the list for a reason that counts, in the configuration set
/// if that says so, else in the account.
///
/// # Errors
/// The store's.
pub(crate) fn holds_back(
    reader: &impl Read,
    (account, region): &(String, String),
    settings: (&Account, Option<&ConfigurationSet>),
    address: &str,
) -> Result<bool> {
    let own = settings.1.and_then(|set| set.suppressed_reasons.as_ref());
    let reasons = own.unwrap_or(&settings.0.suppressed_reasons);
    if reasons.is_empty() {
        return Ok(false);
    }
    let listed = SUPPRESSED.get(reader, &(account, region, &address.to_lowercase()))?;
    Ok(listed.is_some_and(|listed| reasons.contains(&listed.reason)))
}
