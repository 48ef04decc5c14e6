//! What a distribution's configuration means on a request's way: behaviors with their policies looked up, origins with
//! what shows them who asks.

use api_cloudfront::{
    CacheBehavior, CachePolicyConfig, CookiePreference, CustomErrorResponse, DistributionConfig, EventType,
    ForwardedValues, ItemSelection, LambdaFunctionAssociation, Method, Origin as OriginConfig,
    OriginAccessControlSigningBehaviors, OriginProtocolPolicy, OriginRequestPolicyConfig,
    OriginRequestPolicyHeaderBehavior, ResponseHeadersPolicyConfig,
};
use aws_wire::Result;
use kv::Read;

use crate::access::{AccessControls, AccessIdentities, canonical_user};
use crate::distribution::{Distributions, behaviors, edge_functions};
use crate::keys::Key;
use crate::policies::{CachePolicies, OriginRequestPolicies, ResponseHeadersPolicies};
use crate::things::{self, Thing, find};

const DAY_S: u64 = 86_400;
const YEAR_S: u64 = 31_536_000;
/// For how long an error is kept, where nobody says.
const ERROR_TTL_S: u64 = 10;

/// A choice among names: of headers, cookies or fields of a query.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Names {
    None,
    All,
    These(Vec<String>),
    AllBut(Vec<String>),
}

impl Names {
    fn new(behavior: &str, items: Option<&Vec<String>>) -> Self {
        let items = items.cloned().unwrap_or_default();
        match behavior {
            "all" | "allViewer" => Self::All,
            "whitelist" => Self::These(items),
            "allExcept" => Self::AllBut(items),
            _ => Self::None,
        }
    }

    /// `name` as it is, which for cookies and fields means its case.
    pub(crate) fn have(&self, name: &str) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::These(names) => names.iter().any(|known| known == name),
            Self::AllBut(names) => !names.iter().any(|known| known == name),
        }
    }

    /// Likewise without regard to case, which headers have none of.
    pub(crate) fn have_header(&self, name: &str) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::These(names) => names.iter().any(|known| known.eq_ignore_ascii_case(name)),
            Self::AllBut(names) => !names.iter().any(|known| known.eq_ignore_ascii_case(name)),
        }
    }
}

/// Which parts of a request are chosen.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Parts {
    pub headers: Names,
    pub cookies: Names,
    pub fields: Names,
}

const NOTHING: Parts = Parts { headers: Names::None, cookies: Names::None, fields: Names::None };

/// For how long responses are kept, and what tells them apart. In seconds.
#[derive(Clone, Debug)]
pub(crate) struct Caching {
    pub min_s: u64,
    pub default_s: u64,
    pub max_s: u64,
    pub key: Parts,
    /// Whether the viewer's taking gzip is part of the key.
    pub gzip: bool,
    pub brotli: bool,
}

impl Caching {
    /// Whether nothing is kept, whatever its origin says.
    pub(crate) fn is_off(&self) -> bool {
        self.max_s == 0
    }
}

/// A cache behavior with its policies.
pub(crate) struct Behavior {
    pub pattern: String,
    pub origin_id: String,
    pub methods: Vec<Method>,
    pub cached_methods: Vec<Method>,
    pub caching: Caching,
    /// What goes to the origin beside what is in the key.
    pub forwarded: Parts,
    pub response_headers: Option<ResponseHeadersPolicyConfig>,
    pub compress: bool,
    functions: Vec<LambdaFunctionAssociation>,
}

impl Behavior {
    pub(crate) fn function(&self, event: EventType) -> Option<&LambdaFunctionAssociation> {
        self.functions.iter().find(|function| function.event_type == event)
    }
}

/// How a distribution shows a bucket who it is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Access {
    Anonymous,
    /// As the service, for this distribution; unless the viewer's own signature comes first.
    Control {
        viewer_first: bool,
    },
    /// As an origin access identity.
    Identity {
        arn: String,
        canonical_user: String,
    },
}

/// Where responses come from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Origin {
    pub domain: String,
    /// Without a slash at its end; empty for none.
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub access: Access,
    /// None for a bucket.
    pub server: Option<Server>,
    pub attempts: u32,
    pub connect_s: u64,
}

/// An HTTP server as an origin.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Server {
    pub is_tls: bool,
    pub http_port: u16,
    pub https_port: u16,
    pub read_s: u64,
    pub keepalive_s: u64,
    pub ssl_protocols: Vec<String>,
}

impl Server {
    pub(crate) fn port(&self) -> u16 {
        if self.is_tls { self.https_port } else { self.http_port }
    }
}

/// A distribution, ready to serve.
pub(crate) struct Plan {
    pub account: String,
    pub id: String,
    pub label: String,
    pub enabled: bool,
    /// Empty for none.
    pub root_object: String,
    behaviors: Vec<Behavior>,
    origins: Vec<(String, Origin)>,
    errors: Vec<CustomErrorResponse>,
}

impl Plan {
    /// # Errors
    /// Those of the store.
    pub(crate) fn read(reader: &impl Read, (account, id): &Key) -> Result<Option<Self>> {
        let Some(thing) = find::<Distributions>(reader, account, id)? else { return Ok(None) };
        let Thing { id, record, config } = thing;
        let behaviors = behaviors(&config);
        let behaviors = behaviors.into_iter().map(|behavior| read_behavior(reader, account, behavior));
        let origins = config
            .origins
            .items
            .iter()
            .map(|origin| Ok((origin.id.clone(), read_origin(reader, account, origin)?)));
        Ok(Some(Self {
            behaviors: behaviors.collect::<Result<_>>()?,
            origins: origins.collect::<Result<_>>()?,
            errors: error_responses(&config),
            account: account.clone(),
            id,
            label: record.label,
            enabled: config.enabled,
            root_object: config.default_root_object.unwrap_or_default(),
        }))
    }

    /// The first whose pattern fits; the default one fits everything.
    pub(crate) fn behavior(&self, path: &str) -> &Behavior {
        let fits = self.behaviors.iter().find(|behavior| matches_path(&behavior.pattern, path));
        fits.unwrap_or_else(|| self.behaviors.last().expect("there is always the default one"))
    }

    pub(crate) fn origin(&self, id: &str) -> Option<&Origin> {
        self.origins.iter().find(|(known, _)| known == id).map(|(_, origin)| origin)
    }

    pub(crate) fn error_response(&self, status: u16) -> Option<&CustomErrorResponse> {
        self.errors.iter().find(|response| response.error_code == i32::from(status))
    }

    /// For how long an error of this status is kept at least.
    pub(crate) fn error_ttl_s(&self, status: u16) -> u64 {
        let ttl = self.error_response(status).and_then(|response| response.error_caching_min_ttl);
        ttl.and_then(|ttl| u64::try_from(ttl).ok()).unwrap_or(ERROR_TTL_S)
    }
}

fn error_responses(config: &DistributionConfig) -> Vec<CustomErrorResponse> {
    let responses = config.custom_error_responses.as_ref();
    responses.and_then(|responses| responses.items.clone()).unwrap_or_default()
}

fn read_behavior(reader: &impl Read, account: &str, behavior: CacheBehavior) -> Result<Behavior> {
    let compress = behavior.compress == Some(true);
    let policy = match behavior.cache_policy_id.as_deref().filter(|id| !id.is_empty()) {
        Some(id) => find::<CachePolicies>(reader, account, id)?,
        None => None,
    };
    let asked = match behavior.origin_request_policy_id.as_deref().filter(|id| !id.is_empty()) {
        Some(id) => find::<OriginRequestPolicies>(reader, account, id)?,
        None => None,
    };
    let headers = match behavior.response_headers_policy_id.as_deref().filter(|id| !id.is_empty()) {
        Some(id) => find::<ResponseHeadersPolicies>(reader, account, id)?,
        None => None,
    };
    let (caching, forwarded) = match (&behavior.forwarded_values, policy) {
        (Some(values), _) => legacy(values, &behavior, compress),
        (None, Some(policy)) => {
            (caching(&policy.config), asked.map_or(NOTHING, |asked| forwarded(&asked.config)))
        }
        // What is stored has one of both; without any, nothing is kept.
        (None, None) => (caching(&CachePolicyConfig::default()), NOTHING),
    };
    let methods = behavior.allowed_methods.as_ref();
    let reading = || vec![Method::Get, Method::Head];
    Ok(Behavior {
        functions: edge_functions::associations(&behavior).cloned().collect(),
        methods: methods.map_or_else(reading, |methods| methods.items.clone()),
        cached_methods: methods
            .and_then(|methods| methods.cached_methods.as_ref())
            .map_or_else(reading, |cached| cached.items.clone()),
        caching,
        forwarded,
        response_headers: headers.map(|thing| thing.config),
        compress,
        pattern: behavior.path_pattern,
        origin_id: behavior.target_origin_id,
    })
}

fn seconds(ttl: Option<i64>, default: u64) -> u64 {
    ttl.and_then(|ttl| u64::try_from(ttl).ok()).unwrap_or(default)
}

fn caching(policy: &CachePolicyConfig) -> Caching {
    let min_s = seconds(Some(policy.min_ttl), 0);
    let max_s = seconds(policy.max_ttl, YEAR_S.max(min_s));
    let default_s = seconds(policy.default_ttl, DAY_S.max(min_s).min(max_s));
    let parts = policy.parameters_in_cache_key_and_forwarded_to_origin.as_ref();
    let key = parts.map_or(NOTHING, |parts| {
        let headers = parts.headers_config.headers.as_ref().and_then(|headers| headers.items.as_ref());
        let cookies = parts.cookies_config.cookies.as_ref().and_then(|cookies| cookies.items.as_ref());
        let fields = parts.query_strings_config.query_strings.as_ref();
        let fields = fields.and_then(|fields| fields.items.as_ref());
        Parts {
            headers: Names::new(parts.headers_config.header_behavior.as_str(), headers),
            cookies: Names::new(parts.cookies_config.cookie_behavior.as_str(), cookies),
            fields: Names::new(parts.query_strings_config.query_string_behavior.as_str(), fields),
        }
    });
    Caching {
        min_s,
        default_s,
        max_s,
        key,
        gzip: parts.is_some_and(|parts| parts.enable_accept_encoding_gzip),
        brotli: parts.is_some_and(|parts| parts.enable_accept_encoding_brotli == Some(true)),
    }
}

fn forwarded(policy: &OriginRequestPolicyConfig) -> Parts {
    let headers = policy.headers_config.headers.as_ref().and_then(|headers| headers.items.as_ref());
    let cookies = policy.cookies_config.cookies.as_ref().and_then(|cookies| cookies.items.as_ref());
    let fields = policy.query_strings_config.query_strings.as_ref().and_then(|fields| fields.items.as_ref());
    let behavior = policy.headers_config.header_behavior;
    Parts {
        headers: match behavior {
            // What CloudFront itself adds it adds anyway, as far as it can be known here.
            OriginRequestPolicyHeaderBehavior::AllViewerAndWhitelistCloudFront => Names::All,
            _ => Names::new(behavior.as_str(), headers),
        },
        cookies: Names::new(policy.cookies_config.cookie_behavior.as_str(), cookies),
        fields: Names::new(policy.query_strings_config.query_string_behavior.as_str(), fields),
    }
}

/// The settings that came before policies: what is forwarded is what tells responses apart.
fn legacy(values: &ForwardedValues, behavior: &CacheBehavior, compress: bool) -> (Caching, Parts) {
    let names = values.headers.as_ref().and_then(|headers| headers.items.clone()).unwrap_or_default();
    let all_headers = names.iter().any(|name| name == "*");
    let headers = if all_headers { Names::All } else { Names::These(names) };
    let cookies = cookies(&values.cookies);
    let fields = values.query_string_cache_keys.as_ref().and_then(|keys| keys.items.clone());
    let (in_key, sent) = match (values.query_string, fields) {
        (false, _) => (Names::None, Names::None),
        (true, Some(names)) if !names.is_empty() => (Names::These(names), Names::All),
        (true, _) => (Names::All, Names::All),
    };
    let min_s = seconds(behavior.min_ttl, 0);
    let max_s = seconds(behavior.max_ttl, YEAR_S.max(min_s));
    let caching = Caching {
        min_s,
        default_s: seconds(behavior.default_ttl, DAY_S.max(min_s).min(max_s)),
        // Who forwards every header keeps nothing.
        max_s: if all_headers { 0 } else { max_s },
        key: Parts { headers: headers.clone(), cookies: cookies.clone(), fields: in_key },
        gzip: compress,
        brotli: false,
    };
    (caching, Parts { headers, cookies, fields: sent })
}

fn cookies(preference: &CookiePreference) -> Names {
    let names = preference.whitelisted_names.as_ref().and_then(|names| names.items.clone());
    match preference.forward {
        ItemSelection::None => Names::None,
        ItemSelection::All => Names::All,
        ItemSelection::Whitelist => Names::These(names.unwrap_or_default()),
    }
}

fn read_origin(reader: &impl Read, account: &str, origin: &OriginConfig) -> Result<Origin> {
    let headers = origin.custom_headers.iter().filter_map(|headers| headers.items.as_ref()).flatten();
    let control = match origin.origin_access_control_id.as_deref().filter(|id| !id.is_empty()) {
        Some(id) => find::<AccessControls>(reader, account, id)?,
        None => None,
    };
    let named = origin.s3_origin_config.as_ref().and_then(|s3| identity(&s3.origin_access_identity));
    let found = match named {
        Some(id) => things::find::<AccessIdentities>(reader, account, id)?,
        None => None,
    };
    let access = match (control, found) {
        (Some(control), _) => match control.config.signing_behavior {
            OriginAccessControlSigningBehaviors::Never => Access::Anonymous,
            OriginAccessControlSigningBehaviors::NoOverride => Access::Control { viewer_first: true },
            _ => Access::Control { viewer_first: false },
        },
        (None, Some(identity)) => access_of_identity(&identity.id),
        (None, None) => Access::Anonymous,
    };
    let port = |port: i32| u16::try_from(port).unwrap_or(80);
    let server = origin.custom_origin_config.as_ref().map(|custom| Server {
        is_tls: custom.origin_protocol_policy == OriginProtocolPolicy::HttpsOnly,
        http_port: port(custom.http_port),
        https_port: port(custom.https_port),
        read_s: seconds(custom.origin_read_timeout.map(i64::from), 30),
        keepalive_s: seconds(custom.origin_keepalive_timeout.map(i64::from), 5),
        ssl_protocols: custom.origin_ssl_protocols.as_ref().map_or_else(Vec::new, |protocols| {
            protocols.items.iter().map(|protocol| protocol.as_str().to_owned()).collect()
        }),
    });
    Ok(Origin {
        domain: origin.domain_name.clone(),
        path: origin.origin_path.clone().unwrap_or_default(),
        headers: headers.map(|one| (one.header_name.clone(), one.header_value.clone())).collect(),
        access,
        server,
        attempts: u32::try_from(origin.connection_attempts.unwrap_or(3)).unwrap_or(3),
        connect_s: seconds(origin.connection_timeout.map(i64::from), 10),
    })
}

pub(crate) fn access_of_identity(id: &str) -> Access {
    Access::Identity {
        arn: format!("arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity {id}"),
        canonical_user: canonical_user(id),
    }
}

/// The id of `origin-access-identity/cloudfront/ID`.
pub(crate) fn identity(named: &str) -> Option<&str> {
    named.strip_prefix("origin-access-identity/cloudfront/").filter(|id| !id.is_empty())
}

/// The bucket of `bucket.s3.amazonaws.com`, `bucket.s3.region.amazonaws.com` and their likes, not of websites.
pub(crate) fn s3_bucket(domain: &str) -> Option<&str> {
    let is_s3 = |rest: &str| {
        let ours = rest.ends_with(".amazonaws.com") || rest.ends_with(".localhost");
        ours && (rest.starts_with("s3.") || rest.starts_with("s3-")) && !rest.starts_with("s3-website")
    };
    let dots = domain.match_indices('.').map(|(at, _)| at);
    // A bucket's name may have dots.
    let end = dots.into_iter().find(|at| is_s3(&domain[at + 1..]))?;
    (end > 0).then(|| &domain[..end])
}

/// Whether a path fits a pattern: `*` stands for any characters, `?` for one; a slash at the beginning may be left out.
pub(crate) fn matches_path(pattern: &str, path: &str) -> bool {
    let pattern = pattern.strip_prefix('/').unwrap_or(pattern).as_bytes();
    let path = path.strip_prefix('/').unwrap_or(path).as_bytes();
    let (mut p, mut t, mut back) = (0, 0, None);
    while t < path.len() {
        match pattern.get(p) {
            Some(b'*') => {
                back = Some((p, t));
                p += 1;
            }
            Some(letter) if *letter == b'?' || *letter == path[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                // The last star takes one more.
                let Some((star, from)) = back else { return false };
                back = Some((star, from + 1));
                p = star + 1;
                t = from + 1;
            }
        }
    }
    pattern[p..].iter().all(|letter| *letter == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_paths() {
        let check = |pattern: &str, path: &str, fits: bool| {
            assert_eq!(matches_path(pattern, path), fits, "{pattern} {path}");
        };
        check("*", "/", true);
        check("*", "/a/b", true);
        check("images/*.jpg", "/images/a/b.jpg", true);
        check("/images/*.jpg", "/images/a.png", false);
        check("a?c", "/abc", true);
        check("a?c", "/ac", false);
        check("/A*", "/a", false);
        check("*a*b", "/xaxxab", true);
        check("*a*b", "/xaxxa", false);
        check("/a", "/a", true);
        check("/a", "/a/", false);
    }

    #[test]
    fn buckets_are_named_by_domains() {
        for (domain, bucket) in [
            ("b.s3.amazonaws.com", Some("b")),
            ("a.b.s3.us-east-1.amazonaws.com", Some("a.b")),
            ("b.s3-eu-west-1.amazonaws.com", Some("b")),
            ("b.s3.localhost", Some("b")),
            ("b.s3-website-us-east-1.amazonaws.com", None),
            ("s3.amazonaws.com", None),
            ("example.com", None),
        ] {
            assert_eq!(s3_bucket(domain), bucket, "{domain}");
        }
    }

    #[test]
    fn names_are_chosen() {
        let names = |behavior: &str| Names::new(behavior, Some(&vec!["a".to_owned()]));
        assert!(names("whitelist").have("a") && !names("whitelist").have("A"));
        assert!(names("whitelist").have_header("A"));
        assert!(!names("allExcept").have("a") && names("allExcept").have("b"));
        assert!(names("all").have("b") && !names("none").have("a"));
    }
}
