//! Everything that pollers store, one line each. Numbers and layouts are on disk for ever.

use kv::Table;
use serde::{Deserialize, Serialize};

/// Account, region, the UUID of a mapping or pipe, shard.
pub(crate) type ShardKey = (String, String, String, String);

/// How far each mapping and pipe has come in each shard; goes with it.
pub(crate) const CHECKPOINTS: Table<ShardKey, Checkpoint> = Table::new(170, "checkpoints of shards");

/// This layout's number.
pub(crate) const FORMAT: u32 = 1;

/// Where a mapping is in a shard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Checkpoint {
    /// Of this layout; readers of a later one still read it.
    pub format: u32,
    /// The last record that was handled or given up, and all before it.
    #[serde(default)]
    pub after: Option<String>,
    /// Where nothing was handled yet: records that arrived before this many milliseconds since the epoch do not count.
    #[serde(default)]
    pub since_ms: Option<i64>,
    /// The shard is closed and all of it was handled.
    #[serde(default)]
    pub finished: bool,
    /// The tumbling window that is open.
    #[serde(default)]
    pub window: Option<Window>,
}

/// A tumbling window that has seen records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Window {
    /// Seconds since the epoch.
    pub start_s: i64,
    /// What the function returned last, JSON.
    pub state: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_the_first_layout_are_read() {
        let row =
            r#"{"format":1,"after":"7","since_ms":5,"finished":true,"window":{"start_s":60,"state":"{}"}}"#;
        let window = Some(Window { start_s: 60, state: "{}".to_owned() });
        let checkpoint =
            Checkpoint { format: 1, after: Some("7".to_owned()), since_ms: Some(5), finished: true, window };
        assert_eq!(serde_json::from_str::<Checkpoint>(row).expect("a row"), checkpoint);
    }
}
