//! Everything that X-Ray stores, one line each. Numbers and layouts are on disk for ever.

use kv::Table;
use serde::{Deserialize, Serialize};

/// Account, region, trace, segment. A trace's id begins with its time, so the keys of a region are in order of time.
pub(crate) type SegmentKey = (String, String, String, String);

/// Every segment, for thirty days.
pub(crate) const SEGMENTS: Table<SegmentKey, Segment> = Table::new(300, "trace segments");

/// A segment as it was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Segment {
    /// Of this layout; readers of a later one still read it.
    pub format: u32,
    /// JSON.
    pub document: String,
}

/// This layout's number.
pub(crate) const FORMAT: u32 = 1;
