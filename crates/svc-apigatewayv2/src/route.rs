//! A route: its key, and which of many a request takes.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use api_apigatewayv2 as model;
use api_apigatewayv2::ProtocolType;
use aws_wire::Result;
use http_event::parts::decoded;
use serde::{Deserialize, Serialize};

use crate::refusal::bad_request;

/// The key of the route for requests that no other takes.
pub(crate) const DEFAULT: &str = "$default";
/// The keys of the routes that hear of a WebSocket API's connections.
pub(crate) const CONNECT: &str = "$connect";
pub(crate) const DISCONNECT: &str = "$disconnect";
const METHODS: [&str; 8] = ["ANY", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Route {
    pub format: u32,
    /// As it was given.
    pub key: String,
    /// The id of its integration.
    pub integration: Option<String>,
    pub authorization: Authorization,
    pub operation_name: Option<String>,
    /// Whether quick create made it.
    pub managed: bool,
    /// Of a WebSocket API: what tells which response a message gets; without it none.
    #[serde(default)]
    pub response_selection: Option<String>,
    /// Of a WebSocket API, by id.
    #[serde(default)]
    pub responses: BTreeMap<String, RouteResponse>,
    /// Whether who connects has to show a key of a usage plan.
    #[serde(default)]
    pub api_key_required: bool,
    /// What a handshake has, such as `route.request.header.x`, and whether it must.
    #[serde(default)]
    pub request_parameters: BTreeMap<String, bool>,
}

/// That what is behind a route answers those who come by it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RouteResponse {
    pub key: String,
}

impl RouteResponse {
    pub(crate) fn shown(&self, id: &str) -> model::RouteResponse {
        model::RouteResponse {
            model_selection_expression: None,
            response_models: None,
            response_parameters: None,
            route_response_id: Some(id.to_owned()),
            route_response_key: self.key.clone(),
        }
    }
}

/// Who may take a route.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Authorization {
    Nobody,
    Iam,
    /// With a token whose scopes have one of these, where there are any.
    Jwt {
        authorizer: String,
        scopes: Vec<String>,
    },
    Function {
        authorizer: String,
    },
}

impl Authorization {
    pub(crate) fn authorizer(&self) -> Option<&str> {
        match self {
            Self::Nobody | Self::Iam => None,
            Self::Jwt { authorizer, .. } | Self::Function { authorizer } => Some(authorizer),
        }
    }
}

impl Route {
    /// Whether what a function returns for a message goes to its sender.
    pub(crate) fn is_two_way(&self) -> bool {
        self.response_selection.is_some() && self.responses.values().any(|response| response.key == DEFAULT)
    }

    pub(crate) fn shown(&self, id: &str) -> model::Route {
        let (kind, scopes) = match &self.authorization {
            Authorization::Nobody => (model::AuthorizationType::None, None),
            Authorization::Iam => (model::AuthorizationType::AwsIam, None),
            Authorization::Jwt { scopes, .. } => {
                (model::AuthorizationType::Jwt, Some(scopes.clone()).filter(|scopes| !scopes.is_empty()))
            }
            Authorization::Function { .. } => (model::AuthorizationType::Custom, None),
        };
        model::Route {
            api_gateway_managed: self.managed.then_some(true),
            api_key_required: Some(self.api_key_required),
            authorization_scopes: scopes,
            authorization_type: Some(kind),
            authorizer_id: self.authorization.authorizer().map(str::to_owned),
            model_selection_expression: None,
            operation_name: self.operation_name.clone(),
            request_models: None,
            request_parameters: (!self.request_parameters.is_empty()).then(|| {
                let all = self.request_parameters.iter();
                all.map(|(name, required)| {
                    (name.clone(), model::ParameterConstraints { required: Some(*required) })
                })
                .collect()
            }),
            route_id: Some(id.to_owned()),
            route_key: self.key.clone(),
            route_response_selection_expression: self.response_selection.clone(),
            target: self.integration.as_ref().map(|id| format!("integrations/{id}")),
        }
    }
}

/// A key, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Default,
    Path { method: String, segments: Vec<Segment> },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    Literal(String),
    Variable(String),
    /// All the rest.
    Greedy(String),
}

/// # Errors
/// 400 for what is no key.
pub(crate) fn check_key(protocol: ProtocolType, text: &str) -> Result<()> {
    let fits = match protocol {
        ProtocolType::Http => Key::parse(text).is_some(),
        ProtocolType::Websocket => {
            [CONNECT, DISCONNECT, DEFAULT].contains(&text) || (!text.is_empty() && !text.starts_with('$'))
        }
    };
    match protocol {
        _ if fits => Ok(()),
        ProtocolType::Http => Err(bad_request(
            "The provided route key is not formatted properly for HTTP protocol. Format should be \"<HTTP METHOD> \
             /<RESOURCE PATH>\" or \"$default\"",
        )),
        ProtocolType::Websocket => Err(bad_request(
            "The provided route key is not formatted properly for WEBSOCKET protocol. Keys that begin with $ are \
             $connect, $disconnect and $default",
        )),
    }
}

/// # Errors
/// 400 for any other than the one that there is.
pub(crate) fn check_response_selection(protocol: ProtocolType, expression: Option<&str>) -> Result<()> {
    match (protocol, expression) {
        (_, None) | (ProtocolType::Websocket, Some(DEFAULT)) => Ok(()),
        (ProtocolType::Websocket, Some(_)) => {
            Err(bad_request("Only $default is supported as RouteResponseSelectionExpression"))
        }
        (ProtocolType::Http, Some(_)) => {
            Err(bad_request("RouteResponseSelectionExpression is not supported on protocolType HTTP"))
        }
    }
}

/// # Errors
/// 400 for what is none of a WebSocket API's handshake.
pub(crate) fn check_request_parameters<'a>(names: impl Iterator<Item = &'a String>) -> Result<()> {
    for name in names {
        let place = name.strip_prefix("route.request.").and_then(|rest| rest.split_once('.'));
        if !place.is_some_and(|(place, name)| ["header", "querystring"].contains(&place) && !name.is_empty())
        {
            return Err(bad_request(format!("Invalid request parameter specified: {name}")));
        }
    }
    Ok(())
}

impl Key {
    fn parse(text: &str) -> Option<Self> {
        if text == DEFAULT {
            return Some(Self::Default);
        }
        let (method, path) = text.split_once(' ')?;
        let path = path.strip_prefix('/')?;
        let segments = path.split('/').map(Segment::parse).collect::<Option<Vec<_>>>()?;
        let (_, before_last) = segments.split_last()?;
        let greedy_last = !before_last.iter().any(|segment| matches!(segment, Segment::Greedy(_)));
        let mut names = segments.iter().filter_map(Segment::name).collect::<Vec<_>>();
        names.sort_unstable();
        let distinct = names.windows(2).all(|pair| pair[0] != pair[1]);
        (METHODS.contains(&method) && greedy_last && distinct)
            .then(|| Self::Path { method: method.to_owned(), segments })
    }

    /// How well it fits a request, and the variables that it reads of the path; nothing where it does not fit.
    fn fit(&self, method: &str, path: &[&str]) -> Option<(Fit, BTreeMap<String, String>)> {
        let Self::Path { method: own, segments } = self else { return Some((Fit::LAST, BTreeMap::new())) };
        if own != "ANY" && own != method {
            return None;
        }
        let greedy = matches!(segments.last(), Some(Segment::Greedy(_)));
        if path.len() < segments.len() || (!greedy && path.len() > segments.len()) {
            return None;
        }
        let mut variables = BTreeMap::new();
        for (position, segment) in segments.iter().enumerate() {
            let here = path[position];
            match segment {
                Segment::Literal(text) if *text == decoded(here) => {}
                Segment::Variable(name) if !here.is_empty() => {
                    variables.insert(name.clone(), decoded(here));
                }
                Segment::Greedy(name) => {
                    let rest = decoded(&path[position..].join("/"));
                    if rest.is_empty() {
                        return None;
                    }
                    variables.insert(name.clone(), rest);
                }
                Segment::Literal(_) | Segment::Variable(_) => return None,
            }
        }
        let segments = segments.iter().map(Segment::weight).collect();
        Some((Fit { is_path: true, whole: !greedy, segments, own_method: own != "ANY" }, variables))
    }
}

/// AWS documents the order: a path that fits wholly, one with a greedy variable, `$default`; and of those, literals
/// before variables.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Fit {
    is_path: bool,
    whole: bool,
    segments: Vec<u8>,
    own_method: bool,
}

impl Fit {
    const LAST: Self = Self { is_path: false, whole: false, segments: Vec::new(), own_method: false };
}

impl Segment {
    fn parse(text: &str) -> Option<Self> {
        let Some(inner) = text.strip_prefix('{') else {
            return (!text.contains(['{', '}'])).then(|| Self::Literal(text.to_owned()));
        };
        let name = inner.strip_suffix('}')?;
        let (name, greedy) = match name.strip_suffix('+') {
            Some(name) => (name, true),
            None => (name, false),
        };
        let fits = |letter: char| letter.is_ascii_alphanumeric() || "._-:".contains(letter);
        if name.is_empty() || !name.chars().all(fits) {
            return None;
        }
        Some(if greedy { Self::Greedy(name.to_owned()) } else { Self::Variable(name.to_owned()) })
    }

    fn name(&self) -> Option<&str> {
        match self {
            Self::Literal(_) => None,
            Self::Variable(name) | Self::Greedy(name) => Some(name),
        }
    }

    fn weight(&self) -> u8 {
        match self {
            Self::Greedy(_) => 0,
            Self::Variable(_) => 1,
            Self::Literal(_) => 2,
        }
    }
}

/// The route that a request takes, and the path's variables. `path` is percent-encoded, without the stage.
pub(crate) fn choose<'a>(
    routes: impl Iterator<Item = &'a Route>,
    method: &str,
    path: &str,
) -> Option<(&'a Route, BTreeMap<String, String>)> {
    let path = path.strip_prefix('/').unwrap_or(path).split('/').collect::<Vec<_>>();
    let fitting = routes.filter_map(|route| {
        let (fit, variables) = Key::parse(&route.key)?.fit(method, &path)?;
        Some((fit, route, variables))
    });
    let best = fitting.max_by(|(a, ..), (b, ..)| match a.cmp(b) {
        // The first of those that fit alike, so that the choice is the same each time.
        Ordering::Equal => Ordering::Greater,
        other => other,
    });
    best.map(|(_, route, variables)| (route, variables))
}

/// The path of a key, such as `/pets/{id}`; format 1.0 calls it the resource.
pub(crate) fn resource(key: &str) -> String {
    match key.split_once(' ') {
        Some((_, path)) => path.to_owned(),
        None => format!("/{key}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(key: &str) -> Route {
        Route {
            format: 1,
            key: key.to_owned(),
            integration: None,
            authorization: Authorization::Nobody,
            operation_name: None,
            managed: false,
            response_selection: None,
            responses: BTreeMap::new(),
            api_key_required: false,
            request_parameters: BTreeMap::new(),
        }
    }

    fn check(keys: &[&str], request: &str, expected: Option<(&str, &[(&str, &str)])>) {
        let routes = keys.iter().map(|key| route(key)).collect::<Vec<_>>();
        let (method, path) = request.split_once(' ').expect("a method and a path");
        let found = choose(routes.iter(), method, path);
        let found = found.as_ref().map(|(route, variables)| (route.key.as_str(), variables.clone()));
        let expected = expected.map(|(key, variables)| {
            let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            (key, variables.collect::<BTreeMap<_, _>>())
        });
        assert_eq!(found, expected, "{request}");
    }

    #[test]
    fn the_most_specific_route_is_taken() {
        // The example of AWS's own pages.
        let keys =
            ["GET /pets/{proxy+}", "$default", "ANY /{proxy+}", "GET /pets/dog/{id}", "GET /pets/dog/1"];
        check(&keys, "GET /pets/dog/1", Some(("GET /pets/dog/1", &[])));
        check(&keys, "GET /pets/dog/2", Some(("GET /pets/dog/{id}", &[("id", "2")])));
        check(&keys, "GET /pets/cat/1", Some(("GET /pets/{proxy+}", &[("proxy", "cat/1")])));
        check(&keys, "POST /test/5", Some(("ANY /{proxy+}", &[("proxy", "test/5")])));
        check(&keys, "GET /", Some(("$default", &[])));
        check(&keys[..1], "GET /x", None);
        check(&keys[..1], "GET /pets", None);
        check(&keys[..1], "GET /pets/", None);
        check(&keys[..1], "POST /pets/1", None);
    }

    #[test]
    fn methods_and_wholeness_count() {
        check(&["ANY /a", "GET /a"], "GET /a", Some(("GET /a", &[])));
        check(&["ANY /a", "GET /a"], "POST /a", Some(("ANY /a", &[])));
        check(&["GET /a", "$default"], "POST /a", Some(("$default", &[])));
        check(
            &["GET /a/{p+}", "GET /{x}/{y}"],
            "GET /a/b",
            Some(("GET /{x}/{y}", &[("x", "a"), ("y", "b")])),
        );
        check(&["GET /a"], "GET /a/", None);
        check(&["GET /"], "GET /", Some(("GET /", &[])));
        check(&["GET /{id}"], "GET /a%2Fb%20c", Some(("GET /{id}", &[("id", "a/b c")])));
        check(&["GET /{id}"], "GET /", None);
        check(&["ANY /{p+}"], "GET /a//b/", Some(("ANY /{p+}", &[("p", "a//b/")])));
    }

    #[test]
    fn keys_are_read_strictly() {
        for key in ["GET /", "ANY /{proxy+}", "DELETE /a/{b}/c", "$default", "GET /a.b/-_~"] {
            assert!(Key::parse(key).is_some(), "{key}");
        }
        for key in [
            "",
            "GET",
            "get /",
            "FETCH /",
            "GET a",
            "GET /{a+}/b",
            "GET /{a}/{a}",
            "GET /{}",
            "GET /x{a}",
            "$other",
            "$connect",
        ] {
            assert!(Key::parse(key).is_none(), "{key}");
        }
    }
}
