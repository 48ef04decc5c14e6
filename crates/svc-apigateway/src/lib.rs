//! API Gateway's REST APIs: resources and methods, with functions, HTTP servers or nothing at all behind them.
//!
//! Start with `site.rs`, the road of a request to an API, and `deployment.rs`, which says what an API serves: not what
//! is configured, but a copy of it that a stage points to.

mod api;
mod authorizer;
mod deployment;
mod domain;
mod gateway_response;
mod integration;
mod key;
mod keys;
mod model;
mod openapi;
mod ops;
mod page;
mod patch;
mod plan;
mod refusal;
mod resource;
mod site;
mod stage;
mod tags;
mod validator;

use std::sync::Arc;

use execute_api::Front;
use execute_api::deployed::{Deployed, Known};
use execute_api::throttle::Throttle;
use execute_api::verdict::Verdicts;
use http_client::Client;
use service::Service;

use api::RestApi;
use deployment::Deployment;
use keys::{APIS, OWNERS, STAGES};
use stage::Stage;

/// What REST APIs hold in memory; all of it can be made anew.
pub(crate) struct RestApis {
    client: Client,
    deployed: Deployed<Deployment>,
    known: Known<RestApi, Stage>,
    front: Arc<Front>,
    throttle: Throttle,
    verdicts: Verdicts,
}

pub(crate) type Ctx = service::Ctx<RestApis>;

/// The service and its operations. `front` is HTTP APIs' too.
pub fn service(front: Arc<Front>) -> Service {
    let state = RestApis {
        client: Client::default(),
        deployed: Deployed::default(),
        known: Known::of(OWNERS, APIS, STAGES),
        front,
        throttle: Throttle::default(),
        verdicts: Verdicts::default(),
    };
    let service = Service::new(&api_apigateway::SERVICE, Arc::new(state))
        .op(ops::openapi::get_export)
        .op(ops::openapi::import_rest_api)
        .op(ops::openapi::put_rest_api)
        .op(ops::apis::create_rest_api)
        .op(ops::apis::delete_rest_api)
        .op(ops::apis::get_rest_api)
        .op(ops::apis::get_rest_apis)
        .op(ops::apis::update_rest_api)
        .op(ops::authorizers::create_authorizer)
        .op(ops::authorizers::delete_authorizer)
        .op(ops::authorizers::flush_stage_authorizers_cache)
        .op(ops::authorizers::get_authorizer)
        .op(ops::authorizers::get_authorizers)
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
        .op(ops::gateway_responses::delete_gateway_response)
        .op(ops::gateway_responses::get_gateway_response)
        .op(ops::gateway_responses::get_gateway_responses)
        .op(ops::gateway_responses::put_gateway_response)
        .op(ops::gateway_responses::update_gateway_response)
        .op(ops::integrations::delete_integration)
        .op(ops::integrations::delete_integration_response)
        .op(ops::integrations::get_integration)
        .op(ops::integrations::get_integration_response)
        .op(ops::integrations::put_integration)
        .op(ops::integrations::put_integration_response)
        .op(ops::integrations::update_integration)
        .op(ops::integrations::update_integration_response)
        .op(ops::keys::create_api_key)
        .op(ops::keys::delete_api_key)
        .op(ops::keys::get_api_key)
        .op(ops::keys::get_api_keys)
        .op(ops::keys::update_api_key);
    service
        .op(ops::mappings::create_base_path_mapping)
        .op(ops::mappings::delete_base_path_mapping)
        .op(ops::mappings::get_base_path_mapping)
        .op(ops::mappings::get_base_path_mappings)
        .op(ops::mappings::update_base_path_mapping)
        .op(ops::methods::delete_method)
        .op(ops::methods::delete_method_response)
        .op(ops::methods::get_method)
        .op(ops::methods::get_method_response)
        .op(ops::methods::put_method)
        .op(ops::methods::put_method_response)
        .op(ops::methods::update_method)
        .op(ops::methods::update_method_response)
        .op(ops::models::create_model)
        .op(ops::models::create_request_validator)
        .op(ops::models::delete_model)
        .op(ops::models::delete_request_validator)
        .op(ops::models::get_model)
        .op(ops::models::get_models)
        .op(ops::models::get_request_validator)
        .op(ops::models::get_request_validators)
        .op(ops::models::update_model)
        .op(ops::models::update_request_validator)
        .op(ops::plans::create_usage_plan)
        .op(ops::plans::create_usage_plan_key)
        .op(ops::plans::delete_usage_plan)
        .op(ops::plans::delete_usage_plan_key)
        .op(ops::plans::get_usage_plan)
        .op(ops::plans::get_usage_plan_key)
        .op(ops::plans::get_usage_plan_keys)
        .op(ops::plans::get_usage_plans)
        .op(ops::plans::update_usage_plan)
        .op(ops::resources::create_resource)
        .op(ops::resources::delete_resource)
        .op(ops::resources::get_resource)
        .op(ops::resources::get_resources)
        .op(ops::resources::update_resource)
        .op(ops::stages::create_stage)
        .op(ops::stages::delete_stage)
        .op(ops::stages::get_stage)
        .op(ops::stages::get_stages)
        .op(ops::stages::update_stage)
        .op(ops::tags::get_tags)
        .op(ops::tags::tag_resource)
        .op(ops::tags::untag_resource)
        .op(ops::test_invoke_method::test_invoke_method)
        .prepare(|cx| async move { cx.state.front.domains.load(&cx.kv).await })
        .site(site::RestApiSite)
        .done()
}
