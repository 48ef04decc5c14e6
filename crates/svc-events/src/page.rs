//! Pages of a list, and how a token of no page is refused.

use aws_wire::{AwsError, Result};

pub(crate) use service::page::{cut, length};

/// # Errors
/// 400 for what is no token of ours.
pub(crate) fn after(token: &str) -> Result<String> {
    service::page::after(token).ok_or_else(|| AwsError::validation("Parameter NextToken is not valid."))
}
