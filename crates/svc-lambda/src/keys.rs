//! Everything that Lambda stores, one line each. Numbers and layouts are on disk for ever.

use kv::Table;

use crate::alias::Alias;
use crate::function::Function;
use crate::published::Published;

/// Account, region, function name.
pub(crate) type FunctionKey = (String, String, String);
/// A function's key and a version's number.
pub(crate) type VersionKey = (String, String, String, u64);
/// A function's key and an alias' name.
pub(crate) type AliasKey = (String, String, String, String);

/// Every function, until it is deleted.
pub(crate) const FUNCTIONS: Table<FunctionKey, Function> = Table::new(100, "lambda functions");
/// Every published version, until it or its function is deleted.
pub(crate) const VERSIONS: Table<VersionKey, Published> = Table::new(101, "lambda versions");
/// Every alias, until it or its function is deleted.
pub(crate) const ALIASES: Table<AliasKey, Alias> = Table::new(102, "lambda aliases");
