//! Custom domain names in this API's words, and the checks that it makes of one.

use api_apigatewayv2 as model;
use api_apigatewayv2::{DomainNameConfiguration, EndpointType, IpAddressType, SecurityPolicy};
use aws_wire::Result;
use env::Timestamp;
use execute_api::domain::{self, Domain, Endpoint, FORMAT, Mapping};
use execute_api::keys::DomainKey;

use crate::Ctx;
use crate::refusal::bad_request;

/// How every domain finds the API of a request.
const SELECTION: &str = "$request.basepath";

pub(crate) fn key(cx: &Ctx, name: &str) -> DomainKey {
    (cx.caller.account.to_string(), cx.caller.region.to_string(), name.to_ascii_lowercase())
}

/// A domain of the one configuration that a client gives, over what there is.
///
/// # Errors
/// 400 for what can't be.
pub(crate) fn check(
    cx: &Ctx,
    given: Option<Vec<DomainNameConfiguration>>,
    before: Option<&Domain>,
) -> Result<Domain> {
    let mut given = given.unwrap_or_default();
    let (Some(given), None) = (given.pop(), given.pop()) else {
        return Err(bad_request("Invalid domain name configurations: exactly one must be given"));
    };
    if given.endpoint_type.is_some_and(|kind| kind != EndpointType::Regional) {
        // Who has both APIs has EDGE by the other.
        return Err(bad_request("Only REGIONAL endpoint type is supported for this domain name"));
    }
    let old = || before.cloned();
    let certificate_arn = given.certificate_arn.or_else(|| old()?.certificate_arn);
    let Some(arn) = certificate_arn else {
        return Err(bad_request("Invalid domain name configuration: a certificate ARN must be given"));
    };
    let parts = arn.split(':').collect::<Vec<_>>();
    if parts.len() != 6 || parts[0] != "arn" || !matches!(parts[2], "acm" | "iam") {
        return Err(bad_request(format!("Invalid certificate ARN: {arn}")));
    }
    let policy = given.security_policy.map(|policy| policy.as_str().to_owned());
    let policy = policy.or_else(|| old().map(|old| old.security_policy));
    let target = old().map(|old| old.target);
    Ok(Domain {
        format: FORMAT,
        endpoint: before.map_or(Endpoint::Regional, |before| before.endpoint),
        target: target.unwrap_or_else(|| domain::target(&cx.env, Endpoint::Regional, &cx.caller.region)),
        dual_stack: match given.ip_address_type {
            Some(kind) => kind == IpAddressType::Dualstack,
            None => before.is_some_and(|before| before.dual_stack),
        },
        certificate_arn: Some(arn),
        certificate_name: given.certificate_name.or_else(|| old()?.certificate_name),
        ownership_certificate_arn: given
            .ownership_verification_certificate_arn
            .or_else(|| old()?.ownership_certificate_arn),
        security_policy: policy.unwrap_or_else(|| SecurityPolicy::Tls1_2.as_str().to_owned()),
        tags: old().map(|old| old.tags).unwrap_or_default(),
        created_us: before.map_or_else(|| cx.env.now().as_micros(), |before| before.created_us),
    })
}

pub(crate) fn shown(key: &DomainKey, domain: &Domain) -> model::DomainName {
    let edge = domain.endpoint == Endpoint::Edge;
    let configuration = DomainNameConfiguration {
        api_gateway_domain_name: Some(domain.target.clone()),
        certificate_arn: domain.certificate_arn.clone(),
        certificate_name: domain.certificate_name.clone(),
        certificate_upload_date: edge.then(|| Timestamp::from_secs(domain.created_us / 1_000_000)),
        domain_name_status: Some(model::DomainNameStatus::Available),
        domain_name_status_message: None,
        endpoint_type: Some(if edge { EndpointType::Edge } else { EndpointType::Regional }),
        hosted_zone_id: None,
        ip_address_type: Some(if domain.dual_stack { IpAddressType::Dualstack } else { IpAddressType::Ipv4 }),
        security_policy: domain.security_policy.parse().ok(),
        ownership_verification_certificate_arn: domain.ownership_certificate_arn.clone(),
    };
    model::DomainName {
        api_mapping_selection_expression: Some(SELECTION.to_owned()),
        domain_name: key.2.clone(),
        domain_name_arn: Some(domain::arn(key)),
        domain_name_configurations: Some(vec![configuration]),
        mutual_tls_authentication: None,
        routing_mode: Some(model::RoutingMode::ApiMappingOnly),
        tags: Some(domain.tags.clone()),
    }
}

pub(crate) fn shown_mapping(path: &str, mapping: &Mapping) -> model::ApiMapping {
    model::ApiMapping {
        api_id: mapping.api_id.clone(),
        api_mapping_id: Some(mapping.id.clone()),
        api_mapping_key: Some(path.to_owned()),
        // One that was made by the other API may leave it to requests.
        stage: mapping.stage.clone().unwrap_or_default(),
    }
}
