//! Response headers policies: what a response gets beside its own headers, and what it loses.

use api_cloudfront::{
    ResponseHeadersPolicyConfig, ResponseHeadersPolicyCorsConfig, ResponseHeadersPolicySecurityHeadersConfig,
};
use aws_wire::Response;
use aws_wire::rest::insert_header;
use http::{HeaderMap, Method};

use super::Viewer;

pub(super) fn apply(policy: &ResponseHeadersPolicyConfig, viewer: &Viewer, response: &mut Response) {
    let removed = policy.remove_headers_config.iter().filter_map(|removed| removed.items.as_ref()).flatten();
    for one in removed {
        response.headers.remove(one.header.as_str());
    }
    if let Some(cors) = &policy.cors_config {
        share(cors, viewer, &mut response.headers);
    }
    if let Some(security) = &policy.security_headers_config {
        secure(security, &mut response.headers);
    }
    let custom = policy.custom_headers_config.iter().filter_map(|custom| custom.items.as_ref()).flatten();
    for one in custom {
        set(&mut response.headers, &one.header, &one.value, one.r#override);
    }
}

fn set(headers: &mut HeaderMap, name: &str, value: &str, overrides: bool) {
    if overrides || !headers.contains_key(name) {
        insert_header(headers, name, value);
    }
}

/// Nothing where the viewer does not say where it comes from, or may not.
fn share(cors: &ResponseHeadersPolicyCorsConfig, viewer: &Viewer, headers: &mut HeaderMap) {
    let Some(origin) = viewer.header("origin") else { return };
    let allowed = &cors.access_control_allow_origins.items;
    let Some(fitting) = allowed.iter().find(|pattern| is_origin(pattern, origin)) else { return };
    // Who has said something about sharing has said everything.
    let says = headers.keys().any(|name| name.as_str().starts_with("access-control-"));
    if says && !cors.origin_override {
        return;
    }
    let everybody = fitting == "*" && !cors.access_control_allow_credentials;
    insert_header(headers, "access-control-allow-origin", if everybody { "*" } else { origin });
    if !everybody {
        insert_header(headers, "vary", "Origin");
    }
    if cors.access_control_allow_credentials {
        insert_header(headers, "access-control-allow-credentials", "true");
    }
    let exposed = cors.access_control_expose_headers.as_ref().and_then(|exposed| exposed.items.as_ref());
    if let Some(exposed) = exposed.filter(|exposed| !exposed.is_empty()) {
        insert_header(headers, "access-control-expose-headers", &exposed.join(", "));
    }
    let is_preflight =
        viewer.method == Method::OPTIONS && viewer.header("access-control-request-method").is_some();
    if is_preflight {
        let methods = cors.access_control_allow_methods.items.iter().map(|method| method.as_str());
        let methods = methods.collect::<Vec<_>>().join(", ");
        let methods =
            if methods == "ALL" { "GET, DELETE, HEAD, OPTIONS, PATCH, POST, PUT" } else { &methods };
        insert_header(headers, "access-control-allow-methods", methods);
        let names = cors.access_control_allow_headers.items.join(", ");
        insert_header(headers, "access-control-allow-headers", &names);
        if let Some(age) = cors.access_control_max_age_sec {
            insert_header(headers, "access-control-max-age", &age.to_string());
        }
    }
}

/// `*`, an origin, or one with a star in the place of its first label.
fn is_origin(pattern: &str, origin: &str) -> bool {
    if pattern == "*" || pattern == origin {
        return true;
    }
    let (scheme, host) = origin.split_once("://").unwrap_or(("", origin));
    let (wanted, pattern) = pattern.split_once("://").unwrap_or((scheme, pattern));
    let below = pattern.strip_prefix('*').is_some_and(|rest| host.ends_with(rest) && host.len() > rest.len());
    wanted == scheme && (pattern == host || below)
}

fn secure(security: &ResponseHeadersPolicySecurityHeadersConfig, headers: &mut HeaderMap) {
    if let Some(one) = &security.xss_protection {
        let report = one.report_uri.as_deref().map(|uri| format!("; report={uri}"));
        let value = match (one.protection, one.mode_block) {
            (false, _) => "0".to_owned(),
            (true, Some(true)) => "1; mode=block".to_owned(),
            (true, _) => format!("1{}", report.unwrap_or_default()),
        };
        set(headers, "x-xss-protection", &value, one.r#override);
    }
    if let Some(one) = &security.frame_options {
        set(headers, "x-frame-options", one.frame_option.as_str(), one.r#override);
    }
    if let Some(one) = &security.referrer_policy {
        set(headers, "referrer-policy", one.referrer_policy.as_str(), one.r#override);
    }
    if let Some(one) = &security.content_security_policy {
        set(headers, "content-security-policy", &one.content_security_policy, one.r#override);
    }
    if let Some(one) = &security.content_type_options {
        set(headers, "x-content-type-options", "nosniff", one.r#override);
    }
    if let Some(one) = &security.strict_transport_security {
        let mut value = format!("max-age={}", one.access_control_max_age_sec);
        if one.include_subdomains == Some(true) {
            value.push_str("; includeSubDomains");
        }
        if one.preload == Some(true) {
            value.push_str("; preload");
        }
        set(headers, "strict-transport-security", &value, one.r#override);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_fit_patterns() {
        let check = |pattern: &str, origin: &str, fits: bool| {
            assert_eq!(is_origin(pattern, origin), fits, "{pattern} {origin}");
        };
        check("*", "http://a.b", true);
        check("http://a.b", "http://a.b", true);
        check("https://a.b", "http://a.b", false);
        check("a.b", "http://a.b", true);
        check("https://*.a.b", "https://x.a.b", true);
        check("*.a.b", "https://a.b", false);
    }
}
