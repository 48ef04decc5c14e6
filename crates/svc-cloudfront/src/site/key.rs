//! What of a viewer's request tells responses apart, and what of it its origin gets to see.

use http::header::{ACCEPT_ENCODING, COOKIE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::Viewer;
use crate::plan::{Behavior, Caching, Names};

/// What origins see of viewers whatever is configured; all others are for a policy to name.
const ALWAYS: [&str; 10] = [
    "cache-control",
    "content-encoding",
    "content-language",
    "content-md5",
    "content-type",
    "date",
    "pragma",
    "warning",
    "x-forwarded-for",
    "via",
];
/// Questions about what the asker has already.
pub(super) const CONDITIONS: [&str; 6] =
    ["if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "range"];
/// What is between two neighbours only, or is made anew.
pub(super) const OWN: [&str; 13] = [
    "connection",
    "content-length",
    "expect",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-forwarded-proto",
    "x-real-ip",
];

/// The key of a response to this request.
pub(super) fn key(distribution: &str, behavior: &Behavior, viewer: &Viewer) -> String {
    let caching = &behavior.caching;
    let mut key = format!("{distribution} {} {}?", viewer.method, viewer.path);
    key.push_str(&query(&viewer.query, |name| caching.key.fields.have(name)));
    let encoding = encoding(caching, &viewer.headers).unwrap_or_default();
    key.push_str(&format!(
        "\n{encoding}\n{}",
        cookies(&viewer.headers, |name| caching.key.cookies.have(name))
    ));
    if let Names::These(names) = &caching.key.headers {
        for name in names {
            key.push_str(&format!("\n{}", name.to_ascii_lowercase()));
            for value in viewer.headers.get_all(name.as_str()) {
                key.push('=');
                key.push_str(&String::from_utf8_lossy(value.as_bytes()));
            }
        }
    }
    key
}

/// A request's `Accept-Encoding` as far as the behavior cares: what the viewer does not take is not told.
pub(super) fn encoding(caching: &Caching, headers: &HeaderMap) -> Option<&'static str> {
    let taken = |wanted: &str| {
        let given = headers.get_all(ACCEPT_ENCODING).into_iter().filter_map(|value| value.to_str().ok());
        given.flat_map(|value| value.split(',')).any(|one| {
            let (name, quality) = one.split_once(';').unwrap_or((one, ""));
            let refused = quality.trim().strip_prefix("q=").and_then(|q| q.parse::<f32>().ok()) == Some(0.0);
            name.trim().eq_ignore_ascii_case(wanted) && !refused
        })
    };
    match (caching.brotli && taken("br"), caching.gzip && taken("gzip")) {
        (true, true) => Some("br,gzip"),
        (true, false) => Some("br"),
        (false, true) => Some("gzip"),
        (false, false) => None,
    }
}

/// The fields of a query of which this is so, as they came and in their order.
fn query(query: &str, is_so: impl Fn(&str) -> bool) -> String {
    let fields = query.split('&').filter(|field| !field.is_empty());
    let chosen = fields.filter(|field| is_so(field.split('=').next().unwrap_or_default()));
    chosen.collect::<Vec<_>>().join("&")
}

fn cookies(headers: &HeaderMap, is_so: impl Fn(&str) -> bool) -> String {
    let given = headers.get_all(COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let each = given.flat_map(|value| value.split(';')).map(str::trim).filter(|one| !one.is_empty());
    let chosen = each.filter(|one| is_so(one.split('=').next().unwrap_or_default()));
    chosen.collect::<Vec<_>>().join("; ")
}

/// The query that the origin gets.
pub(super) fn sent_query(behavior: &Behavior, viewer: &Viewer) -> String {
    let (key, more) = (&behavior.caching.key.fields, &behavior.forwarded.fields);
    query(&viewer.query, |name| key.have(name) || more.have(name))
}

/// The headers that the origin gets, where it is at `domain`. Without conditions, a whole response is asked for.
pub(super) fn sent_headers(
    behavior: &Behavior,
    viewer: &Viewer,
    domain: &str,
    label: &str,
    with_conditions: bool,
) -> HeaderMap {
    let (key, more) = (&behavior.caching.key, &behavior.forwarded);
    let chosen = |name: &str| key.headers.have_header(name) || more.headers.have_header(name);
    let changes = !matches!(viewer.method, Method::GET | Method::HEAD | Method::OPTIONS);
    let mut sent = HeaderMap::new();
    for (name, value) in &viewer.headers {
        let text = name.as_str();
        let is_sent = if OWN.contains(&text) || matches!(text, "cookie" | "accept-encoding") {
            false
        } else if CONDITIONS.contains(&text) {
            with_conditions
        } else {
            ALWAYS.contains(&text) || chosen(text) || (text == "authorization" && changes)
        };
        if is_sent {
            sent.append(name.clone(), value.clone());
        }
    }
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::try_from(value) {
            sent.insert(name, value);
        }
    };
    if !chosen("host") {
        set(HOST, domain);
    }
    if !chosen("user-agent") {
        set(http::header::USER_AGENT, "Amazon CloudFront");
    }
    let all_encodings = more.headers == Names::All && !behavior.caching.gzip && !behavior.caching.brotli;
    match encoding(&behavior.caching, &viewer.headers) {
        Some(encoding) => set(ACCEPT_ENCODING, encoding),
        // A policy that forwards everything forwards this too, unless it is part of the key.
        None if all_encodings => {
            let given = viewer.headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
            if let Some(given) = given {
                set(ACCEPT_ENCODING, given);
            }
        }
        None => {}
    }
    let crumbs = cookies(&viewer.headers, |name| key.cookies.have(name) || more.cookies.have(name));
    if !crumbs.is_empty() {
        set(COOKIE, &crumbs);
    }
    let before = viewer.headers.get("x-forwarded-for").and_then(|value| value.to_str().ok());
    let peer = viewer.peer.to_string();
    let chain = before.map_or_else(|| peer.clone(), |before| format!("{before}, {peer}"));
    set(HeaderName::from_static("x-forwarded-for"), &chain);
    let via = viewer.headers.get("via").and_then(|value| value.to_str().ok());
    let own = super::via(label);
    set(http::header::VIA, &via.map_or_else(|| own.clone(), |via| format!("{via}, {own}")));
    sent
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Parts;

    fn headers(given: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = given
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        pairs.collect()
    }

    #[test]
    fn fields_and_cookies_are_chosen_in_their_order() {
        assert_eq!(query("b=2&a=1&c&b=3", |name| name != "c"), "b=2&a=1&b=3");
        let given = headers(&[("cookie", "a=1; b=2;c=3")]);
        assert_eq!(cookies(&given, |name| name != "b"), "a=1; c=3");
    }

    #[test]
    fn encodings_are_told_as_far_as_they_matter() {
        let key = Parts { headers: Names::None, cookies: Names::None, fields: Names::None };
        let caching = Caching { min_s: 0, default_s: 0, max_s: 1, key, gzip: true, brotli: false };
        let check = |given: &'static str, expected: Option<&str>| {
            assert_eq!(encoding(&caching, &headers(&[("accept-encoding", given)])), expected, "{given}");
        };
        check("gzip, deflate, br", Some("gzip"));
        check("br", None);
        check("gzip;q=0", None);
        check("GZIP;q=0.5", Some("gzip"));
    }
}
