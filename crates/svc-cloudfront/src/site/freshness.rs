//! For how long a response is kept: what its origin says, between the bounds of its behavior.

use aws_wire::schema::TimestampFormat;
use aws_wire::timestamp;
use env::Timestamp;
use http::HeaderMap;

use crate::plan::Caching;

/// What an origin says.
#[derive(Debug, PartialEq)]
enum Said {
    Nothing,
    Seconds(u64),
    Never,
}

/// In seconds; none for what is not kept at all.
pub(super) fn ttl_s(caching: &Caching, headers: &HeaderMap, now: Timestamp) -> u64 {
    if caching.is_off() {
        return 0;
    }
    match said(headers, now) {
        Said::Nothing => caching.default_s.max(caching.min_s).min(caching.max_s),
        Said::Seconds(seconds) => seconds.max(caching.min_s).min(caching.max_s),
        // A minimum is a minimum: AWS keeps even this, and says so.
        Said::Never => caching.min_s,
    }
}

/// Likewise of an error, which is kept for at least so long.
pub(super) fn error_ttl_s(caching: &Caching, min_s: u64, headers: &HeaderMap, now: Timestamp) -> u64 {
    if caching.is_off() {
        return 0;
    }
    match said(headers, now) {
        Said::Seconds(seconds) => seconds.min(caching.max_s).max(min_s),
        Said::Nothing | Said::Never => min_s,
    }
}

fn said(headers: &HeaderMap, now: Timestamp) -> Said {
    let directives = headers.get_all("cache-control").into_iter().filter_map(|value| value.to_str().ok());
    let directives = directives.flat_map(|value| value.split(',')).map(str::trim);
    let (mut max_age, mut shared) = (None, None);
    for directive in directives {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        let seconds = value.trim_matches('"').parse::<u64>().ok();
        match name.to_ascii_lowercase().as_str() {
            "no-store" | "no-cache" | "private" => return Said::Never,
            "max-age" => max_age = seconds,
            "s-maxage" => shared = seconds,
            _ => {}
        }
    }
    if let Some(seconds) = shared.or(max_age) {
        return Said::Seconds(seconds);
    }
    let Some(expires) = headers.get("expires").and_then(|value| value.to_str().ok()) else {
        return Said::Nothing;
    };
    // What is no date has expired.
    let until = timestamp::parse(expires, TimestampFormat::HttpDate);
    Said::Seconds(until.map_or(0, |until| until.since(now).as_secs()))
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;
    use crate::plan::{Names, Parts};

    fn caching(min_s: u64, default_s: u64, max_s: u64) -> Caching {
        let key = Parts { headers: Names::None, cookies: Names::None, fields: Names::None };
        Caching { min_s, default_s, max_s, key, gzip: false, brotli: false }
    }

    #[test]
    fn origins_say_how_long_between_bounds() {
        let now = Timestamp::from_millis(1_767_225_600_000);
        let check = |caching: Caching, given: &[(&'static str, &'static str)], expected: u64| {
            let headers = given
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
            let headers = headers.collect::<HeaderMap>();
            assert_eq!(ttl_s(&caching, &headers, now), expected, "{given:?}");
        };
        check(caching(0, 60, 100), &[], 60);
        check(caching(0, 60, 100), &[("cache-control", "max-age=30")], 30);
        check(caching(0, 60, 100), &[("cache-control", "public, max-age=300")], 100);
        check(caching(40, 60, 100), &[("cache-control", "max-age=30")], 40);
        check(caching(0, 60, 100), &[("cache-control", "max-age=30, s-maxage=50")], 50);
        check(caching(0, 60, 100), &[("cache-control", "no-store")], 0);
        check(caching(5, 60, 100), &[("cache-control", "private")], 5);
        check(caching(0, 60, 100), &[("expires", "Thu, 01 Jan 2026 00:00:20 GMT")], 20);
        check(caching(0, 60, 100), &[("expires", "0")], 0);
        check(caching(0, 0, 0), &[("cache-control", "max-age=30")], 0);
        check(caching(0, 0, 100), &[], 0);
    }
}
