//! Whose an API's id or a domain name is: requests know no account.

use serde::{Deserialize, Serialize};
use service::Caller;

/// Of the layout of the record; readers of a later one still read it.
const FORMAT: u32 = 1;

/// An account and a region, as they are stored by what belongs to them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    format: u32,
    account: String,
    region: String,
}

impl Owner {
    /// Of what this caller makes.
    pub fn of(caller: &Caller) -> Self {
        Self { format: FORMAT, account: caller.account.to_string(), region: caller.region.to_string() }
    }

    /// The key of what it owns by this id.
    pub fn key(&self, id: &str) -> (String, String, String) {
        (self.account.clone(), self.region.clone(), id.to_owned())
    }
}
