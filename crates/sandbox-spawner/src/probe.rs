//! What this host can do for sandboxes, found by trying, line by line.

use sandbox::Finding;

/// Everything that matters to sandboxes on this host.
pub fn probe() -> Vec<Finding> {
    Vec::new()
}
