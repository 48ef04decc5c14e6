//! Pages of a list, and how a token of no page is refused.

use api_scheduler::errors;
use aws_wire::Result;

pub(crate) use service::page::{length, token};

/// # Errors
/// 400 for what is no token of ours.
pub(crate) fn after(token: &str) -> Result<String> {
    service::page::after(token).ok_or_else(|| errors::validation_exception("Invalid NextToken."))
}
