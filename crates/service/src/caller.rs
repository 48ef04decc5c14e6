//! Who asks: account, region and principal.

use std::sync::Arc;

/// What stands in the place of an account: no account is called so.
const ANONYMOUS: &str = "anonymous";

/// The one who makes a request, after its signature was checked. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Twelve digits.
    pub account: Arc<str>,
    /// Such as `us-east-1`.
    pub region: Arc<str>,
    pub principal: Arc<Principal>,
}

/// As `sts:GetCallerIdentity` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// Such as `arn:aws:iam::000000000000:root`.
    pub arn: String,
    /// Such as `AROA…:session`; an account's root has the account's number.
    pub user_id: String,
}

impl Caller {
    /// The root of `account`.
    pub fn root(account: &str, region: &str) -> Self {
        let principal =
            Principal { arn: format!("arn:aws:iam::{account}:root"), user_id: account.to_owned() };
        Self { account: account.into(), region: region.into(), principal: principal.into() }
    }

    /// Somebody who says nothing of who they are.
    pub fn anonymous(region: &str) -> Self {
        let principal = Principal { arn: String::new(), user_id: String::new() };
        Self { account: ANONYMOUS.into(), region: region.into(), principal: principal.into() }
    }

    pub fn is_anonymous(&self) -> bool {
        *self.account == *ANONYMOUS
    }

    /// An ARN in the caller's account and region.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{resource}", self.region, self.account)
    }
}
