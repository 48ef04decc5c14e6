//! A distribution: its record, its hosts, and what is refused of its configuration (`distribution/check.rs`).

pub(crate) mod check;
pub(crate) mod edge_functions;

use api_cloudfront::{
    ActiveTrustedKeyGroups, ActiveTrustedSigners, AllowedMethods, CacheBehavior, CacheBehaviors,
    CachedMethods, CustomErrorResponses, CustomHeaders, DistributionConfig, DistributionSummary,
    FunctionAssociations, GeoRestriction, GeoRestrictionType, HttpVersion, LambdaFunctionAssociations,
    LoggingConfig, Method, MinimumProtocolVersion, OriginGroups, OriginShield, PriceClass, Restrictions,
    TrustedKeyGroups, TrustedSigners, ViewerCertificate, errors,
};
use aws_wire::schema::Operation;
use aws_wire::{AwsError, Result};
use env::Env;
use kv::{Read, Span, Tx};

use crate::Ctx;
use crate::keys::{DISTRIBUTIONS, INVALIDATIONS, Key, NAMES};
use crate::things::{self, Clash, Kind, Record, Thing};

/// What an account has, if AWS was not asked for more.
const DISTRIBUTIONS_MAX: usize = 200;
pub(crate) const DEPLOYED: &str = "Deployed";
pub(crate) const IN_PROGRESS: &str = "InProgress";

pub(crate) struct Distributions;

impl Kind for Distributions {
    type Config = DistributionConfig;
    type Shown = api_cloudfront::Distribution;
    const TABLE: kv::Table<Key, Record> = DISTRIBUTIONS;
    const MAX: usize = DISTRIBUTIONS_MAX;

    fn reads() -> &'static Operation {
        &api_cloudfront::GET_DISTRIBUTION_CONFIG
    }

    fn missing() -> AwsError {
        errors::no_such_distribution("The specified distribution does not exist.")
    }

    fn too_many() -> AwsError {
        errors::too_many_distributions(
            "Your request would cause you to exceed the maximum number of distributions allowed.",
        )
    }

    fn new_id(env: &Env) -> String {
        things::capital_id(env)
    }

    fn show(cx: &Ctx, thing: Thing<DistributionConfig>) -> api_cloudfront::Distribution {
        api_cloudfront::Distribution {
            arn: arn(&cx.caller.account, &thing.id),
            status: DEPLOYED.to_owned(),
            last_modified_time: thing.modified(),
            in_progress_invalidation_batches: 0,
            domain_name: domain_name(&thing.record.label),
            active_trusted_signers: Some(ActiveTrustedSigners { enabled: false, quantity: 0, items: None }),
            active_trusted_key_groups: Some(ActiveTrustedKeyGroups {
                enabled: false,
                quantity: 0,
                items: None,
            }),
            distribution_config: thing.config,
            alias_icp_recordals: None,
            id: thing.id,
        }
    }

    fn clash(
        all: &[Thing<DistributionConfig>],
        own: Option<&str>,
        config: &DistributionConfig,
    ) -> Option<Clash<DistributionConfig>> {
        things::clash_by_reference(
            all,
            own,
            config,
            |config| &config.caller_reference,
            |id| {
                errors::distribution_already_exists(format!(
                    "The caller reference that you are using to create a distribution is associated with another \
                 distribution. Already exists: {id}"
                ))
            },
        )
    }

    fn check(reader: &impl Read, account: &str, config: &DistributionConfig) -> Result<()> {
        check::check(reader, account, config)
    }

    fn settle(
        tx: &mut Tx,
        key: &Key,
        before: Option<&Thing<DistributionConfig>>,
        after: Option<&Thing<DistributionConfig>>,
    ) -> Result<()> {
        for host in before.into_iter().flat_map(hosts) {
            NAMES.delete(tx, &host)?;
        }
        for host in after.into_iter().flat_map(hosts) {
            if NAMES.get(tx, &host)?.is_some() {
                return Err(errors::cname_already_exists(
                    "One or more of the CNAMEs you provided are already associated with a different resource.",
                ));
            }
            NAMES.put(tx, &host, key)?;
        }
        if after.is_none() {
            INVALIDATIONS.delete_all(tx, &Span::prefix(key))?;
        }
        Ok(())
    }

    fn check_unused(_: &impl Read, _: &str, thing: &Thing<DistributionConfig>) -> Result<()> {
        if thing.config.enabled {
            return Err(errors::distribution_not_disabled(
                "The distribution you are trying to delete has not been disabled.",
            ));
        }
        Ok(())
    }
}

/// All names that lead to a distribution, as they are stored.
fn hosts(thing: &Thing<DistributionConfig>) -> Vec<String> {
    let aliases = thing.config.aliases.iter().filter_map(|aliases| aliases.items.as_ref()).flatten();
    let own = [thing.record.label.clone(), thing.id.to_ascii_lowercase()];
    own.into_iter().chain(aliases.map(|alias| alias.to_ascii_lowercase())).collect()
}

pub(crate) fn arn(account: &str, id: &str) -> String {
    format!("arn:aws:cloudfront::{account}:distribution/{id}")
}

pub(crate) fn domain_name(label: &str) -> String {
    format!("{label}.cloudfront.localhost")
}

/// All behaviors, in the order in which their patterns are tried; the default one, which fits everything, is the last.
pub(crate) fn behaviors(config: &DistributionConfig) -> Vec<CacheBehavior> {
    let listed = config.cache_behaviors.iter().filter_map(|behaviors| behaviors.items.as_ref()).flatten();
    let default = config.default_cache_behavior.clone();
    let last = CacheBehavior {
        path_pattern: "*".to_owned(),
        target_origin_id: default.target_origin_id,
        trusted_signers: default.trusted_signers,
        trusted_key_groups: default.trusted_key_groups,
        viewer_protocol_policy: default.viewer_protocol_policy,
        allowed_methods: default.allowed_methods,
        smooth_streaming: default.smooth_streaming,
        compress: default.compress,
        lambda_function_associations: default.lambda_function_associations,
        function_associations: default.function_associations,
        field_level_encryption_id: default.field_level_encryption_id,
        realtime_log_config_arn: default.realtime_log_config_arn,
        cache_policy_id: default.cache_policy_id,
        origin_request_policy_id: default.origin_request_policy_id,
        response_headers_policy_id: default.response_headers_policy_id,
        grpc_config: default.grpc_config,
        forwarded_values: default.forwarded_values,
        min_ttl: default.min_ttl,
        default_ttl: default.default_ttl,
        max_ttl: default.max_ttl,
    };
    listed.cloned().chain([last]).collect()
}

/// A configuration with what AWS fills in where a client says nothing.
pub(crate) fn filled(mut config: DistributionConfig) -> DistributionConfig {
    config.aliases.get_or_insert_default();
    config.default_root_object.get_or_insert_default();
    config.origin_groups.get_or_insert_with(OriginGroups::default);
    config.cache_behaviors.get_or_insert_with(CacheBehaviors::default);
    config.custom_error_responses.get_or_insert_with(CustomErrorResponses::default);
    config.logging.get_or_insert_with(|| LoggingConfig {
        enabled: Some(false),
        include_cookies: Some(false),
        bucket: Some(String::new()),
        prefix: Some(String::new()),
    });
    config.price_class.get_or_insert(PriceClass::PriceClassAll);
    config.viewer_certificate.get_or_insert_with(|| ViewerCertificate {
        cloud_front_default_certificate: Some(true),
        minimum_protocol_version: Some(MinimumProtocolVersion::TLSv1),
        ..ViewerCertificate::default()
    });
    config.restrictions.get_or_insert(Restrictions {
        geo_restriction: GeoRestriction {
            restriction_type: GeoRestrictionType::None,
            quantity: 0,
            items: None,
        },
    });
    config.web_acl_id.get_or_insert_default();
    config.http_version.get_or_insert(HttpVersion::Http2);
    config.is_ipv6_enabled.get_or_insert(false);
    config.continuous_deployment_policy_id.get_or_insert_default();
    config.staging.get_or_insert(false);
    for origin in &mut config.origins.items {
        origin.origin_path.get_or_insert_default();
        origin.custom_headers.get_or_insert_with(CustomHeaders::default);
        origin.connection_attempts.get_or_insert(3);
        origin.connection_timeout.get_or_insert(10);
        origin.origin_shield.get_or_insert_with(OriginShield::default);
        origin.origin_access_control_id.get_or_insert_default();
        if let Some(custom) = &mut origin.custom_origin_config {
            custom.origin_read_timeout.get_or_insert(30);
            custom.origin_keepalive_timeout.get_or_insert(5);
        }
    }
    // Both kinds of behavior have the same members, of two types.
    macro_rules! fill {
        ($behavior:expr) => {{
            let behavior = $behavior;
            behavior.trusted_signers.get_or_insert_with(TrustedSigners::default);
            behavior.trusted_key_groups.get_or_insert_with(TrustedKeyGroups::default);
            let methods = behavior.allowed_methods.get_or_insert_with(|| AllowedMethods {
                quantity: 2,
                items: vec![Method::Head, Method::Get],
                cached_methods: None,
            });
            methods
                .cached_methods
                .get_or_insert_with(|| CachedMethods { quantity: 2, items: vec![Method::Head, Method::Get] });
            behavior.smooth_streaming.get_or_insert(false);
            behavior.compress.get_or_insert(false);
            behavior.lambda_function_associations.get_or_insert_with(LambdaFunctionAssociations::default);
            behavior.function_associations.get_or_insert_with(FunctionAssociations::default);
            behavior.field_level_encryption_id.get_or_insert_default();
        }};
    }
    fill!(&mut config.default_cache_behavior);
    let listed = config.cache_behaviors.iter_mut().filter_map(|behaviors| behaviors.items.as_mut()).flatten();
    for behavior in listed {
        fill!(behavior);
    }
    config
}

/// As lists have one; its configuration was filled in.
pub(crate) fn summary(cx: &Ctx, thing: Thing<DistributionConfig>) -> DistributionSummary {
    let (modified, config) = (thing.modified(), thing.config);
    DistributionSummary {
        arn: arn(&cx.caller.account, &thing.id),
        e_tag: Some(thing.record.etag),
        status: DEPLOYED.to_owned(),
        last_modified_time: modified,
        domain_name: domain_name(&thing.record.label),
        aliases: config.aliases.unwrap_or_default(),
        origins: config.origins,
        origin_groups: config.origin_groups,
        default_cache_behavior: config.default_cache_behavior,
        cache_behaviors: config.cache_behaviors.unwrap_or_default(),
        custom_error_responses: config.custom_error_responses.unwrap_or_default(),
        comment: config.comment,
        price_class: config.price_class.unwrap_or_default(),
        enabled: config.enabled,
        viewer_certificate: config.viewer_certificate.unwrap_or_default(),
        restrictions: config.restrictions.unwrap_or_default(),
        web_acl_id: config.web_acl_id.unwrap_or_default(),
        http_version: config.http_version.unwrap_or_default(),
        is_ipv6_enabled: config.is_ipv6_enabled.unwrap_or_default(),
        alias_icp_recordals: None,
        staging: config.staging.unwrap_or_default(),
        connection_mode: None,
        anycast_ip_list_id: None,
        viewer_mtls_config: None,
        connection_function_association: None,
        id: thing.id,
    }
}

/// Whether a distribution of the account's has a behavior of which this is so.
///
/// # Errors
/// Those of the store.
pub(crate) fn any_behavior(
    reader: &impl Read,
    account: &str,
    is_so: impl Fn(&CacheBehavior) -> bool,
) -> Result<bool> {
    let all = things::all::<Distributions>(reader, account)?;
    Ok(all.iter().any(|thing| behaviors(&thing.config).iter().any(&is_so)))
}
