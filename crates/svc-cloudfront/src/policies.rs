//! Cache policies, origin request policies and response headers policies: an account's own, and the managed ones that
//! everybody names by id (`policies/managed.rs`).

mod managed;

use api_cloudfront::{
    CachePolicy, CachePolicyConfig, OriginRequestPolicy, OriginRequestPolicyConfig, ResponseHeadersPolicy,
    ResponseHeadersPolicyConfig, errors,
};
use aws_wire::schema::Operation;
use aws_wire::{AwsError, Result};
use env::Env;
use kv::Read;

use crate::Ctx;
use crate::distribution::any_behavior;
use crate::distribution::check::check_ttls;
use crate::keys::{CACHE_POLICIES, Key, ORIGIN_REQUEST_POLICIES, RESPONSE_HEADERS_POLICIES};
use crate::things::{Clash, Kind, Record, Thing};

pub(crate) use managed::{cache_policies, origin_request_policies, response_headers_policies};

/// Of each kind.
const POLICIES_MAX: usize = 20;
/// Headers that a cache policy can't be about: they are not part of a key, or CloudFront's own affair.
const NOT_IN_KEYS: [&str; 6] =
    ["accept-encoding", "connection", "content-length", "cookie", "transfer-encoding", "upgrade"];

fn invalid(message: &str) -> AwsError {
    errors::invalid_argument(message)
}

/// A name that another policy of the account's has.
fn named<C>(
    all: &[Thing<C>],
    own: Option<&str>,
    name: impl Fn(&C) -> bool,
    error: fn(&str) -> AwsError,
) -> Option<Clash<C>> {
    let taken = all.iter().any(|thing| Some(thing.id.as_str()) != own && name(&thing.config));
    taken.then(|| Clash::Other(error("A policy with the same name already exists.")))
}

fn check_name(name: &str, comment: Option<&str>) -> Result<()> {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if name.is_empty() || name.len() > 128 || !name.bytes().all(is_letter) {
        return Err(invalid("The parameter Name is not valid."));
    }
    if comment.is_some_and(|comment| comment.chars().count() > 128) {
        return Err(invalid("The parameter Comment is too long."));
    }
    Ok(())
}

fn check_header_names<'a>(mut names: impl Iterator<Item = &'a String>) -> Result<()> {
    if names.any(|name| http::HeaderName::try_from(name.as_str()).is_err()) {
        return Err(invalid("The parameter Headers contains an invalid name."));
    }
    Ok(())
}

/// # Errors
/// 400 for a list without a behavior that wants one, and the other way about.
fn check_list(behavior: &str, items: Option<&Vec<String>>, what: &str) -> Result<()> {
    let has = items.is_some_and(|items| !items.is_empty());
    let wants = matches!(behavior, "whitelist" | "allExcept" | "allViewerAndWhitelistCloudFront");
    if has != wants {
        return Err(errors::invalid_argument(format!("The parameter {what} does not fit its behavior.")));
    }
    Ok(())
}

pub(crate) struct CachePolicies;

impl Kind for CachePolicies {
    type Config = CachePolicyConfig;
    type Shown = CachePolicy;
    const TABLE: kv::Table<Key, Record> = CACHE_POLICIES;
    const MAX: usize = POLICIES_MAX;

    fn reads() -> &'static Operation {
        &api_cloudfront::GET_CACHE_POLICY_CONFIG
    }

    fn missing() -> AwsError {
        errors::no_such_cache_policy("The specified cache policy does not exist.")
    }

    fn too_many() -> AwsError {
        errors::too_many_cache_policies("You have reached the maximum number of cache policies.")
    }

    fn new_id(env: &Env) -> String {
        env.uuid().to_string()
    }

    fn show(_: &Ctx, thing: Thing<CachePolicyConfig>) -> CachePolicy {
        CachePolicy { last_modified_time: thing.modified(), cache_policy_config: thing.config, id: thing.id }
    }

    fn managed(id: &str) -> Option<CachePolicyConfig> {
        cache_policies().into_iter().find(|(known, _)| *known == id).map(|(_, config)| config)
    }

    fn clash(
        all: &[Thing<CachePolicyConfig>],
        own: Option<&str>,
        config: &CachePolicyConfig,
    ) -> Option<Clash<CachePolicyConfig>> {
        named(all, own, |other| other.name == config.name, |said| errors::cache_policy_already_exists(said))
    }

    fn check(_: &impl Read, _: &str, config: &CachePolicyConfig) -> Result<()> {
        check_name(&config.name, config.comment.as_deref())?;
        check_ttls(Some(config.min_ttl), config.default_ttl, config.max_ttl)?;
        let Some(parts) = &config.parameters_in_cache_key_and_forwarded_to_origin else { return Ok(()) };
        let headers = parts.headers_config.headers.as_ref().and_then(|headers| headers.items.as_ref());
        let cookies = parts.cookies_config.cookies.as_ref().and_then(|cookies| cookies.items.as_ref());
        let fields =
            parts.query_strings_config.query_strings.as_ref().and_then(|fields| fields.items.as_ref());
        check_list(parts.headers_config.header_behavior.as_str(), headers, "Headers")?;
        check_list(parts.cookies_config.cookie_behavior.as_str(), cookies, "Cookies")?;
        check_list(parts.query_strings_config.query_string_behavior.as_str(), fields, "QueryStrings")?;
        let mut headers = headers.into_iter().flatten();
        check_header_names(headers.clone())?;
        if headers.any(|name| NOT_IN_KEYS.contains(&name.to_ascii_lowercase().as_str())) {
            return Err(invalid("The parameter Headers contains a header that a cache policy can't have."));
        }
        let without_caching = config.max_ttl == Some(0);
        let asks = headers_asked(config);
        if without_caching && asks {
            return Err(invalid(
                "The parameter HeaderBehavior, CookieBehavior, QueryStringBehavior or EnableAcceptEncoding is invalid \
                 for policy with caching disabled.",
            ));
        }
        Ok(())
    }

    fn check_unused(reader: &impl Read, account: &str, thing: &Thing<CachePolicyConfig>) -> Result<()> {
        if any_behavior(reader, account, |one| one.cache_policy_id.as_ref() == Some(&thing.id))? {
            return Err(errors::cache_policy_in_use(
                "The cache policy is attached to one or more cache behaviors.",
            ));
        }
        Ok(())
    }
}

/// Whether a policy puts anything into keys.
fn headers_asked(config: &CachePolicyConfig) -> bool {
    config.parameters_in_cache_key_and_forwarded_to_origin.as_ref().is_some_and(|parts| {
        parts.enable_accept_encoding_gzip
            || parts.enable_accept_encoding_brotli == Some(true)
            || parts.headers_config.header_behavior.as_str() != "none"
            || parts.cookies_config.cookie_behavior.as_str() != "none"
            || parts.query_strings_config.query_string_behavior.as_str() != "none"
    })
}

pub(crate) struct OriginRequestPolicies;

impl Kind for OriginRequestPolicies {
    type Config = OriginRequestPolicyConfig;
    type Shown = OriginRequestPolicy;
    const TABLE: kv::Table<Key, Record> = ORIGIN_REQUEST_POLICIES;
    const MAX: usize = POLICIES_MAX;

    fn reads() -> &'static Operation {
        &api_cloudfront::GET_ORIGIN_REQUEST_POLICY_CONFIG
    }

    fn missing() -> AwsError {
        errors::no_such_origin_request_policy("The specified origin request policy does not exist.")
    }

    fn too_many() -> AwsError {
        errors::too_many_origin_request_policies(
            "You have reached the maximum number of origin request policies.",
        )
    }

    fn new_id(env: &Env) -> String {
        env.uuid().to_string()
    }

    fn show(_: &Ctx, thing: Thing<OriginRequestPolicyConfig>) -> OriginRequestPolicy {
        OriginRequestPolicy {
            last_modified_time: thing.modified(),
            origin_request_policy_config: thing.config,
            id: thing.id,
        }
    }

    fn managed(id: &str) -> Option<OriginRequestPolicyConfig> {
        origin_request_policies().into_iter().find(|(known, _)| *known == id).map(|(_, config)| config)
    }

    fn clash(
        all: &[Thing<OriginRequestPolicyConfig>],
        own: Option<&str>,
        config: &OriginRequestPolicyConfig,
    ) -> Option<Clash<OriginRequestPolicyConfig>> {
        let error = |said: &str| errors::origin_request_policy_already_exists(said);
        named(all, own, |other| other.name == config.name, error)
    }

    fn check(_: &impl Read, _: &str, config: &OriginRequestPolicyConfig) -> Result<()> {
        check_name(&config.name, config.comment.as_deref())?;
        let headers = config.headers_config.headers.as_ref().and_then(|headers| headers.items.as_ref());
        let cookies = config.cookies_config.cookies.as_ref().and_then(|cookies| cookies.items.as_ref());
        let fields =
            config.query_strings_config.query_strings.as_ref().and_then(|fields| fields.items.as_ref());
        check_list(config.headers_config.header_behavior.as_str(), headers, "Headers")?;
        check_list(config.cookies_config.cookie_behavior.as_str(), cookies, "Cookies")?;
        check_list(config.query_strings_config.query_string_behavior.as_str(), fields, "QueryStrings")?;
        check_header_names(headers.into_iter().flatten())
    }

    fn check_unused(
        reader: &impl Read,
        account: &str,
        thing: &Thing<OriginRequestPolicyConfig>,
    ) -> Result<()> {
        if any_behavior(reader, account, |one| one.origin_request_policy_id.as_ref() == Some(&thing.id))? {
            return Err(errors::origin_request_policy_in_use(
                "The origin request policy is attached to one or more cache behaviors.",
            ));
        }
        Ok(())
    }
}

pub(crate) struct ResponseHeadersPolicies;

impl Kind for ResponseHeadersPolicies {
    type Config = ResponseHeadersPolicyConfig;
    type Shown = ResponseHeadersPolicy;
    const TABLE: kv::Table<Key, Record> = RESPONSE_HEADERS_POLICIES;
    const MAX: usize = POLICIES_MAX;

    fn reads() -> &'static Operation {
        &api_cloudfront::GET_RESPONSE_HEADERS_POLICY_CONFIG
    }

    fn missing() -> AwsError {
        errors::no_such_response_headers_policy("The specified response headers policy does not exist.")
    }

    fn too_many() -> AwsError {
        errors::too_many_response_headers_policies(
            "You have reached the maximum number of response headers policies.",
        )
    }

    fn new_id(env: &Env) -> String {
        env.uuid().to_string()
    }

    fn show(_: &Ctx, thing: Thing<ResponseHeadersPolicyConfig>) -> ResponseHeadersPolicy {
        ResponseHeadersPolicy {
            last_modified_time: thing.modified(),
            response_headers_policy_config: thing.config,
            id: thing.id,
        }
    }

    fn managed(id: &str) -> Option<ResponseHeadersPolicyConfig> {
        response_headers_policies().into_iter().find(|(known, _)| *known == id).map(|(_, config)| config)
    }

    fn clash(
        all: &[Thing<ResponseHeadersPolicyConfig>],
        own: Option<&str>,
        config: &ResponseHeadersPolicyConfig,
    ) -> Option<Clash<ResponseHeadersPolicyConfig>> {
        let error = |said: &str| errors::response_headers_policy_already_exists(said);
        named(all, own, |other| other.name == config.name, error)
    }

    fn check(_: &impl Read, _: &str, config: &ResponseHeadersPolicyConfig) -> Result<()> {
        check_name(&config.name, config.comment.as_deref())?;
        let timing = config.server_timing_headers_config.as_ref();
        if timing.is_some_and(|timing| timing.enabled) {
            let operation = "CreateResponseHeadersPolicy";
            return Err(AwsError::parameter_not_implemented(operation, "ServerTimingHeadersConfig"));
        }
        let custom = config.custom_headers_config.iter().filter_map(|custom| custom.items.as_ref()).flatten();
        check_header_names(custom.map(|header| &header.header))?;
        let removed =
            config.remove_headers_config.iter().filter_map(|removed| removed.items.as_ref()).flatten();
        check_header_names(removed.map(|header| &header.header))
    }

    fn check_unused(
        reader: &impl Read,
        account: &str,
        thing: &Thing<ResponseHeadersPolicyConfig>,
    ) -> Result<()> {
        if any_behavior(reader, account, |one| one.response_headers_policy_id.as_ref() == Some(&thing.id))? {
            return Err(errors::response_headers_policy_in_use(
                "The response headers policy is attached to one or more cache behaviors.",
            ));
        }
        Ok(())
    }
}
