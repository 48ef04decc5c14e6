//! API Gateway's HTTP APIs, routes of HTTP requests to functions and to other HTTP servers, and its WebSocket APIs,
//! routes of messages. One crate serves both APIs that they have: `apigatewayv2` configures them, and with
//! `apigatewaymanagementapi` functions speak to open connections.
//!
//! Start with `site.rs`, the road of a request to an API, and `deployment.rs`, which says what an API serves: not what
//! is configured, but a copy of it that a stage points to. `websocket.rs` is the road of those who come to stay.

mod api;
mod authorizer;
mod cors;
mod deployment;
mod domain;
mod integration;
mod keys;
mod management;
mod mapping;
mod openapi;
mod ops;
mod page;
mod refusal;
mod route;
mod site;
mod stage;
mod tags;
mod websocket;

use std::sync::Arc;

use execute_api::Front;
use execute_api::deployed::{Deployed, Known};
use execute_api::throttle::Throttle;
use execute_api::verdict::Verdicts;
use http_client::Client;
use service::Service;

use api::Api;
use deployment::Deployment;
use keys::{APIS, OWNERS, STAGES};
use stage::Stage;
use websocket::Connections;

/// What is held in memory; all of it can be made anew, but for connections, which are gone with their sockets.
pub(crate) struct HttpApis {
    client: Client,
    deployed: Deployed<Deployment>,
    known: Known<Api, Stage>,
    front: Arc<Front>,
    throttle: Throttle,
    verdicts: Verdicts,
    connections: Connections,
}

pub(crate) type Ctx = service::Ctx<HttpApis>;

/// Both APIs and their operations. `front` is REST APIs' too, whose service reads custom domains
/// at the start.
pub fn services(front: Arc<Front>) -> [Service; 2] {
    let edge = management::ConnectionsEdge(Arc::clone(&front));
    let state = Arc::new(HttpApis {
        client: Client::default(),
        deployed: Deployed::default(),
        known: Known::of(OWNERS, APIS, STAGES),
        front,
        throttle: Throttle::default(),
        verdicts: Verdicts::default(),
        connections: Connections::default(),
    });
    let management = Service::new(&api_apigatewaymanagementapi::SERVICE, Arc::clone(&state))
        .op(ops::connections::delete_connection)
        .op(ops::connections::get_connection)
        .op(ops::connections::post_to_connection)
        .edge(edge)
        .done();
    let service = Service::new(&api_apigatewayv2::SERVICE, state)
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
        .op(ops::domains::create_domain_name)
        .op(ops::domains::delete_domain_name)
        .op(ops::domains::get_domain_name)
        .op(ops::domains::get_domain_names)
        .op(ops::domains::update_domain_name)
        .op(ops::integration_responses::create_integration_response)
        .op(ops::integration_responses::delete_integration_response)
        .op(ops::integration_responses::get_integration_response)
        .op(ops::integration_responses::get_integration_responses)
        .op(ops::integration_responses::update_integration_response)
        .op(ops::integrations::create_integration)
        .op(ops::integrations::delete_integration)
        .op(ops::integrations::get_integration)
        .op(ops::integrations::get_integrations)
        .op(ops::integrations::update_integration)
        .op(ops::mappings::create_api_mapping)
        .op(ops::mappings::delete_api_mapping)
        .op(ops::mappings::get_api_mapping)
        .op(ops::mappings::get_api_mappings)
        .op(ops::mappings::update_api_mapping)
        .op(ops::openapi::export_api)
        .op(ops::openapi::import_api)
        .op(ops::openapi::reimport_api)
        .op(ops::route_responses::create_route_response)
        .op(ops::route_responses::delete_route_response)
        .op(ops::route_responses::get_route_response)
        .op(ops::route_responses::get_route_responses)
        .op(ops::route_responses::update_route_response)
        .op(ops::routes::create_route)
        .op(ops::routes::delete_route)
        .op(ops::routes::delete_route_request_parameter)
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
        .done();
    [service, management]
}
