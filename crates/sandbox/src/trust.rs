//! Whom a sandbox trusts when it makes a TLS connection.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Files of certificates, as paths inside a sandbox. Those of an image are its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trust {
    /// The platform's own authority alone.
    pub authority: PathBuf,
    /// That and every authority the host trusts; absent where the host has no list of them.
    pub bundle: Option<PathBuf>,
}
