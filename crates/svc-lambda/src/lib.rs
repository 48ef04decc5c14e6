//! Lambda: functions, their packages, and the way from an Invoke to an execution environment.
//!
//! Start with `ops/create_function.rs` and `ops/invoke.rs`; `function.rs` has the record and its states.

mod alias;
mod collect;
mod function;
mod keys;
mod log_shipping;
mod name;
mod ops;
mod package;
mod page;
mod published;
mod settings;
mod settle;
mod shown;
mod snap_start;
mod versions;

use std::path::PathBuf;
use std::sync::Arc;

use blob::Blobs;
use env::Env;
use execution::{Pools, Runtimes};
use service::Service;
use tokio::sync::mpsc;

pub use log_shipping::{LogShipper, Shipment};

use crate::keys::FunctionKey;
use crate::package::Packages;
use crate::versions::Versions;

/// What the service is made with.
pub struct Config {
    pub pools: Pools,
    pub runtimes: Arc<Runtimes>,
    pub blobs: Arc<dyn Blobs>,
    /// Where packages lie unpacked; swept at start after a crash.
    pub trees: PathBuf,
    pub env: Env,
    /// The other end of the `LogShipper` that the pools write to.
    pub shipment: Shipment,
}

/// The service's state.
pub(crate) struct Lambda {
    pools: Pools,
    runtimes: Arc<Runtimes>,
    packages: Packages,
    versions: Versions,
    /// Functions that wait to be made live.
    to_settle: mpsc::Sender<FunctionKey>,
    settling: tokio::sync::Mutex<mpsc::Receiver<FunctionKey>>,
    shipment: tokio::sync::Mutex<Shipment>,
}

/// Functions that may wait to be made live; a create beyond that waits for its turn.
const SETTLING_MAX: usize = 1024;

pub(crate) type Ctx = service::Ctx<Lambda>;

/// The service and its operations.
pub fn service(config: Config) -> Service {
    let (to_settle, settling) = mpsc::channel(SETTLING_MAX);
    let state = Lambda {
        pools: config.pools,
        runtimes: config.runtimes,
        packages: Packages::new(config.blobs, config.trees, config.env),
        versions: Versions::default(),
        to_settle,
        settling: settling.into(),
        shipment: config.shipment.into(),
    };
    Service::new(&api_lambda::SERVICE, Arc::new(state))
        .op(ops::create_alias)
        .op(ops::create_function)
        .op(ops::delete_alias)
        .op(ops::delete_function)
        .op(ops::get_account_settings)
        .op(ops::get_alias)
        .op(ops::get_function)
        .op(ops::get_function_configuration)
        .op(ops::invoke)
        .op(ops::list_aliases)
        .op(ops::list_functions)
        .op(ops::list_tags)
        .op(ops::list_versions_by_function)
        .op(ops::publish_version)
        .op(ops::tag_resource)
        .op(ops::untag_resource)
        .op(ops::update_alias)
        .op(ops::update_function_code)
        .op(ops::update_function_configuration)
        .job("collect unused packages", collect::run)
        .job("settle functions", settle::run)
        .job("ship function logs", log_shipping::run)
        .done()
}
