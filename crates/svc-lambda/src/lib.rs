//! Lambda: functions, their packages, and the way from an Invoke to an execution environment.
//!
//! Start with `ops/create_function.rs` and `ops/invoke.rs`; `function.rs` has the record and its states.

mod alias;
mod attached;
mod collect;
mod function;
mod image_code;
mod keys;
mod layer;
mod layer_policy;
mod locations;
mod log_shipping;
mod name;
mod objects;
mod ops;
mod package;
mod page;
mod published;
mod settings;
mod settle;
mod shown;
mod source;
mod versions;

use std::path::PathBuf;
use std::sync::Arc;

use aws_auth::Presigner;
use blob::Blobs;
use env::Env;
use execution::{Pools, Runtimes};
use image::Images;
use service::Service;
use tokio::sync::mpsc;

pub use log_shipping::{LogShipper, Shipment};
pub use objects::{Object, ObjectName, ObjectRefused, Objects};

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
    /// Signs the URLs that packages can be downloaded by.
    pub presigner: Presigner,
    /// Where packages are fetched from; without one such requests are refused.
    pub objects: Option<Arc<dyn Objects>>,
    /// The folder of local images: OCI layouts, and archives of `docker save`.
    pub images: PathBuf,
    /// Registries that images may come from, by host and port.
    pub registries: Vec<String>,
}

/// The service's state.
pub(crate) struct Lambda {
    pools: Pools,
    runtimes: Arc<Runtimes>,
    packages: Packages,
    presigner: Presigner,
    objects: Option<Arc<dyn Objects>>,
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
        packages: Packages::new(
            Arc::clone(&config.blobs),
            config.trees,
            config.env.clone(),
            Images::new(config.images, config.registries, config.blobs, config.env),
        ),
        presigner: config.presigner,
        objects: config.objects,
        versions: Versions::default(),
        to_settle,
        settling: settling.into(),
        shipment: config.shipment.into(),
    };
    Service::new(&api_lambda::SERVICE, Arc::new(state))
        .op(ops::add_layer_version_permission)
        .op(ops::create_alias)
        .op(ops::create_function)
        .op(ops::delete_alias)
        .op(ops::delete_function)
        .op(ops::delete_layer_version)
        .op(ops::get_account_settings)
        .op(ops::get_alias)
        .op(ops::get_function)
        .op(ops::get_function_configuration)
        .op(ops::get_layer_version)
        .op(ops::get_layer_version_by_arn)
        .op(ops::get_layer_version_policy)
        .op(ops::invoke)
        .op(ops::list_aliases)
        .op(ops::list_functions)
        .op(ops::list_layer_versions)
        .op(ops::list_layers)
        .op(ops::list_tags)
        .op(ops::list_versions_by_function)
        .op(ops::publish_layer_version)
        .op(ops::publish_version)
        .op(ops::remove_layer_version_permission)
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
