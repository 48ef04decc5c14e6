//! Everything that Lambda stores, one line each. Numbers and layouts are on disk for ever.

use kv::Table;

use crate::function::Function;

/// Account, region, function name.
pub(crate) type FunctionKey = (String, String, String);

/// Every function, until it is deleted.
pub(crate) const FUNCTIONS: Table<FunctionKey, Function> = Table::new(100, "lambda functions");
