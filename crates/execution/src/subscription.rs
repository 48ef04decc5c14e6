//! What an extension asks of the Telemetry API or of the Logs API before it: checked, and as deliveries need it.

use std::time::Duration;

use serde_json::Value as Json;

/// Which events a subscriber wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Category {
    Platform,
    Function,
    Extension,
}

impl Category {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Platform => "platform",
            Self::Function => "function",
            Self::Extension => "extension",
        }
    }
}

/// The API that was subscribed with; an extension may use one of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Api {
    Telemetry,
    Logs,
}

impl Api {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Telemetry => "Telemetry",
            Self::Logs => "Logs",
        }
    }

    const fn schemas(self) -> &'static [&'static str] {
        match self {
            Self::Telemetry => &["2022-07-01", "2022-12-13", "2025-01-29"],
            Self::Logs => &["2020-08-15", "2021-03-18"],
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Buffering {
    pub items_max: usize,
    pub bytes_max: usize,
    pub timeout: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    Http { port: u16, host: String, path: String, method: &'static str },
    Tcp { port: u16 },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subscription {
    pub api: Api,
    pub schema: &'static str,
    pub categories: Vec<Category>,
    pub buffering: Buffering,
    pub destination: Destination,
}

/// The body of a subscription.
///
/// # Errors
/// What is wrong with it, for its sender.
pub(crate) fn parse(api: Api, body: &[u8], reserved_port: u16) -> Result<Subscription, String> {
    let body = serde_json::from_slice::<Json>(body).map_err(|error| format!("Invalid JSON: {error}"))?;
    if !body.is_object() {
        return Err("The request is not an object".to_owned());
    }
    let schemas = api.schemas();
    let schema = match body.get("schemaVersion") {
        None => schemas[0],
        Some(version) => *schemas
            .iter()
            .find(|known| version.as_str() == Some(**known))
            .ok_or_else(|| format!("schemaVersion must be one of {}", schemas.join(", ")))?,
    };
    Ok(Subscription {
        api,
        schema,
        categories: categories(&body["types"])?,
        buffering: buffering(body.get("buffering"))?,
        destination: destination(&body["destination"], reserved_port)?,
    })
}

fn categories(types: &Json) -> Result<Vec<Category>, String> {
    let all = [Category::Platform, Category::Function, Category::Extension];
    let mut found = Vec::new();
    for one in types.as_array().filter(|types| !types.is_empty()).ok_or("types is missing or empty")? {
        let known = all.into_iter().find(|known| one.as_str() == Some(known.name()));
        let known = known.ok_or("types must be platform, function or extension")?;
        if found.contains(&known) {
            return Err("types must be unique".to_owned());
        }
        found.push(known);
    }
    Ok(found)
}

fn buffering(asked: Option<&Json>) -> Result<Buffering, String> {
    let number = |name: &str, default: u64, range: std::ops::RangeInclusive<u64>| {
        let Some(value) = asked.and_then(|asked| asked.get(name)) else { return Ok(default) };
        let fits = value.as_u64().filter(|value| range.contains(value));
        fits.ok_or_else(|| format!("buffering.{name} must be between {} and {}", range.start(), range.end()))
    };
    let size = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
    Ok(Buffering {
        items_max: size(number("maxItems", 10_000, 1_000..=10_000)?),
        bytes_max: size(number("maxBytes", 262_144, 262_144..=1_048_576)?),
        timeout: Duration::from_millis(number("timeoutMs", 1_000, 25..=30_000)?),
    })
}

fn destination(asked: &Json, reserved_port: u16) -> Result<Destination, String> {
    let uri = asked["URI"].as_str();
    let found = match asked["protocol"].as_str() {
        Some("HTTP") => {
            let uri = uri.ok_or("destination.URI is missing")?;
            let method = match asked.get("method").map(Json::as_str) {
                None | Some(Some("POST")) => "POST",
                Some(Some("PUT")) => "PUT",
                Some(_) => return Err("destination.method must be POST or PUT".to_owned()),
            };
            if asked.get("encoding").is_some_and(|encoding| encoding != "JSON") {
                return Err("destination.encoding must be JSON".to_owned());
            }
            let uri = uri.parse::<http::Uri>().map_err(|_| "destination.URI is no URI")?;
            let (host, port) = in_sandbox(&uri, "http")?;
            let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
            Destination::Http { port: port.unwrap_or(80), host, path, method }
        }
        Some("TCP") => {
            let port = match (asked.get("port"), uri) {
                (Some(port), _) => port.as_u64().and_then(|port| u16::try_from(port).ok()),
                (None, Some(uri)) => {
                    let uri = uri.parse::<http::Uri>().map_err(|_| "destination.URI is no URI")?;
                    in_sandbox(&uri, "tcp")?.1
                }
                (None, None) => None,
            };
            Destination::Tcp { port: port.ok_or("destination needs a port")? }
        }
        _ => return Err("destination.protocol must be HTTP or TCP".to_owned()),
    };
    let (Destination::Http { port, .. } | Destination::Tcp { port }) = &found;
    if *port == 0 || *port == reserved_port {
        return Err(format!("port {port} is reserved"));
    }
    Ok(found)
}

/// Host and port of a destination, which can be in the extension's own sandbox only.
fn in_sandbox(uri: &http::Uri, scheme: &str) -> Result<(String, Option<u16>), String> {
    let host = uri.host().unwrap_or_default();
    let hosts = ["sandbox.localdomain", "sandbox", "localhost", "127.0.0.1"];
    if uri.scheme_str() != Some(scheme) || !hosts.contains(&host) {
        return Err(format!("destination.URI must begin with {scheme}://sandbox.localdomain"));
    }
    let host = uri.authority().map_or(host, |authority| authority.as_str()).to_owned();
    Ok((host, uri.port_u16()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HTTP: &str = r#""destination":{"protocol":"HTTP","URI":"http://sandbox.localdomain:8080/all?x=1"}"#;

    fn check(body: &str, expected: Result<&Subscription, &str>) {
        let parsed = parse(Api::Telemetry, body.as_bytes(), 9001);
        match expected {
            Ok(expected) => assert_eq!(parsed.as_ref(), Ok(expected), "{body}"),
            Err(part) => {
                let message = parsed.expect_err(body);
                assert!(message.contains(part), "{body}: {message}");
            }
        }
    }

    #[test]
    fn subscriptions_are_checked() {
        let defaults = Buffering { items_max: 10_000, bytes_max: 262_144, timeout: Duration::from_secs(1) };
        let plain = Subscription {
            api: Api::Telemetry,
            schema: "2022-07-01",
            categories: vec![Category::Platform, Category::Extension],
            buffering: defaults,
            destination: Destination::Http {
                port: 8080,
                host: "sandbox.localdomain:8080".to_owned(),
                path: "/all?x=1".to_owned(),
                method: "POST",
            },
        };
        check(&format!(r#"{{"types":["platform","extension"],{HTTP}}}"#), Ok(&plain));
        let tcp = Subscription {
            schema: "2022-12-13",
            categories: vec![Category::Function],
            buffering: Buffering {
                items_max: 1000,
                bytes_max: 1_048_576,
                timeout: Duration::from_millis(25),
            },
            destination: Destination::Tcp { port: 1 },
            ..plain
        };
        let asked = r#"{"schemaVersion":"2022-12-13","types":["function"],
            "buffering":{"maxItems":1000,"maxBytes":1048576,"timeoutMs":25},
            "destination":{"protocol":"TCP","URI":"tcp://sandbox:1"}}"#;
        check(asked, Ok(&tcp));
        for (body, part) in [
            ("[1]", "not an object"),
            ("{", "Invalid JSON"),
            (&format!(r#"{{"types":[],{HTTP}}}"#), "types"),
            (&format!(r#"{{"types":["platform","platform"],{HTTP}}}"#), "unique"),
            (&format!(r#"{{"types":["all"],{HTTP}}}"#), "types"),
            (&format!(r#"{{"schemaVersion":"2020-08-15","types":["platform"],{HTTP}}}"#), "schemaVersion"),
            (&format!(r#"{{"types":["platform"],"buffering":{{"maxItems":999}},{HTTP}}}"#), "maxItems"),
            (&format!(r#"{{"types":["platform"],"buffering":{{"timeoutMs":"x"}},{HTTP}}}"#), "timeoutMs"),
            (r#"{"types":["platform"]}"#, "protocol"),
            (&format!(r#"{{"types":["platform"],{}}}"#, HTTP.replace("8080", "9001")), "reserved"),
            (
                &format!(
                    r#"{{"types":["platform"],{}}}"#,
                    HTTP.replace("sandbox.localdomain", "example.org")
                ),
                "URI",
            ),
            (r#"{"types":["platform"],"destination":{"protocol":"TCP","port":70000}}"#, "port"),
        ] {
            check(body, Err(part));
        }
    }
}
