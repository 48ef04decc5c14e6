//! The policies that AWS manages: everybody names them by these ids. Those for other services of AWS's own
//! (Amplify, Elemental) are left out.

use api_cloudfront::{
    CachePolicyConfig, CachePolicyCookieBehavior, CachePolicyCookiesConfig, CachePolicyHeaderBehavior,
    CachePolicyHeadersConfig, CachePolicyQueryStringBehavior, CachePolicyQueryStringsConfig,
    FrameOptionsList, Headers, OriginRequestPolicyConfig, OriginRequestPolicyCookieBehavior,
    OriginRequestPolicyCookiesConfig, OriginRequestPolicyHeaderBehavior, OriginRequestPolicyHeadersConfig,
    OriginRequestPolicyQueryStringBehavior, OriginRequestPolicyQueryStringsConfig,
    ParametersInCacheKeyAndForwardedToOrigin, ReferrerPolicyList,
    ResponseHeadersPolicyAccessControlAllowHeaders, ResponseHeadersPolicyAccessControlAllowMethods,
    ResponseHeadersPolicyAccessControlAllowMethodsValues, ResponseHeadersPolicyAccessControlAllowOrigins,
    ResponseHeadersPolicyAccessControlExposeHeaders, ResponseHeadersPolicyConfig,
    ResponseHeadersPolicyContentTypeOptions, ResponseHeadersPolicyCorsConfig,
    ResponseHeadersPolicyFrameOptions, ResponseHeadersPolicyReferrerPolicy,
    ResponseHeadersPolicySecurityHeadersConfig, ResponseHeadersPolicyStrictTransportSecurity,
    ResponseHeadersPolicyXSSProtection,
};

const DAY_S: i64 = 86_400;
const YEAR_S: i64 = 31_536_000;

fn headers(names: &[&str]) -> Headers {
    let items = names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    Headers { quantity: i32::try_from(items.len()).expect("a few"), items: Some(items) }
}

pub(crate) fn cache_policies() -> Vec<(&'static str, CachePolicyConfig)> {
    let policy = |name: &str, comment: &str, ttls: [i64; 3], compressed, named: &[&str], cookies, fields| {
        let (header_behavior, headers) = match named {
            [] => (CachePolicyHeaderBehavior::None, None),
            names => (CachePolicyHeaderBehavior::Whitelist, Some(headers(names))),
        };
        CachePolicyConfig {
            comment: Some(comment.to_owned()),
            name: format!("Managed-{name}"),
            min_ttl: ttls[0],
            default_ttl: Some(ttls[1]),
            max_ttl: Some(ttls[2]),
            parameters_in_cache_key_and_forwarded_to_origin: Some(ParametersInCacheKeyAndForwardedToOrigin {
                enable_accept_encoding_gzip: compressed,
                enable_accept_encoding_brotli: Some(compressed),
                headers_config: CachePolicyHeadersConfig { header_behavior, headers },
                cookies_config: CachePolicyCookiesConfig { cookie_behavior: cookies, cookies: None },
                query_strings_config: CachePolicyQueryStringsConfig {
                    query_string_behavior: fields,
                    query_strings: None,
                },
            }),
        }
    };
    let (no_cookies, no_fields) = (CachePolicyCookieBehavior::None, CachePolicyQueryStringBehavior::None);
    let (cookies, fields) = (CachePolicyCookieBehavior::All, CachePolicyQueryStringBehavior::All);
    let by_origin = ["host", "origin", "x-http-method-override", "x-http-method", "x-method-override"];
    vec![
        (
            "658327ea-f89d-4fab-a63d-7e88639e58f6",
            policy(
                "CachingOptimized",
                "Default policy when CF compression is enabled",
                [1, DAY_S, YEAR_S],
                true,
                &[],
                no_cookies,
                no_fields,
            ),
        ),
        (
            "b2884449-e4de-46a7-ac36-70bc7f1ddd6d",
            policy(
                "CachingOptimizedForUncompressedObjects",
                "Default policy when compression is disabled",
                [1, DAY_S, YEAR_S],
                false,
                &[],
                no_cookies,
                no_fields,
            ),
        ),
        (
            "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
            policy(
                "CachingDisabled",
                "Policy with caching disabled",
                [0, 0, 0],
                false,
                &[],
                no_cookies,
                no_fields,
            ),
        ),
        (
            "83da9c7e-98b4-4e11-a168-04f0df8e2c65",
            policy(
                "UseOriginCacheControlHeaders",
                "Policy for origins that return Cache-Control headers",
                [0, 0, YEAR_S],
                true,
                &by_origin,
                cookies,
                no_fields,
            ),
        ),
        (
            "4cc15a8a-d715-48a4-82b8-cc0b614638fe",
            policy(
                "UseOriginCacheControlHeaders-QueryStrings",
                "Policy for origins that return Cache-Control headers, with query strings in the cache key",
                [0, 0, YEAR_S],
                true,
                &by_origin,
                cookies,
                fields,
            ),
        ),
    ]
}

pub(crate) fn origin_request_policies() -> Vec<(&'static str, OriginRequestPolicyConfig)> {
    let policy = |name: &str, comment: &str, header_behavior, named: &[&str], all: bool| {
        let (cookie_behavior, query_string_behavior) = if all {
            (OriginRequestPolicyCookieBehavior::All, OriginRequestPolicyQueryStringBehavior::All)
        } else {
            (OriginRequestPolicyCookieBehavior::None, OriginRequestPolicyQueryStringBehavior::None)
        };
        OriginRequestPolicyConfig {
            comment: Some(comment.to_owned()),
            name: format!("Managed-{name}"),
            headers_config: OriginRequestPolicyHeadersConfig {
                header_behavior,
                headers: (!named.is_empty()).then(|| headers(named)),
            },
            cookies_config: OriginRequestPolicyCookiesConfig { cookie_behavior, cookies: None },
            query_strings_config: OriginRequestPolicyQueryStringsConfig {
                query_string_behavior,
                query_strings: None,
            },
        }
    };
    let (whitelist, all) =
        (OriginRequestPolicyHeaderBehavior::Whitelist, OriginRequestPolicyHeaderBehavior::AllViewer);
    let except = OriginRequestPolicyHeaderBehavior::AllExcept;
    let cors = ["origin", "access-control-request-headers", "access-control-request-method"];
    vec![
        (
            "216adef6-5c7f-47e4-b989-5492eafa07d3",
            policy("AllViewer", "Policy to forward all parameters in viewer requests", all, &[], true),
        ),
        (
            "b689b0a8-53d0-40ab-baf2-68738e2966ac",
            policy(
                "AllViewerExceptHostHeader",
                "Policy to forward all parameters in viewer requests except for the Host header",
                except,
                &["host"],
                true,
            ),
        ),
        (
            "59781a5b-3903-41f3-afcb-af62929ccde1",
            policy("CORS-CustomOrigin", "Policy for custom origins with CORS", whitelist, &cors[..1], false),
        ),
        (
            "88a5eaf4-2fd4-4709-b370-b4c650ea3fcf",
            policy("CORS-S3Origin", "Policy for S3 origins with CORS", whitelist, &cors, false),
        ),
        (
            "bf0718e1-ba1e-49d1-88b1-f726733018ae",
            policy("HostHeaderOnly", "Policy to forward the Host header only", whitelist, &["host"], false),
        ),
        (
            "acba4595-bd28-49b8-b9fe-13317c0390fa",
            policy(
                "UserAgentRefererHeaders",
                "Policy to forward user-agent and referer headers",
                whitelist,
                &["user-agent", "referer"],
                false,
            ),
        ),
    ]
}

pub(crate) fn response_headers_policies() -> Vec<(&'static str, ResponseHeadersPolicyConfig)> {
    let policy =
        |name: &str, comment: &str, cors_config, security_headers_config| ResponseHeadersPolicyConfig {
            comment: Some(comment.to_owned()),
            name: format!("Managed-{name}"),
            cors_config,
            security_headers_config,
            ..ResponseHeadersPolicyConfig::default()
        };
    let simple = "Allows all origins for simple CORS requests";
    let preflight = "Allows all origins for CORS requests, including preflight requests";
    let secure = "Adds a set of security headers to every response";
    vec![
        ("60669652-455b-4ae9-85a4-c4c02393f86c", policy("SimpleCORS", simple, Some(cors(false)), None)),
        (
            "5cc3b908-e619-4b99-88e5-2cf7f45965bd",
            policy("CORS-With-Preflight", preflight, Some(cors(true)), None),
        ),
        (
            "67f7725c-6f97-4210-82d7-5512b31e9d03",
            policy("SecurityHeadersPolicy", secure, None, Some(security())),
        ),
        (
            "e61eb60c-9c35-4d20-a928-2b84e02af89c",
            policy("CORS-and-SecurityHeadersPolicy", simple, Some(cors(false)), Some(security())),
        ),
        (
            "eaab4381-ed33-4a86-88ca-d9558dc6cd63",
            policy(
                "CORS-with-preflight-and-SecurityHeadersPolicy",
                preflight,
                Some(cors(true)),
                Some(security()),
            ),
        ),
    ]
}

fn cors(preflight: bool) -> ResponseHeadersPolicyCorsConfig {
    use ResponseHeadersPolicyAccessControlAllowMethodsValues::{
        Delete, Get, Head, Options, Patch, Post, Put,
    };
    let methods =
        if preflight { vec![Get, Delete, Head, Options, Patch, Post, Put] } else { vec![Get, Head] };
    let everything = || vec!["*".to_owned()];
    ResponseHeadersPolicyCorsConfig {
        access_control_allow_origins: ResponseHeadersPolicyAccessControlAllowOrigins {
            quantity: 1,
            items: everything(),
        },
        access_control_allow_headers: ResponseHeadersPolicyAccessControlAllowHeaders {
            quantity: 1,
            items: everything(),
        },
        access_control_allow_methods: ResponseHeadersPolicyAccessControlAllowMethods {
            quantity: i32::try_from(methods.len()).expect("seven at most"),
            items: methods,
        },
        access_control_allow_credentials: false,
        access_control_expose_headers: preflight.then(|| ResponseHeadersPolicyAccessControlExposeHeaders {
            quantity: 1,
            items: Some(everything()),
        }),
        access_control_max_age_sec: None,
        origin_override: false,
    }
}

fn security() -> ResponseHeadersPolicySecurityHeadersConfig {
    ResponseHeadersPolicySecurityHeadersConfig {
        xss_protection: Some(ResponseHeadersPolicyXSSProtection {
            r#override: false,
            protection: true,
            mode_block: Some(true),
            report_uri: None,
        }),
        frame_options: Some(ResponseHeadersPolicyFrameOptions {
            r#override: false,
            frame_option: FrameOptionsList::Sameorigin,
        }),
        referrer_policy: Some(ResponseHeadersPolicyReferrerPolicy {
            r#override: false,
            referrer_policy: ReferrerPolicyList::StrictOriginWhenCrossOrigin,
        }),
        content_security_policy: None,
        content_type_options: Some(ResponseHeadersPolicyContentTypeOptions { r#override: true }),
        strict_transport_security: Some(ResponseHeadersPolicyStrictTransportSecurity {
            r#override: false,
            include_subdomains: None,
            preload: None,
            access_control_max_age_sec: i32::try_from(YEAR_S).expect("a year fits"),
        }),
    }
}
