//! API Gateway's HTTP APIs: routes of HTTP requests to functions and to other HTTP servers.
//!
//! Start with `site.rs`, the road of a request to an API, and `deployment.rs`, which says what an API serves: not what
//! is configured, but a copy of it that a stage points to.

mod api;
mod authorizer;
mod cors;
mod deployment;
mod integration;
mod keys;
mod mapping;
mod ops;
mod page;
mod refusal;
mod route;
mod site;
mod stage;
mod tags;

use std::sync::Arc;

use execute_api::jwt::Issuers;
use execute_api::throttle::Throttle;
use execute_api::verdict::Verdicts;
use http_client::Client;
use service::Service;

/// What HTTP APIs hold in memory; all of it can be made anew.
#[derive(Default)]
pub(crate) struct HttpApis {
    client: Client,
    issuers: Issuers,
    throttle: Throttle,
    verdicts: Verdicts,
}

pub(crate) type Ctx = service::Ctx<HttpApis>;

/// The service and its operations.
pub fn service() -> Service {
    Service::new(&api_apigatewayv2::SERVICE, Arc::new(HttpApis::default()))
        .op(ops::apis::create_api)
        .op(ops::apis::delete_api)
        .op(ops::apis::delete_cors_configuration)
        .op(ops::apis::get_api)
        .op(ops::apis::get_apis)
        .op(ops::apis::update_api)
        .op(ops::authorizers::create_authorizer)
        .op(ops::authorizers::delete_authorizer)
        .op(ops::authorizers::get_authorizer)
        .op(ops::authorizers::get_authorizers)
        .op(ops::authorizers::reset_authorizers_cache)
        .op(ops::authorizers::update_authorizer)
        .op(ops::deployments::create_deployment)
        .op(ops::deployments::delete_deployment)
        .op(ops::deployments::get_deployment)
        .op(ops::deployments::get_deployments)
        .op(ops::deployments::update_deployment)
        .op(ops::integrations::create_integration)
        .op(ops::integrations::delete_integration)
        .op(ops::integrations::get_integration)
        .op(ops::integrations::get_integrations)
        .op(ops::integrations::update_integration)
        .op(ops::routes::create_route)
        .op(ops::routes::delete_route)
        .op(ops::routes::get_route)
        .op(ops::routes::get_routes)
        .op(ops::routes::update_route)
        .op(ops::stages::create_stage)
        .op(ops::stages::delete_stage)
        .op(ops::stages::get_stage)
        .op(ops::stages::get_stages)
        .op(ops::stages::update_stage)
        .op(ops::tags::get_tags)
        .op(ops::tags::tag_resource)
        .op(ops::tags::untag_resource)
        .site(site::HttpApiSite)
        .done()
}
