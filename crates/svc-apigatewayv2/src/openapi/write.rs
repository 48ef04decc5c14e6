//! An API as a document, which read again makes the same API.

use execute_api::openapi::{ANY_METHOD, AUTHORIZER, FORMAT_VERSION, INTEGRATION, signature_scheme};
use serde_json::{Map, Value as Json, json};

use super::{CORS, DEFAULT_PATH, TAG_VALUE};
use crate::api::Api;
use crate::authorizer::{Authorizer, Kind};
use crate::deployment::Deployment;
use crate::integration::{self, Integration};
use crate::route::{Authorization, DEFAULT, Route};

/// Signatures have no authorizer, but a name among the security schemes.
const SIGNATURE: &str = "sigv4";

/// What a document is made of.
pub(crate) struct Exported<'a> {
    pub api: &'a Api,
    /// What is configured, or what a stage serves.
    pub parts: &'a Deployment,
    /// Where clients reach it, with the stage's path.
    pub url: String,
    /// Whether it says by extensions what is behind its operations.
    pub extensions: bool,
    /// Of an API that does not say, when it was made.
    pub version: String,
}

pub(crate) fn write(exported: &Exported<'_>) -> Json {
    let api = exported.api;
    let mut info = json!({ "title": api.name, "version": exported.version });
    if let Some(description) = &api.description {
        info["description"] = description.as_str().into();
    }
    let mut document = Map::new();
    let mut put = |name: &str, value: Json| document.insert(name.to_owned(), value);
    put("openapi", "3.0.1".into());
    put("info", info);
    put("servers", json!([{ "url": exported.url }]));
    if exported.extensions && !api.tags.is_empty() {
        let tags = api.tags.iter().map(|(name, value)| json!({ "name": name, TAG_VALUE: value }));
        put("tags", tags.collect());
    }
    let mut paths = Map::new();
    for route in exported.parts.routes.values() {
        let (path, method) = match route.key.split_once(' ') {
            Some(("ANY", path)) => (path, ANY_METHOD.to_owned()),
            Some((method, path)) => (path, method.to_ascii_lowercase()),
            None => (DEFAULT_PATH, ANY_METHOD.to_owned()),
        };
        // Without extensions there is no word for any method.
        if method == ANY_METHOD && !exported.extensions {
            continue;
        }
        let item = paths.entry(path).or_insert_with(|| item(path));
        item[&method] = operation(exported, route);
    }
    put("paths", Json::Object(paths));
    if exported.extensions {
        let schemes = security_schemes(exported.parts);
        if !schemes.is_empty() {
            put("components", json!({ "securitySchemes": schemes }));
        }
        if let Some(cors) = &api.cors {
            put(CORS, cors_of(&cors.shown()));
        }
        put(FORMAT_VERSION, "1.0".into());
    }
    Json::Object(document)
}

/// A path before its operations: OpenAPI wants its variables declared.
fn item(path: &str) -> Json {
    let names = path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
    let parameters = names.map(|name| {
        let name = name.trim_end_matches('+');
        json!({
            "name": name,
            "in": "path",
            "description": format!("Generated path parameter for {name}"),
            "required": true,
            "schema": { "type": "string" },
        })
    });
    let parameters = parameters.collect::<Vec<_>>();
    if parameters.is_empty() { json!({}) } else { json!({ "parameters": parameters }) }
}

fn operation(exported: &Exported<'_>, route: &Route) -> Json {
    let mut operation = Map::new();
    let mut put = |name: &str, value: Json| operation.insert(name.to_owned(), value);
    if let Some(name) = &route.operation_name {
        put("operationId", name.as_str().into());
    }
    let description = format!("Default response for {}", route.key);
    put("responses", json!({ "default": { "description": description } }));
    if !exported.extensions {
        return Json::Object(operation);
    }
    let authorizers = &exported.parts.authorizers;
    let security = match &route.authorization {
        Authorization::Nobody => None,
        Authorization::Iam => Some((SIGNATURE, &[][..])),
        Authorization::Jwt { authorizer, scopes } => {
            authorizers.get(authorizer).map(|authorizer| (authorizer.name.as_str(), &scopes[..]))
        }
        Authorization::Function { authorizer } => {
            authorizers.get(authorizer).map(|authorizer| (authorizer.name.as_str(), &[][..]))
        }
    };
    if let Some((name, scopes)) = security {
        put("security", json!([{ name: scopes }]));
    }
    if route.key == DEFAULT {
        put("isDefaultRoute", true.into());
    }
    let integration = route.integration.as_ref().and_then(|id| exported.parts.integrations.get(id));
    if let Some(integration) = integration {
        put(INTEGRATION, integration_of(integration));
    }
    Json::Object(operation)
}

fn integration_of(integration: &Integration) -> Json {
    let (kind, format) = match integration.kind {
        integration::Kind::Function1 => ("aws_proxy", "1.0"),
        integration::Kind::Function2 => ("aws_proxy", "2.0"),
        integration::Kind::Server => ("http_proxy", "1.0"),
        // Only a WebSocket API's, which is never a document.
        integration::Kind::TemplatedFunction => ("aws", "1.0"),
        integration::Kind::TemplatedServer => ("http", "1.0"),
        integration::Kind::Mock => ("mock", "1.0"),
    };
    let method = integration.method.as_deref().unwrap_or("POST");
    let mut written = json!({
        "payloadFormatVersion": format,
        "type": kind,
        "httpMethod": method,
        "uri": integration.uri,
        "connectionType": "INTERNET",
        "timeoutInMillis": integration.timeout_ms,
    });
    for (name, value) in
        [("credentials", &integration.credentials), ("description", &integration.description)]
    {
        if let Some(value) = value {
            written[name] = value.as_str().into();
        }
    }
    if !integration.request_parameters.is_empty() {
        written["requestParameters"] = json!(integration.request_parameters);
    }
    if !integration.response_parameters.is_empty() {
        written["responseParameters"] = json!(integration.response_parameters);
    }
    written
}

fn security_schemes(parts: &Deployment) -> Map<String, Json> {
    let mut schemes = Map::new();
    for authorizer in parts.authorizers.values() {
        schemes.insert(authorizer.name.clone(), security_scheme(authorizer));
    }
    if parts.routes.values().any(|route| route.authorization == Authorization::Iam) {
        schemes.insert(SIGNATURE.to_owned(), signature_scheme());
    }
    schemes
}

fn security_scheme(authorizer: &Authorizer) -> Json {
    let sources = authorizer.identity_sources.join(",");
    match &authorizer.kind {
        Kind::Jwt { issuer, audience } => json!({
            "type": "oauth2",
            "flows": {},
            AUTHORIZER: {
                "type": "jwt",
                "identitySource": sources,
                "jwtConfiguration": { "audience": audience, "issuer": issuer },
            },
        }),
        Kind::Function { uri, role, payload_format, simple, ttl_s } => {
            let mut written = json!({
                "type": "request",
                "identitySource": sources,
                "authorizerUri": uri,
                "authorizerPayloadFormatVersion": payload_format,
                "authorizerResultTtlInSeconds": ttl_s,
                "enableSimpleResponses": simple,
            });
            if let Some(role) = role {
                written["authorizerCredentials"] = role.as_str().into();
            }
            json!({ "type": "apiKey", "name": "Unused", "in": "header", AUTHORIZER: written })
        }
    }
}

fn cors_of(cors: &api_apigatewayv2::Cors) -> Json {
    let members = [
        ("allowCredentials", json!(cors.allow_credentials)),
        ("allowHeaders", json!(cors.allow_headers)),
        ("allowMethods", json!(cors.allow_methods)),
        ("allowOrigins", json!(cors.allow_origins)),
        ("exposeHeaders", json!(cors.expose_headers)),
        ("maxAge", json!(cors.max_age)),
    ];
    members.into_iter().filter(|(_, value)| !value.is_null()).collect()
}
