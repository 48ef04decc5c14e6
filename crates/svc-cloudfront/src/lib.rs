//! CloudFront: distributions in front of buckets, websites and HTTP servers, with a cache, and with functions at the
//! four points of a request's way (Lambda@Edge).
//!
//! Start with `site.rs`, the road of a request; `plan.rs` is what a distribution's configuration means there. `things.rs`
//! is the road of everything that is configured.

mod access;
mod distribution;
mod invalidation;
mod keys;
mod names;
mod ops;
mod plan;
mod policies;
mod refusal;
mod site;
mod things;

use std::sync::Arc;

use http_client::Client;
use service::Service;

/// What distributions hold in memory; all of it can be made anew.
#[derive(Default)]
pub(crate) struct Edge {
    names: names::Names,
    cache: site::cache::Cache,
    client: Client,
}

pub(crate) type Ctx = service::Ctx<Edge>;

/// The service and its operations.
pub fn service() -> Service {
    Service::new(&api_cloudfront::SERVICE, Arc::new(Edge::default()))
        .op(ops::distributions::create_distribution)
        .op(ops::distributions::create_distribution_with_tags)
        .op(ops::distributions::delete_distribution)
        .op(ops::distributions::get_distribution)
        .op(ops::distributions::get_distribution_config)
        .op(ops::distributions::list_distributions)
        .op(ops::distributions::list_distributions_by_cache_policy_id)
        .op(ops::distributions::list_distributions_by_origin_request_policy_id)
        .op(ops::distributions::list_distributions_by_response_headers_policy_id)
        .op(ops::distributions::update_distribution)
        .op(ops::invalidations::create_invalidation)
        .op(ops::invalidations::get_invalidation)
        .op(ops::invalidations::list_invalidations)
        .op(ops::tags::list_tags_for_resource)
        .op(ops::tags::tag_resource)
        .op(ops::tags::untag_resource)
        .op(ops::things::create_cache_policy)
        .op(ops::things::create_cloud_front_origin_access_identity)
        .op(ops::things::create_origin_access_control)
        .op(ops::things::create_origin_request_policy)
        .op(ops::things::create_response_headers_policy)
        .op(ops::things::delete_cache_policy)
        .op(ops::things::delete_cloud_front_origin_access_identity)
        .op(ops::things::delete_origin_access_control)
        .op(ops::things::delete_origin_request_policy)
        .op(ops::things::delete_response_headers_policy)
        .op(ops::things::get_cache_policy)
        .op(ops::things::get_cache_policy_config)
        .op(ops::things::get_cloud_front_origin_access_identity)
        .op(ops::things::get_cloud_front_origin_access_identity_config)
        .op(ops::things::get_origin_access_control)
        .op(ops::things::get_origin_access_control_config)
        .op(ops::things::get_origin_request_policy)
        .op(ops::things::get_origin_request_policy_config)
        .op(ops::things::get_response_headers_policy)
        .op(ops::things::get_response_headers_policy_config)
        .op(ops::things::list_cache_policies)
        .op(ops::things::list_cloud_front_origin_access_identities)
        .op(ops::things::list_origin_access_controls)
        .op(ops::things::list_origin_request_policies)
        .op(ops::things::list_response_headers_policies)
        .op(ops::things::update_cache_policy)
        .op(ops::things::update_cloud_front_origin_access_identity)
        .op(ops::things::update_origin_access_control)
        .op(ops::things::update_origin_request_policy)
        .op(ops::things::update_response_headers_policy)
        .site(site::DistributionSite)
        .edge(refusal::CloudFrontEdge)
        .job("read the names of distributions", names::run)
        .done()
}
