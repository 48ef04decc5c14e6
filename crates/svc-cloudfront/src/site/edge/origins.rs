//! Origins in events of requests to them: shown, and changed.

use serde_json::{Map, Value as Json, json};

use super::super::page::Refusal;
use super::invalid;
use crate::plan::{Access, Origin, Server, s3_bucket};

pub(super) fn to_json(origin: &Origin) -> Json {
    let headers = origin
        .headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), json!([{ "key": name, "value": value }])));
    let headers = headers.collect::<Map<_, _>>();
    match &origin.server {
        Some(server) => json!({ "custom": {
            "customHeaders": headers,
            "domainName": origin.domain,
            "keepaliveTimeout": server.keepalive_s,
            "path": origin.path,
            "port": server.port(),
            "protocol": if server.is_tls { "https" } else { "http" },
            "readTimeout": server.read_s,
            "sslProtocols": server.ssl_protocols,
        } }),
        None => json!({ "s3": {
            "authMethod": match origin.access {
                Access::Identity { .. } => "origin-access-identity",
                Access::Anonymous | Access::Control { .. } => "none",
            },
            "customHeaders": headers,
            "domainName": origin.domain,
            "path": origin.path,
            "region": region(&origin.domain),
        } }),
    }
}

/// The region that a bucket's domain names, or the one that needs no naming.
fn region(domain: &str) -> &str {
    let rest = s3_bucket(domain).map(|bucket| &domain[bucket.len() + 1..]);
    let named = rest.and_then(|rest| rest.strip_prefix("s3.").or_else(|| rest.strip_prefix("s3-")));
    let named = named.and_then(|rest| rest.strip_suffix(".amazonaws.com"));
    named.filter(|region| !region.contains('.')).unwrap_or("us-east-1")
}

/// The origin that a function returned, where `before` is the one it was shown.
///
/// # Errors
/// 502 for what is none.
pub(super) fn read(given: &Json, before: &Origin) -> Result<Origin, Refusal> {
    let wrong = |what: &str| {
        invalid(format!("The Lambda function result failed validation: The origin's {what} is not valid."))
    };
    let (kind, of) = match (given.get("custom"), given.get("s3")) {
        (Some(custom), None) => ("custom", custom),
        (None, Some(s3)) => ("s3", s3),
        _ => return Err(wrong("kind")),
    };
    let text = |name: &str| of[name].as_str().map(str::to_owned);
    let domain = text("domainName").filter(|domain| is_domain(domain)).ok_or_else(|| wrong("domainName"))?;
    let path = text("path").unwrap_or_default();
    if !path.is_empty() && (!path.starts_with('/') || path.ends_with('/') || path.len() > 255) {
        return Err(wrong("path"));
    }
    let mut headers = Vec::new();
    for (name, values) in of["customHeaders"].as_object().into_iter().flatten() {
        for one in values.as_array().into_iter().flatten() {
            let value = one["value"].as_str().ok_or_else(|| wrong("customHeaders"))?;
            headers.push((one["key"].as_str().unwrap_or(name).to_owned(), value.to_owned()));
        }
    }
    let origin = Origin { domain, path, headers, ..before.clone() };
    if kind == "s3" {
        let access = match (text("authMethod").as_deref(), &before.access) {
            (Some("origin-access-identity"), Access::Identity { .. })
            | (Some("none"), Access::Control { .. }) => before.access.clone(),
            (Some("none"), _) => Access::Anonymous,
            _ => return Err(wrong("authMethod")),
        };
        if s3_bucket(&origin.domain).is_none() {
            return Err(wrong("domainName"));
        }
        return Ok(Origin { access, server: None, ..origin });
    }
    let number = |name: &str, default: u64| of.get(name).map_or(Some(default), Json::as_u64);
    let is_tls = match text("protocol").as_deref() {
        Some("http") => false,
        Some("https") => true,
        _ => return Err(wrong("protocol")),
    };
    let port = number("port", if is_tls { 443 } else { 80 });
    let port = port.and_then(|port| u16::try_from(port).ok());
    let port = port.filter(|port| matches!(port, 80 | 443 | 1024..)).ok_or_else(|| wrong("port"))?;
    let within = |name: &str, default| {
        number(name, default).filter(|seconds| (1..=120).contains(seconds)).ok_or_else(|| wrong(name))
    };
    let (read_s, keepalive_s) = (within("readTimeout", 30)?, within("keepaliveTimeout", 5)?);
    let protocols = of["sslProtocols"].as_array().into_iter().flatten();
    let ssl_protocols = protocols.filter_map(|name| name.as_str().map(str::to_owned)).collect();
    let server = Server { is_tls, http_port: port, https_port: port, read_s, keepalive_s, ssl_protocols };
    Ok(Origin { server: Some(server), ..origin })
}

fn is_domain(domain: &str) -> bool {
    let named = format!("http://{domain}/").parse::<http::Uri>();
    domain.len() <= 253 && named.is_ok_and(|uri| uri.host() == Some(domain))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket() -> Origin {
        Origin {
            domain: "b.s3.eu-west-1.amazonaws.com".to_owned(),
            path: String::new(),
            headers: vec![("X-One".to_owned(), "1".to_owned())],
            access: Access::Control { viewer_first: false },
            server: None,
            attempts: 3,
            connect_s: 10,
        }
    }

    #[test]
    fn origins_that_nobody_touched_come_back_as_they_were() {
        let before = bucket();
        let shown = to_json(&before);
        assert_eq!(shown["s3"]["region"], "eu-west-1");
        assert_eq!(read(&shown, &before).expect("an origin"), before);
    }

    #[test]
    fn origins_become_others() {
        let custom = json!({ "custom": {
            "domainName": "example.com", "port": 8080, "protocol": "http", "path": "/x", "sslProtocols": ["TLSv1.2"],
            "readTimeout": 5, "keepaliveTimeout": 5, "customHeaders": {},
        } });
        let server = read(&custom, &bucket()).expect("an origin");
        assert_eq!((server.domain.as_str(), server.path.as_str()), ("example.com", "/x"));
        assert_eq!(server.server.expect("a server").port(), 8080);
        for (name, wrong) in [
            ("port", json!(81)),
            ("protocol", json!("ftp")),
            ("path", json!("x")),
            ("domainName", json!("a/b")),
            ("readTimeout", json!(121)),
        ] {
            let mut changed = custom.clone();
            changed["custom"][name] = wrong;
            assert!(read(&changed, &bucket()).is_err(), "{name}");
        }
        let both = json!({ "custom": custom["custom"], "s3": {} });
        assert!(read(&both, &bucket()).is_err());
    }
}
