//! What is refused of a distribution's configuration: what AWS refuses, and what is not honoured here.

use std::collections::BTreeSet;

use api_cloudfront::{
    CacheBehavior, CustomErrorResponse, DistributionConfig, GeoRestrictionType, Method, Origin, errors,
};
use aws_wire::{AwsError, Result};
use kv::Read;

use super::{behaviors, edge_functions};
use crate::access::{AccessControls, AccessIdentities};
use crate::plan::{identity, s3_bucket};
use crate::policies::{CachePolicies, OriginRequestPolicies, ResponseHeadersPolicies};
use crate::things::{Kind, find};

const ALIASES_MAX: usize = 100;
const BEHAVIORS_MAX: usize = 75;
const ORIGINS_MAX: usize = 100;
const CUSTOM_HEADERS_MAX: usize = 30;
/// The statuses for which there are custom error responses.
const ERROR_CODES: [i32; 11] = [400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504];

fn invalid(message: impl Into<String>) -> AwsError {
    errors::invalid_argument(message)
}

fn refuse_asked(asked: &[(&str, bool)]) -> Result<()> {
    match asked.iter().find(|(_, is_asked)| *is_asked) {
        Some((parameter, _)) => Err(AwsError::parameter_not_implemented("CreateDistribution", parameter)),
        None => Ok(()),
    }
}

fn is_given(text: Option<&String>) -> bool {
    text.is_some_and(|text| !text.is_empty())
}

pub(super) fn check(reader: &impl Read, account: &str, config: &DistributionConfig) -> Result<()> {
    refuse_features(config)?;
    check_aliases(config)?;
    let root = config.default_root_object.as_deref().unwrap_or_default();
    if root.starts_with('/') || root.len() > 255 {
        return Err(errors::invalid_default_root_object(
            "The default root object file name is too big or contains an invalid character.",
        ));
    }
    if config.comment.chars().count() > 128 {
        return Err(invalid("The parameter Comment is too long."));
    }
    check_origins(reader, account, config)?;
    let behaviors = behaviors(config);
    if behaviors.len() > BEHAVIORS_MAX {
        return Err(errors::too_many_cache_behaviors(
            "Your request would cause you to exceed the maximum number of cache behaviors for this distribution.",
        ));
    }
    let (_, listed) = behaviors.split_last().expect("there is always the default one");
    let patterns = listed.iter().map(|behavior| &behavior.path_pattern).collect::<BTreeSet<_>>();
    if patterns.len() != listed.len() {
        return Err(invalid("The parameter PathPattern contains a duplicate."));
    }
    for behavior in &behaviors {
        check_behavior(reader, account, config, behavior)?;
    }
    let responses = config.custom_error_responses.iter().filter_map(|responses| responses.items.as_ref());
    responses.flatten().try_for_each(check_error_response)
}

fn refuse_features(config: &DistributionConfig) -> Result<()> {
    let geo = config.restrictions.as_ref().map(|restrictions| restrictions.geo_restriction.restriction_type);
    refuse_asked(&[
        ("OriginGroups", config.origin_groups.as_ref().is_some_and(|groups| groups.quantity > 0)),
        ("Logging", config.logging.as_ref().is_some_and(|logging| logging.enabled == Some(true))),
        ("Restrictions", geo.is_some_and(|kind| kind != GeoRestrictionType::None)),
        ("WebACLId", is_given(config.web_acl_id.as_ref())),
        ("ContinuousDeploymentPolicyId", is_given(config.continuous_deployment_policy_id.as_ref())),
        ("Staging", config.staging == Some(true)),
        ("AnycastIpListId", is_given(config.anycast_ip_list_id.as_ref())),
        ("TenantConfig", config.tenant_config.is_some()),
        ("ConnectionMode", config.connection_mode.is_some_and(|mode| mode.as_str() != "direct")),
        ("ViewerMtlsConfig", config.viewer_mtls_config.is_some()),
        ("ConnectionFunctionAssociation", config.connection_function_association.is_some()),
        ("CacheTagConfig", config.cache_tag_config.is_some()),
    ])
}

fn check_aliases(config: &DistributionConfig) -> Result<()> {
    let aliases = config.aliases.iter().filter_map(|aliases| aliases.items.as_ref()).flatten();
    let aliases = aliases.collect::<Vec<_>>();
    if aliases.len() > ALIASES_MAX {
        return Err(errors::too_many_distribution_cnam_es(
            "Your request contains more CNAMEs than are allowed per distribution.",
        ));
    }
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    for alias in aliases {
        let rest = alias.strip_prefix("*.").unwrap_or(alias);
        if !rest.contains('.') || !rest.split('.').all(is_label) {
            return Err(invalid(format!("The parameter CNAME contains an invalid domain name: {alias}")));
        }
    }
    Ok(())
}

fn check_origins(reader: &impl Read, account: &str, config: &DistributionConfig) -> Result<()> {
    let origins = &config.origins.items;
    if origins.is_empty() {
        return Err(invalid("The parameter Origins must contain at least one origin."));
    }
    if origins.len() > ORIGINS_MAX {
        return Err(errors::too_many_origins("You cannot create more origins for the distribution."));
    }
    let ids = origins.iter().map(|origin| &origin.id).collect::<BTreeSet<_>>();
    if ids.len() != origins.len() {
        return Err(invalid("The parameter Origin Id contains a duplicate."));
    }
    origins.iter().try_for_each(|origin| check_origin(reader, account, origin))
}

fn check_origin(reader: &impl Read, account: &str, origin: &Origin) -> Result<()> {
    refuse_asked(&[
        ("VpcOriginConfig", origin.vpc_origin_config.is_some()),
        ("OriginShield", origin.origin_shield.as_ref().is_some_and(|shield| shield.enabled)),
        ("ResponseCompletionTimeout", origin.response_completion_timeout.is_some()),
    ])?;
    let path = origin.origin_path.as_deref().unwrap_or_default();
    if !path.is_empty() && (!path.starts_with('/') || path.ends_with('/') || path.len() > 255) {
        return Err(invalid("The parameter Origin Path must begin with / and must not end with one."));
    }
    let headers = origin.custom_headers.iter().filter_map(|headers| headers.items.as_ref()).flatten();
    let headers = headers.collect::<Vec<_>>();
    if headers.len() > CUSTOM_HEADERS_MAX {
        return Err(errors::too_many_origin_custom_headers(
            "Your request contains too many origin custom headers.",
        ));
    }
    for header in headers {
        let is_name = http::HeaderName::try_from(header.header_name.as_str()).is_ok();
        if !is_name || http::HeaderValue::try_from(header.header_value.as_str()).is_err() {
            return Err(invalid(format!("The parameter HeaderName is not valid: {}", header.header_name)));
        }
    }
    if !(1..=3).contains(&origin.connection_attempts.unwrap_or(3)) {
        return Err(invalid("The parameter ConnectionAttempts must be between 1 and 3."));
    }
    if !(1..=10).contains(&origin.connection_timeout.unwrap_or(10)) {
        return Err(invalid("The parameter ConnectionTimeout must be between 1 and 10."));
    }
    if is_given(origin.origin_access_control_id.as_ref()) {
        let id = origin.origin_access_control_id.as_deref().unwrap_or_default();
        let s3 = s3_bucket(&origin.domain_name).is_some();
        if find::<AccessControls>(reader, account, id)?.is_none() || !s3 {
            return Err(errors::invalid_origin_access_control("The origin access control is not valid."));
        }
    }
    match (&origin.s3_origin_config, &origin.custom_origin_config) {
        (Some(s3), None) => {
            if s3_bucket(&origin.domain_name).is_none() {
                return Err(errors::invalid_origin(
                    "The specified origin server does not exist or is not valid.",
                ));
            }
            let id = identity(&s3.origin_access_identity);
            let is_known = id.map(|id| find::<AccessIdentities>(reader, account, id)).transpose()?.flatten();
            if !s3.origin_access_identity.is_empty() && is_known.is_none() {
                return Err(errors::invalid_origin_access_identity(
                    "The specified origin access identity does not exist or is not valid.",
                ));
            }
            if is_known.is_some() && is_given(origin.origin_access_control_id.as_ref()) {
                return Err(errors::illegal_origin_access_configuration(
                    "Cannot use both Origin Access Control and Origin Access Identity on an origin",
                ));
            }
            Ok(())
        }
        (None, Some(custom)) => {
            refuse_asked(&[("OriginMtlsConfig", custom.origin_mtls_config.is_some())])?;
            let is_port = |port: i32| matches!(port, 80 | 443 | 1024..=65535);
            if !is_port(custom.http_port) || !is_port(custom.https_port) {
                return Err(invalid("The parameter Origin port must be 80, 443, or between 1024 and 65535."));
            }
            if !(1..=120).contains(&custom.origin_read_timeout.unwrap_or(30)) {
                return Err(errors::invalid_origin_read_timeout(
                    "The specified origin read timeout must be between 1 and 120 seconds.",
                ));
            }
            if !(1..=120).contains(&custom.origin_keepalive_timeout.unwrap_or(5)) {
                return Err(errors::invalid_origin_keepalive_timeout(
                    "The specified origin keepalive timeout must be between 1 and 120 seconds.",
                ));
            }
            let named = format!("http://{}/", origin.domain_name).parse::<http::Uri>();
            if !named.is_ok_and(|uri| uri.host() == Some(&origin.domain_name)) {
                return Err(invalid("The parameter Origin DomainName does not refer to a valid host."));
            }
            Ok(())
        }
        _ => Err(invalid("The parameter Origin must have either S3OriginConfig or CustomOriginConfig.")),
    }
}

fn check_behavior(
    reader: &impl Read,
    account: &str,
    config: &DistributionConfig,
    behavior: &CacheBehavior,
) -> Result<()> {
    let functions = behavior.function_associations.as_ref();
    refuse_asked(&[
        ("FunctionAssociations", functions.is_some_and(|functions| functions.quantity > 0)),
        ("TrustedSigners", behavior.trusted_signers.as_ref().is_some_and(|signers| signers.enabled)),
        ("TrustedKeyGroups", behavior.trusted_key_groups.as_ref().is_some_and(|groups| groups.enabled)),
        ("SmoothStreaming", behavior.smooth_streaming == Some(true)),
        ("FieldLevelEncryptionId", is_given(behavior.field_level_encryption_id.as_ref())),
        ("RealtimeLogConfigArn", is_given(behavior.realtime_log_config_arn.as_ref())),
        ("GrpcConfig", behavior.grpc_config.as_ref().is_some_and(|config| config.enabled)),
    ])?;
    let pattern = &behavior.path_pattern;
    if pattern.is_empty() || pattern.len() > 255 || pattern.contains([' ', '#']) {
        return Err(invalid("The parameter PathPattern is not valid."));
    }
    if !config.origins.items.iter().any(|origin| origin.id == behavior.target_origin_id) {
        return Err(errors::no_such_origin("One or more of your origins or origin groups do not exist."));
    }
    check_methods(behavior)?;
    check_caching(reader, account, behavior)?;
    let named = |id: Option<&String>| id.filter(|id| !id.is_empty()).cloned();
    if let Some(id) = named(behavior.origin_request_policy_id.as_ref()) {
        find::<OriginRequestPolicies>(reader, account, &id)?.ok_or_else(OriginRequestPolicies::missing)?;
    }
    if let Some(id) = named(behavior.response_headers_policy_id.as_ref()) {
        find::<ResponseHeadersPolicies>(reader, account, &id)?
            .ok_or_else(ResponseHeadersPolicies::missing)?;
    }
    edge_functions::check_events(behavior)
}

fn check_methods(behavior: &CacheBehavior) -> Result<()> {
    let Some(methods) = &behavior.allowed_methods else { return Ok(()) };
    let set = |methods: &[Method]| methods.iter().copied().collect::<BTreeSet<_>>();
    let reading = BTreeSet::from([Method::Get, Method::Head]);
    let asking = BTreeSet::from([Method::Get, Method::Head, Method::Options]);
    let allowed = set(&methods.items);
    if allowed != reading && allowed != asking && allowed.len() != 7 {
        return Err(invalid("The parameter AllowedMethods is not valid."));
    }
    let cached = methods.cached_methods.as_ref().map(|cached| set(&cached.items));
    if cached.is_some_and(|cached| (cached != reading && cached != asking) || !cached.is_subset(&allowed)) {
        return Err(invalid("The parameter CachedMethods is not valid."));
    }
    Ok(())
}

fn check_caching(reader: &impl Read, account: &str, behavior: &CacheBehavior) -> Result<()> {
    let policy = behavior.cache_policy_id.as_deref().filter(|id| !id.is_empty());
    let Some(forwarded) = &behavior.forwarded_values else {
        let id = policy.ok_or_else(|| invalid("The parameter ForwardedValues is required."))?;
        find::<CachePolicies>(reader, account, id)?.ok_or_else(CachePolicies::missing)?;
        let ttls = [behavior.min_ttl, behavior.default_ttl, behavior.max_ttl];
        // AWS's own tools send zeros with a policy.
        if ttls.iter().flatten().any(|ttl| *ttl != 0) {
            return Err(invalid(
                "The parameter MinTTL, DefaultTTL, or MaxTTL cannot be used when a cache policy is associated to the \
                 cache behavior.",
            ));
        }
        return Ok(());
    };
    if policy.is_some() {
        return Err(invalid(
            "The parameter ForwardedValues cannot be used when a cache policy is associated to the cache behavior.",
        ));
    }
    if is_given(behavior.origin_request_policy_id.as_ref()) {
        return Err(invalid("The parameter CachePolicyId is required with OriginRequestPolicyId."));
    }
    let headers = forwarded.headers.iter().filter_map(|headers| headers.items.as_ref()).flatten();
    if headers.clone().any(|name| name != "*" && http::HeaderName::try_from(name.as_str()).is_err()) {
        return Err(invalid("The parameter Headers contains an invalid name."));
    }
    check_ttls(behavior.min_ttl, behavior.default_ttl, behavior.max_ttl)
}

/// # Errors
/// 400 where they are not in order.
pub(crate) fn check_ttls(min: Option<i64>, default: Option<i64>, max: Option<i64>) -> Result<()> {
    let (min, max) = (min.unwrap_or(0), max.unwrap_or(i64::MAX));
    let default = default.unwrap_or(min.max(86_400).min(max));
    if min < 0 || min > default || default > max {
        return Err(errors::invalid_ttl_order(
            "The specified TTLs must be in order: MinTTL, DefaultTTL, MaxTTL.",
        ));
    }
    Ok(())
}

fn check_error_response(response: &CustomErrorResponse) -> Result<()> {
    if !ERROR_CODES.contains(&response.error_code) {
        return Err(errors::invalid_error_code("An invalid error code was specified."));
    }
    let code = response.response_code.as_deref().filter(|code| !code.is_empty());
    let path = response.response_page_path.as_deref().filter(|path| !path.is_empty());
    if code.is_some() != path.is_some() {
        return Err(invalid(
            "The parameters ResponseCode and ResponsePagePath are given together or not at all.",
        ));
    }
    let is_code = |code: &str| code == "200" || ERROR_CODES.iter().any(|known| known.to_string() == code);
    if code.is_some_and(|code| !is_code(code)) {
        return Err(errors::invalid_response_code("A response code is not valid."));
    }
    if path.is_some_and(|path| !path.starts_with('/')) {
        return Err(errors::invalid_relative_path(
            "The relative path is too big, is not URL-encoded, or does not begin with a slash (/).",
        ));
    }
    if response.error_caching_min_ttl.is_some_and(|ttl| ttl < 0) {
        return Err(invalid("The parameter ErrorCachingMinTTL is not valid."));
    }
    Ok(())
}
