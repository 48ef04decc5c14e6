//! The operations of both APIs.

pub(crate) mod v1;
pub(crate) mod v2;
