//! An account's own settings in a region.

use aws_wire::Result;
use kv::Read;
use serde::{Deserialize, Serialize};
use service::Caller;

use crate::Ctx;
use crate::keys::ACCOUNTS;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Account {
    /// Whether anything may be sent.
    #[serde(default = "yes")]
    pub sending: bool,
    /// Which of `BOUNCE` and `COMPLAINT` put an address on the suppression list, and make the list count.
    #[serde(default = "both")]
    pub suppressed_reasons: Vec<String>,
}

fn yes() -> bool {
    true
}

/// New accounts of AWS have both since November 2019.
fn both() -> Vec<String> {
    vec!["BOUNCE".to_owned(), "COMPLAINT".to_owned()]
}

impl Default for Account {
    fn default() -> Self {
        Self { sending: true, suppressed_reasons: both() }
    }
}

/// Account and region of whoever asks.
pub(crate) fn key(caller: &Caller) -> (String, String) {
    (caller.account.to_string(), caller.region.to_string())
}

pub(crate) fn of(reader: &impl Read, key: &(String, String)) -> Result<Account> {
    Ok(ACCOUNTS.get(reader, key)?.unwrap_or_default())
}

/// Changes the caller's settings.
///
/// # Errors
/// The store's.
pub(crate) async fn change(cx: &Ctx, change: impl Fn(&mut Account)) -> Result<()> {
    let key = key(&cx.caller);
    cx.kv
        .transact(|tx| {
            let mut account = of(tx, &key)?;
            change(&mut account);
            Ok(ACCOUNTS.put(tx, &key, &account)?)
        })
        .await
}
