//! CORS: which other origins' pages may ask, and the headers that tell their browsers.

use api_s3::{CORSRule, GetBucketCorsInput};
use aws_wire::{Response, Result, rest};
use http::HeaderMap;
use kv::Read;

use crate::keys::BUCKETS;
use crate::{document, errors};

const RULES_MAX: usize = 100;
const METHODS: [&str; 5] = ["GET", "PUT", "HEAD", "POST", "DELETE"];

/// # Errors
/// 400 for rules that S3 would not take.
pub(crate) fn check(rules: &[CORSRule]) -> Result<()> {
    if rules.is_empty() || rules.len() > RULES_MAX {
        return Err(errors::malformed_xml());
    }
    for rule in rules {
        if rule.allowed_methods.is_empty() || rule.allowed_origins.is_empty() {
            return Err(errors::malformed_xml());
        }
        let unknown = rule.allowed_methods.iter().find(|method| !METHODS.contains(&method.as_str()));
        if let Some(method) = unknown {
            let message =
                format!("Found unsupported HTTP method in CORS config. Unsupported method is {method}");
            return Err(errors::invalid_request(message));
        }
        let patterns = rule.allowed_origins.iter().chain(rule.allowed_headers.iter().flatten());
        if let Some(pattern) = patterns.into_iter().find(|pattern| pattern.matches('*').count() > 1) {
            let message = format!("AllowedOrigin \"{pattern}\" can not have more than one wildcard.");
            return Err(errors::invalid_request(message));
        }
    }
    Ok(())
}

/// The rules of a bucket, whoever asks.
pub(crate) fn rules(reader: &impl Read, bucket: &str) -> Result<Option<Vec<CORSRule>>> {
    let Some(bucket) = BUCKETS.get(reader, &bucket.to_owned())? else { return Ok(None) };
    Ok(document::read::<GetBucketCorsInput>(reader, &bucket)?.and_then(|setting| setting.cors_rules))
}

/// What a page wants to ask.
pub(crate) struct Wish<'a> {
    pub origin: &'a str,
    pub method: &'a str,
    /// Lower-case names.
    pub headers: Vec<String>,
}

impl Wish<'_> {
    fn fits(&self, rule: &CORSRule) -> bool {
        let allowed = rule.allowed_headers.as_deref().unwrap_or_default();
        rule.allowed_methods.iter().any(|method| method == self.method)
            && rule.allowed_origins.iter().any(|pattern| matches(pattern, self.origin))
            && self
                .headers
                .iter()
                .all(|header| allowed.iter().any(|pattern| matches(&pattern.to_ascii_lowercase(), header)))
    }
}

/// The first rule that lets `wish` in.
pub(crate) fn find<'r>(rules: &'r [CORSRule], wish: &Wish<'_>) -> Option<&'r CORSRule> {
    rules.iter().find(|rule| wish.fits(rule))
}

fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, end)) => {
            text.len() >= start.len() + end.len() && text.starts_with(start) && text.ends_with(end)
        }
    }
}

/// Tells a browser what the rule lets its page do.
pub(crate) fn allow(rule: &CORSRule, wish: &Wish<'_>, response: &mut Response) {
    let mut set = |name: &str, value: &str| rest::insert_header(&mut response.headers, name, value);
    let anybody = rule.allowed_origins.iter().any(|origin| origin == "*");
    set("access-control-allow-origin", if anybody { "*" } else { wish.origin });
    set("access-control-allow-methods", &rule.allowed_methods.join(", "));
    if !anybody {
        set("access-control-allow-credentials", "true");
    }
    if let Some(exposed) = rule.expose_headers.as_ref().filter(|exposed| !exposed.is_empty()) {
        set("access-control-expose-headers", &exposed.join(", "));
    }
    if !wish.headers.is_empty() {
        set("access-control-allow-headers", &wish.headers.join(", "));
    }
    if let Some(seconds) = rule.max_age_seconds {
        set("access-control-max-age", &seconds.to_string());
    }
    set("vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method");
}

/// A header's text.
pub(crate) fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_have_one_star_at_most() {
        for (pattern, origin, expected) in [
            ("*", "https://a.example", true),
            ("https://*.example", "https://a.example", true),
            ("https://*.example", "https://.example", true),
            ("https://*.example", "http://a.example", false),
            ("https://a.example", "https://a.example", true),
            ("https://a*a", "https://a", false),
        ] {
            assert_eq!(matches(pattern, origin), expected, "{pattern} {origin}");
        }
    }
}
