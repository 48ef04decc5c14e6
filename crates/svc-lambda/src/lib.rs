//! Lambda: functions, their packages, and the way from an Invoke to an execution environment.
//!
//! Start with `ops/create_function.rs` and `ops/invoke.rs`; `function.rs` has the record and its states.

mod alias;
mod asynchronous;
mod code_signing;
mod collect;
mod event_source;
mod event_source_mapping;
mod filter_pattern;
mod function;
mod keys;
mod log_shipping;
mod logging;
mod mapping_checks;
mod mapping_settings;
mod mappings;
mod name;
mod ops;
mod package;
mod page;
mod policy;
mod published;
mod runtime_management;
mod settings;
mod settle;
mod shown;
mod tagged;
mod trace;
mod url;
mod versions;

use std::path::PathBuf;
use std::sync::Arc;

use blob::Blobs;
use env::Env;
use execution::{Pools, Runtimes};
use service::Service;
use tokio::sync::mpsc;

pub use event_source::{Described, EventSources, NoEventSources, SourceKind};
pub use event_source_mapping::{EventSourceMapping, MappingState, Source};
pub use log_shipping::{LogShipper, Shipment};
pub use mapping_settings::{DocumentDb, MappingSettings, Pollers};

use crate::keys::FunctionKey;
use crate::mappings::Mappings;
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
    /// Whoever polls queues and streams.
    pub event_sources: Arc<dyn EventSources>,
    /// Of the endpoint, as functions' URLs name it.
    pub port: u16,
}

/// The service's state.
pub(crate) struct Lambda {
    pools: Pools,
    runtimes: Arc<Runtimes>,
    packages: Packages,
    versions: Versions,
    /// Of the endpoint.
    port: u16,
    /// Functions that wait to be made live.
    to_settle: mpsc::Sender<FunctionKey>,
    settling: tokio::sync::Mutex<mpsc::Receiver<FunctionKey>>,
    shipment: tokio::sync::Mutex<Shipment>,
    mappings: Mappings,
    events: Arc<asynchronous::Queue>,
}

/// Functions that may wait to be made live; a create beyond that waits for its turn.
const SETTLING_MAX: usize = 1024;

pub(crate) type Ctx = service::Ctx<Lambda>;

/// The service and its operations.
pub fn service(config: Config) -> Service {
    let (to_settle, settling) = mpsc::channel(SETTLING_MAX);
    // Callers who wait must find room: events take at most half of the account's concurrency.
    let events = Arc::new(asynchronous::Queue::new(config.pools.concurrency_max() / 2));
    let state = Lambda {
        pools: config.pools,
        runtimes: config.runtimes,
        packages: Packages::new(config.blobs, config.trees, config.env),
        versions: Versions::default(),
        port: config.port,
        to_settle,
        settling: settling.into(),
        shipment: config.shipment.into(),
        mappings: Mappings::new(config.event_sources),
        events,
    };
    Service::new(&api_lambda::SERVICE, Arc::new(state))
        .op(ops::add_permission)
        .op(ops::create_alias)
        .op(ops::create_code_signing_config)
        .op(ops::create_event_source_mapping)
        .op(ops::create_function)
        .op(ops::create_function_url_config)
        .op(ops::delete_alias)
        .op(ops::delete_code_signing_config)
        .op(ops::delete_event_source_mapping)
        .op(ops::delete_function)
        .op(ops::delete_function_code_signing_config)
        .op(ops::delete_resource_policy)
        .op(ops::delete_function_event_invoke_config)
        .op(ops::delete_function_url_config)
        .op(ops::get_account_settings)
        .op(ops::get_alias)
        .op(ops::get_code_signing_config)
        .op(ops::get_event_source_mapping)
        .op(ops::get_function)
        .op(ops::get_function_code_signing_config)
        .op(ops::get_function_configuration)
        .op(ops::get_policy)
        .op(ops::get_resource_policy)
        .op(ops::get_runtime_management_config)
        .op(ops::get_function_event_invoke_config)
        .op(ops::get_function_recursion_config)
        .op(ops::invoke)
        .op(ops::invoke_async)
        .op(ops::list_aliases)
        .op(ops::list_code_signing_configs)
        .op(ops::list_event_source_mappings)
        .op(ops::list_function_event_invoke_configs)
        .op(ops::get_function_url_config)
        .op(ops::invoke)
        .op(ops::invoke_with_response_stream)
        .op(ops::list_aliases)
        .op(ops::list_function_url_configs)
        .op(ops::list_functions)
        .op(ops::list_functions_by_code_signing_config)
        .op(ops::list_tags)
        .op(ops::list_versions_by_function)
        .op(ops::publish_version)
        .op(ops::put_function_code_signing_config)
        .op(ops::put_resource_policy)
        .op(ops::put_runtime_management_config)
        .op(ops::remove_permission)
        .op(ops::put_function_event_invoke_config)
        .op(ops::put_function_recursion_config)
        .op(ops::tag_resource)
        .op(ops::untag_resource)
        .op(ops::update_alias)
        .op(ops::update_code_signing_config)
        .op(ops::update_event_source_mapping)
        .op(ops::update_function_code)
        .op(ops::update_function_configuration)
        .op(ops::update_function_event_invoke_config)
        .target("lambda", asynchronous::attempt::target::check, asynchronous::attempt::target::deliver)
        .op(ops::update_function_url_config)
        .site(url::UrlSite)
        .job("collect unused packages", collect::run)
        .job("settle event source mappings", mappings::run)
        .job("run events", asynchronous::run)
        .job("settle functions", settle::run)
        .job("ship function logs", log_shipping::run)
        .done()
}
