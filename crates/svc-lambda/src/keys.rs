//! Everything that Lambda stores, one line each. Numbers and layouts are on disk for ever.

use env::Timestamp;
use kv::Table;

use crate::alias::Alias;
use crate::asynchronous::config::{EventInvokeConfig, RecursionConfig};
use crate::asynchronous::event::Work;
use crate::function::Function;
use crate::published::Published;

/// Account, region, function name.
pub(crate) type FunctionKey = (String, String, String);
/// A function's key and a version's number.
pub(crate) type VersionKey = (String, String, String, u64);
/// A function's key and an alias' name.
pub(crate) type AliasKey = (String, String, String, String);

/// A function's key, when the work is due, and an id of its own.
pub(crate) type WorkKey = (String, String, String, Timestamp, String);

/// Every function, until it is deleted.
pub(crate) const FUNCTIONS: Table<FunctionKey, Function> = Table::new(100, "lambda functions");
/// Every published version, until it or its function is deleted.
pub(crate) const VERSIONS: Table<VersionKey, Published> = Table::new(101, "lambda versions");
/// Every alias, until it or its function is deleted.
pub(crate) const ALIASES: Table<AliasKey, Alias> = Table::new(102, "lambda aliases");
/// Events to be run and records to be delivered, until they are.
pub(crate) const WORK: Table<WorkKey, Work> = Table::new(120, "lambda event work");
/// How a qualifier's events are treated, until that is deleted, or the qualifier or function is.
pub(crate) const EVENT_INVOKE_CONFIGS: Table<AliasKey, EventInvokeConfig> =
    Table::new(121, "lambda event invoke configs");
/// What a loop does to a function, until the function is deleted.
pub(crate) const RECURSION_CONFIGS: Table<FunctionKey, RecursionConfig> =
    Table::new(122, "lambda recursion configs");
