//! Custom domain names in this API's words, and the checks that it makes of one.

use api_apigateway as model;
use api_apigateway::{EndpointConfiguration, EndpointType, IpAddressType, SecurityPolicy};
use aws_wire::{AwsError, Result};
use env::Timestamp;
use execute_api::domain::{self, Domain, Endpoint, FORMAT, Mapping};
use execute_api::keys::DomainKey;

use crate::patch::Patch;
use crate::refusal::{bad_request, not_honoured};
use crate::resource::some;
use crate::{Ctx, tags};

/// What stands for no path.
pub(crate) const NO_PATH: &str = "(none)";
/// Where certificates of edge-optimized domains are.
const EDGE_REGION: &str = "us-east-1";

pub(crate) fn key(cx: &Ctx, name: &str) -> DomainKey {
    (cx.caller.account.to_string(), cx.caller.region.to_string(), name.to_ascii_lowercase())
}

/// A new domain of what a client gives.
///
/// # Errors
/// 400 for what can't be, 501 for what is not honoured.
pub(crate) fn check(cx: &Ctx, input: model::CreateDomainNameInput) -> Result<Domain> {
    let endpoint = input.endpoint_configuration.unwrap_or_default();
    let types = endpoint.types.unwrap_or_default();
    let uploads = input.certificate_body.is_some()
        || input.certificate_private_key.is_some()
        || input.certificate_chain.is_some();
    let routing = input.routing_mode.is_some_and(|mode| mode != model::RoutingMode::BasePathMappingOnly);
    let strict = input.endpoint_access_mode == Some(model::EndpointAccessMode::Strict);
    not_honoured(
        "CreateDomainName",
        &[
            ("certificateBody", uploads),
            ("mutualTlsAuthentication", input.mutual_tls_authentication.is_some()),
            ("policy", input.policy.is_some()),
            ("routingMode", routing),
            ("endpointAccessMode", strict),
            ("endpointConfiguration PRIVATE", types.contains(&EndpointType::Private)),
        ],
    )?;
    let kind = match types[..] {
        [] | [EndpointType::Edge] => Endpoint::Edge,
        [EndpointType::Regional] => Endpoint::Regional,
        _ => return Err(bad_request("Only one endpoint type is supported for a domain name")),
    };
    let (certificate_arn, certificate_name) = match kind {
        Endpoint::Edge => (input.certificate_arn, input.certificate_name),
        Endpoint::Regional => (input.regional_certificate_arn, input.regional_certificate_name),
    };
    let domain = Domain {
        format: FORMAT,
        endpoint: kind,
        target: domain::target(&cx.env, kind, &cx.caller.region),
        dual_stack: endpoint.ip_address_type == Some(IpAddressType::Dualstack),
        certificate_arn,
        certificate_name,
        ownership_certificate_arn: input.ownership_verification_certificate_arn,
        security_policy: input.security_policy.unwrap_or(SecurityPolicy::Tls1_2).as_str().to_owned(),
        tags: input.tags.unwrap_or_default(),
        created_us: cx.env.now().as_micros(),
    };
    tags::check(&domain.tags)?;
    checked(domain)
}

fn checked(domain: Domain) -> Result<Domain> {
    let wanted = match domain.endpoint {
        Endpoint::Edge => "certificateArn",
        Endpoint::Regional => "regionalCertificateArn",
    };
    let Some(arn) = &domain.certificate_arn else {
        return Err(bad_request(format!("A certificate must be provided: {wanted} is missing")));
    };
    let parts = arn.split(':').collect::<Vec<_>>();
    let is_certificate = parts.len() == 6 && parts[0] == "arn" && matches!(parts[2], "acm" | "iam");
    if !is_certificate {
        return Err(bad_request(format!("Invalid certificate ARN: {arn}")));
    }
    if domain.endpoint == Endpoint::Edge && parts[2] == "acm" && parts[3] != EDGE_REGION {
        return Err(bad_request(format!(
            "Invalid certificate ARN: {arn}. Certificate must be in '{EDGE_REGION}'."
        )));
    }
    Ok(domain)
}

pub(crate) fn shown(key: &DomainKey, domain: &Domain) -> model::DomainName {
    let uploaded = Some(Timestamp::from_secs(domain.created_us / 1_000_000));
    let edge = domain.endpoint == Endpoint::Edge;
    let (arn, name, target) =
        (domain.certificate_arn.clone(), domain.certificate_name.clone(), Some(domain.target.clone()));
    let ip_address_type = if domain.dual_stack { IpAddressType::Dualstack } else { IpAddressType::Ipv4 };
    model::DomainName {
        domain_name: Some(key.2.clone()),
        domain_name_id: None,
        domain_name_arn: Some(domain::arn(key)),
        certificate_name: name.clone().filter(|_| edge),
        certificate_arn: arn.clone().filter(|_| edge),
        certificate_upload_date: uploaded,
        regional_domain_name: target.clone().filter(|_| !edge),
        regional_hosted_zone_id: None,
        regional_certificate_name: name.filter(|_| !edge),
        regional_certificate_arn: arn.filter(|_| !edge),
        distribution_domain_name: target.filter(|_| edge),
        distribution_hosted_zone_id: None,
        endpoint_configuration: Some(EndpointConfiguration {
            types: Some(vec![if edge { EndpointType::Edge } else { EndpointType::Regional }]),
            ip_address_type: Some(ip_address_type),
            vpc_endpoint_ids: None,
        }),
        domain_name_status: Some(model::DomainNameStatus::Available),
        domain_name_status_message: None,
        security_policy: domain.security_policy.parse().ok(),
        endpoint_access_mode: None,
        tags: some(domain.tags.clone()),
        mutual_tls_authentication: None,
        ownership_verification_certificate_arn: domain.ownership_certificate_arn.clone(),
        management_policy: None,
        policy: None,
        routing_mode: Some(model::RoutingMode::BasePathMappingOnly),
    }
}

/// # Errors
/// 400 for a path that a domain has not and for what it would be none with, 501 for one that is not honoured.
pub(crate) fn patched(mut domain: Domain, patch: &Patch) -> Result<Domain> {
    let edge = domain.endpoint == Endpoint::Edge;
    match patch.segments()[..] {
        ["certificateArn"] if edge => domain.certificate_arn = patch.optional(),
        ["certificateName"] if edge => domain.certificate_name = patch.optional(),
        ["regionalCertificateArn"] if !edge => domain.certificate_arn = patch.optional(),
        ["regionalCertificateName"] if !edge => domain.certificate_name = patch.optional(),
        ["ownershipVerificationCertificateArn"] => domain.ownership_certificate_arn = patch.optional(),
        ["securityPolicy"] => {
            let policy = patch.text()?;
            policy.parse::<SecurityPolicy>().map_err(|()| patch.invalid())?;
            domain.security_policy = policy;
        }
        ["endpointConfiguration", "ipAddressType"] => {
            let kind = patch.text()?.parse::<IpAddressType>().map_err(|()| patch.invalid())?;
            domain.dual_stack = kind == IpAddressType::Dualstack;
        }
        ["endpointConfiguration", ..]
        | ["mutualTlsAuthentication", ..]
        | ["policy" | "managementPolicy"]
        | ["routingMode"]
        | ["endpointAccessMode"] => {
            let path = patch.segments().join("/");
            return Err(AwsError::parameter_not_implemented("UpdateDomainName", &path));
        }
        _ => return Err(patch.invalid()),
    }
    checked(domain)
}

/// A mapping as this API has it.
pub(crate) fn shown_mapping(path: &str, mapping: &Mapping) -> model::BasePathMapping {
    model::BasePathMapping {
        base_path: Some(if path.is_empty() { NO_PATH } else { path }.to_owned()),
        rest_api_id: Some(mapping.api_id.clone()),
        stage: mapping.stage.clone(),
    }
}

/// The path that a client names.
///
/// # Errors
/// 400 for one of several levels.
pub(crate) fn path_of(given: Option<&str>) -> Result<String> {
    match given {
        None | Some("" | NO_PATH) => Ok(String::new()),
        Some(path) if path.contains('/') => Err(bad_request(
            "API Gateway V1 doesn't support the slash character (/) in base path mappings. To create a multi-level \
             base path mapping, use API Gateway V2.",
        )),
        Some(path) => Ok(path.to_owned()),
    }
}
