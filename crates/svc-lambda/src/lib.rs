//! Lambda: functions, their packages, and the way from an Invoke to an execution environment.
//!
//! Start with `ops/create_function.rs` and `ops/invoke.rs`; `function.rs` has the record and its states.

mod alias;
mod asynchronous;
mod attached;
mod code_signing;
mod collect;
mod concurrency;
mod event_source;
mod event_source_mapping;
mod filter_pattern;
mod function;
mod image_code;
mod keys;
mod layer;
mod layer_policy;
mod locations;
mod log_shipping;
mod logging;
mod mapping_checks;
mod mapping_settings;
mod mappings;
mod name;
mod objects;
mod ops;
mod package;
mod page;
mod policy;
mod provisioned;
mod published;
mod runtime_management;
mod segments;
mod settings;
mod settle;
mod shown;
mod snap_start;
mod source;
mod tagged;
mod trace;
mod unpack;
mod url;
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

pub use asynchronous::record::object_key as failure_object_key;
pub use event_source::{Described, EventSources, NoEventSources, SourceKind};
pub use event_source_mapping::{EventSourceMapping, MappingState, Source};
pub use log_shipping::{LogShipper, Shipment};
pub use mapping_settings::{DocumentDb, MappingSettings, Pollers};
pub use objects::{Object, ObjectName, ObjectRefused, Objects};
pub use segments::{SegmentShipper, Segments};

use crate::concurrency::Reservations;
use crate::keys::FunctionKey;
use crate::mappings::Mappings;
use crate::package::Packages;
use crate::provisioned::Changed;
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
    /// The other end of the `SegmentShipper` that the pools tell.
    pub segments: Segments,
    /// Whoever polls queues and streams.
    pub event_sources: Arc<dyn EventSources>,
    /// Of the endpoint, as functions' URLs name it.
    pub port: u16,
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
    /// Of the endpoint.
    port: u16,
    reservations: Reservations,
    provisioned: Changed,
    /// Functions that wait to be made live.
    to_settle: mpsc::Sender<FunctionKey>,
    settling: tokio::sync::Mutex<mpsc::Receiver<FunctionKey>>,
    shipment: tokio::sync::Mutex<Shipment>,
    segments: tokio::sync::Mutex<Segments>,
    mappings: Mappings,
    policies: policy::Policies,
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
        packages: Packages::new(
            Arc::clone(&config.blobs),
            config.trees,
            config.env.clone(),
            Images::new(config.images, config.registries, config.blobs, config.env),
        ),
        presigner: config.presigner,
        objects: config.objects,
        versions: Versions::default(),
        port: config.port,
        reservations: Reservations::default(),
        provisioned: Changed::default(),
        to_settle,
        settling: settling.into(),
        shipment: config.shipment.into(),
        segments: config.segments.into(),
        mappings: Mappings::new(config.event_sources),
        policies: policy::Policies::default(),
        events,
    };
    Service::new(&api_lambda::SERVICE, Arc::new(state))
        .op(ops::add_layer_version_permission)
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
        .op(ops::delete_function_concurrency)
        .op(ops::delete_function_event_invoke_config)
        .op(ops::delete_function_url_config)
        .op(ops::delete_layer_version)
        .op(ops::delete_provisioned_concurrency_config)
        .op(ops::delete_resource_policy)
        .op(ops::get_account_settings)
        .op(ops::get_alias)
        .op(ops::get_code_signing_config)
        .op(ops::get_event_source_mapping)
        .op(ops::get_function)
        .op(ops::get_function_code_signing_config)
        .op(ops::get_function_concurrency)
        .op(ops::get_function_configuration)
        .op(ops::get_function_event_invoke_config)
        .op(ops::get_function_recursion_config)
        .op(ops::get_function_url_config)
        .op(ops::get_layer_version)
        .op(ops::get_layer_version_by_arn)
        .op(ops::get_layer_version_policy)
        .op(ops::get_policy)
        .op(ops::get_provisioned_concurrency_config)
        .op(ops::get_resource_policy)
        .op(ops::get_runtime_management_config)
        .op(ops::invoke)
        .op(ops::invoke_async)
        .op(ops::invoke_with_response_stream)
        .op(ops::list_aliases)
        .op(ops::list_code_signing_configs)
        .op(ops::list_event_source_mappings)
        .op(ops::list_function_event_invoke_configs)
        .op(ops::list_function_url_configs)
        .op(ops::list_functions)
        .op(ops::list_functions_by_code_signing_config)
        .op(ops::list_layer_versions)
        .op(ops::list_layers)
        .op(ops::list_provisioned_concurrency_configs)
        .op(ops::list_tags)
        .op(ops::list_versions_by_function)
        .op(ops::publish_layer_version)
        .op(ops::publish_version)
        .op(ops::put_function_code_signing_config)
        .op(ops::put_function_concurrency)
        .op(ops::put_function_event_invoke_config)
        .op(ops::put_function_recursion_config)
        .op(ops::put_provisioned_concurrency_config)
        .op(ops::put_resource_policy)
        .op(ops::put_runtime_management_config)
        .op(ops::remove_layer_version_permission)
        .op(ops::remove_permission)
        .op(ops::tag_resource)
        .op(ops::untag_resource)
        .op(ops::update_alias)
        .op(ops::update_code_signing_config)
        .op(ops::update_event_source_mapping)
        .op(ops::update_function_code)
        .op(ops::update_function_configuration)
        .op(ops::update_function_event_invoke_config)
        .op(ops::update_function_url_config)
        .target("lambda", asynchronous::attempt::target::check, asynchronous::attempt::target::deliver)
        .door("lambda", asynchronous::attempt::target::admit)
        .site(url::UrlSite)
        .job("collect unused packages", collect::run)
        .job("provision concurrency", provisioned::run)
        .job("settle event source mappings", mappings::run)
        .job("run events", asynchronous::run)
        .job("settle functions", settle::run)
        .job("ship function logs", log_shipping::run)
        .job("ship segments of traces", segments::run)
        .job("unpack packages anew", unpack::run)
        .done()
}
