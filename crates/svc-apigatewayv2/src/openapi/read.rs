//! A document read into an API's parts. What can't be an API is refused; what says nothing to one is told.

use std::collections::BTreeMap;

use api_apigatewayv2 as model;
use api_apigatewayv2::{AuthorizerType, IntegrationType, ProtocolType};
use aws_wire::{AwsError, Result};
use env::Env;
use execute_api::address;
use execute_api::openapi::{
    self, ANY_METHOD, AUTHORIZATION, AUTHORIZER, FORMAT_VERSION, INTEGRATION, METHODS, Object, SIGNED,
    base_path, is_extension, list, object, text, texts,
};
use serde_json::Value as Json;

use super::{CORS, DEFAULT_PATH, INTEGRATIONS, Imported, TAG_VALUE};
use crate::api::FORMAT;
use crate::authorizer::{self, Authorizer, Kind};
use crate::cors::Cors;
use crate::integration::{self, Integration};
use crate::ops::apis::PART_ID_LENGTH;
use crate::refusal::bad_request;
use crate::route::{self, Authorization, DEFAULT, Route};

/// What becomes of the path that a document's server has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Basepath {
    Ignore,
    Prepend,
}

impl Basepath {
    /// # Errors
    /// 400 for what is none, 501 for the one that is not honoured.
    pub(crate) fn check(given: Option<&str>, operation: &str) -> Result<Self> {
        match given {
            None | Some("ignore") => Ok(Self::Ignore),
            Some("prepend") => Ok(Self::Prepend),
            Some("split") => Err(AwsError::parameter_not_implemented(operation, "Basepath split")),
            Some(_) => Err(bad_request("Invalid value for basepath: ignore, prepend or split")),
        }
    }
}

/// # Errors
/// 400 for a document that is none, or whose parts can't be, 501 for parts that are not honoured.
pub(crate) fn read(env: &Env, body: &str, basepath: Basepath, operation: &str) -> Result<Imported> {
    let invalid = || bad_request("Invalid OpenAPI input.");
    let document = openapi::document(body).ok_or_else(invalid)?;
    let version = document.get("openapi").and_then(Json::as_str).unwrap_or_default();
    if !version.starts_with("3.0") {
        return Err(bad_request(
            "Unable to import: HTTP APIs are imported from documents of OpenAPI 3.0 (openapi: 3.0.x)",
        ));
    }
    let info = object(document.get("info")).ok_or_else(invalid)?;
    let name = text(info, "title").ok_or_else(|| bad_request("Invalid OpenAPI input: info has no title"))?;
    let prefix = match basepath {
        Basepath::Ignore => String::new(),
        Basepath::Prepend => base_path(&document),
    };
    let mut reader = Reader {
        env,
        document: &document,
        operation,
        prefix,
        authorizers: BTreeMap::new(),
        imported: Imported {
            name,
            description: text(info, "description"),
            version: text(info, "version"),
            cors: document.get(CORS).map(cors).transpose()?,
            tags: tags(&document),
            authorizers: BTreeMap::new(),
            integrations: BTreeMap::new(),
            routes: BTreeMap::new(),
            info: Vec::new(),
            warnings: Vec::new(),
        },
    };
    for name in document.keys().filter(|name| is_extension(name)) {
        if ![CORS, FORMAT_VERSION].contains(&name.as_str()) {
            reader.warn(format!("Unsupported extension {name} is ignored"));
        }
    }
    reader.security_schemes()?;
    for (path, item) in object(document.get("paths")).into_iter().flatten() {
        reader.path(path, object(Some(item)).ok_or_else(invalid)?)?;
    }
    Ok(reader.imported)
}

struct Reader<'a> {
    env: &'a Env,
    document: &'a Object,
    /// For refusals of what is not honoured.
    operation: &'a str,
    prefix: String,
    /// Ids by the names of security schemes; none is a signature.
    authorizers: BTreeMap<String, Option<String>>,
    imported: Imported,
}

impl<'a> Reader<'a> {
    fn warn(&mut self, warning: String) {
        self.imported.warnings.push(warning);
    }

    fn new_id(&self) -> String {
        address::id(self.env, PART_ID_LENGTH)
    }

    fn security_schemes(&mut self) -> Result<()> {
        let components = object(self.document.get("components"));
        let schemes = components.and_then(|components| object(components.get("securitySchemes")));
        for (name, scheme) in schemes.into_iter().flatten() {
            let Some(scheme) = object(Some(scheme)) else { continue };
            if text(scheme, AUTHORIZATION).as_deref() == Some(SIGNED) {
                self.authorizers.insert(name.clone(), None);
                continue;
            }
            let Some(authorizer) = object(scheme.get(AUTHORIZER)) else {
                self.warn(format!("Security scheme {name} has no {AUTHORIZER} and is ignored"));
                continue;
            };
            let authorizer =
                Authorizer::check(given_authorizer(name, authorizer)?, None, ProtocolType::Http)?;
            let id = self.new_id();
            self.authorizers.insert(name.clone(), Some(id.clone()));
            self.imported.authorizers.insert(id, authorizer);
        }
        Ok(())
    }

    fn path(&mut self, path: &str, item: &Object) -> Result<()> {
        for (name, operation) in item {
            let is_method = METHODS.contains(&name.as_str());
            if !is_method && name != ANY_METHOD {
                if !["parameters", "summary", "description"].contains(&name.as_str()) {
                    self.warn(format!("{name} of path {path} is not supported and is ignored"));
                }
                continue;
            }
            let invalid = || bad_request(format!("Invalid OpenAPI input: {name} of {path} is no operation"));
            let operation = object(Some(operation)).ok_or_else(invalid)?;
            let is_default = path == DEFAULT_PATH && name == ANY_METHOD
                || operation.get("isDefaultRoute") == Some(&Json::Bool(true));
            let key = if is_default {
                DEFAULT.to_owned()
            } else {
                let method = if is_method { name.to_ascii_uppercase() } else { "ANY".to_owned() };
                format!("{method} {}{path}", self.prefix)
            };
            self.route(key, operation)?;
        }
        Ok(())
    }

    fn route(&mut self, key: String, operation: &Object) -> Result<()> {
        const KNOWN: [&str; 9] = [
            "operationId",
            "security",
            "responses",
            "summary",
            "description",
            "tags",
            "isDefaultRoute",
            "deprecated",
            INTEGRATION,
        ];
        route::check_key(ProtocolType::Http, &key)?;
        if self.imported.routes.values().any(|route| route.key == key) {
            return Err(bad_request(format!("Invalid OpenAPI input: two operations are {key}")));
        }
        for name in operation.keys().filter(|name| !KNOWN.contains(&name.as_str())) {
            if is_extension(name) {
                self.warn(format!("Unsupported extension {name} of {key} is ignored"));
            } else {
                self.imported
                    .info
                    .push(format!("{name} of {key} has no meaning for HTTP APIs and is ignored"));
            }
        }
        let integration = match object(operation.get(INTEGRATION)) {
            Some(integration) => Some(self.integration(&key, integration)?),
            None => {
                self.warn(format!("{key} has no {INTEGRATION}: its route leads nowhere"));
                None
            }
        };
        let route = Route {
            format: FORMAT,
            integration,
            authorization: self.authorization(&key, operation)?,
            operation_name: text(operation, "operationId"),
            key,
            managed: false,
            response_selection: None,
            responses: BTreeMap::new(),
            api_key_required: false,
            request_parameters: BTreeMap::new(),
        };
        self.imported.routes.insert(self.new_id(), route);
        Ok(())
    }

    fn integration(&mut self, key: &str, given: &Object) -> Result<String> {
        const KNOWN: [&str; 11] = [
            "type",
            "uri",
            "httpMethod",
            "payloadFormatVersion",
            "timeoutInMillis",
            "credentials",
            "description",
            "requestParameters",
            "responseParameters",
            "connectionType",
            "$ref",
        ];
        let given = match text(given, "$ref") {
            Some(reference) => self.shared(&reference)?,
            None => given,
        };
        if given.contains_key("integrationSubtype") {
            return Err(AwsError::parameter_not_implemented(self.operation, "integrationSubtype"));
        }
        if text(given, "connectionType").is_some_and(|kind| kind != "INTERNET") {
            return Err(AwsError::parameter_not_implemented(self.operation, "connectionType VPC_LINK"));
        }
        for name in given.keys().filter(|name| !KNOWN.contains(&name.as_str())) {
            self.warn(format!("{name} of the integration of {key} is not supported and is ignored"));
        }
        let kind = match text(given, "type").unwrap_or_default().to_ascii_lowercase().as_str() {
            "aws_proxy" => IntegrationType::AwsProxy,
            "http_proxy" => IntegrationType::HttpProxy,
            _ => return Err(bad_request("HTTP APIs support only AWS_PROXY and HTTP_PROXY integrations")),
        };
        let answers = object(given.get("responseParameters"));
        let given = integration::Given {
            kind: Some(kind),
            uri: text(given, "uri"),
            method: text(given, "httpMethod").map(|method| {
                // Documents for REST APIs say so of all methods.
                if method.eq_ignore_ascii_case(ANY_METHOD) {
                    "ANY".to_owned()
                } else {
                    method.to_ascii_uppercase()
                }
            }),
            payload_format: text(given, "payloadFormatVersion"),
            timeout_ms: number(given, "timeoutInMillis")?,
            credentials: text(given, "credentials"),
            description: text(given, "description"),
            request_parameters: object(given.get("requestParameters")).map(texts),
            response_parameters: answers.map(|answers| {
                let answers = answers
                    .iter()
                    .filter_map(|(status, mappings)| Some((status.clone(), texts(object(Some(mappings))?))));
                answers.collect()
            }),
            ..integration::Given::default()
        };
        let integration = Integration::check(given, None, ProtocolType::Http, self.operation)?;
        let known = self.imported.integrations.iter().find(|(_, known)| **known == integration);
        if let Some((id, _)) = known {
            return Ok(id.clone());
        }
        let id = self.new_id();
        self.imported.integrations.insert(id.clone(), integration);
        Ok(id)
    }

    /// An integration that several operations refer to.
    fn shared(&self, reference: &str) -> Result<&'a Object> {
        let is_one = reference.starts_with(&format!("#/components/{INTEGRATIONS}/"));
        let found = openapi::referred(self.document, reference).filter(|_| is_one);
        found.ok_or_else(|| bad_request(format!("Invalid OpenAPI input: {reference} leads nowhere")))
    }

    fn authorization(&mut self, key: &str, operation: &Object) -> Result<Authorization> {
        let document = self.document;
        let wanted = operation.get("security").or_else(|| document.get("security"));
        let Some(wanted) = wanted.and_then(Json::as_array) else { return Ok(Authorization::Nobody) };
        let mut named = wanted.iter().filter_map(Json::as_object).flatten();
        let Some((name, scopes)) = named.next() else { return Ok(Authorization::Nobody) };
        if named.next().is_some() {
            self.warn(format!("{key} wants more than one kind of authorization; the first counts"));
        }
        let unknown = || {
            bad_request(format!(
                "Invalid OpenAPI input: {key} wants security scheme {name}, which has no authorizer"
            ))
        };
        let Some(authorizer) = self.authorizers.get(name).ok_or_else(unknown)?.clone() else {
            return Ok(Authorization::Iam);
        };
        let scopes = scopes.as_array().into_iter().flatten().filter_map(Json::as_str).map(str::to_owned);
        match self.imported.authorizers.get(&authorizer).map(|authorizer| &authorizer.kind) {
            Some(Kind::Jwt { .. }) => Ok(Authorization::Jwt { authorizer, scopes: scopes.collect() }),
            _ => Ok(Authorization::Function { authorizer }),
        }
    }
}

fn given_authorizer(name: &str, given: &Object) -> Result<authorizer::Given> {
    let kind = match text(given, "type").unwrap_or_default().to_ascii_lowercase().as_str() {
        "jwt" => AuthorizerType::Jwt,
        "request" => AuthorizerType::Request,
        _ => return Err(bad_request(format!("Authorizer {name} must be of type jwt or request"))),
    };
    let jwt = object(given.get("jwtConfiguration"))
        .map(|jwt| model::JWTConfiguration { audience: list(jwt, "audience"), issuer: text(jwt, "issuer") });
    Ok(authorizer::Given {
        kind: Some(kind),
        name: Some(name.to_owned()),
        identity_sources: list(given, "identitySource"),
        uri: text(given, "authorizerUri"),
        role: text(given, "authorizerCredentials"),
        payload_format: text(given, "authorizerPayloadFormatVersion"),
        simple: given.get("enableSimpleResponses").and_then(Json::as_bool),
        ttl_s: number(given, "authorizerResultTtlInSeconds")?,
        jwt,
    })
}

fn cors(given: &Json) -> Result<Cors> {
    let given = object(Some(given)).ok_or_else(|| bad_request(format!("Invalid OpenAPI input: {CORS}")))?;
    Cors::check(model::Cors {
        allow_credentials: given.get("allowCredentials").and_then(Json::as_bool),
        allow_headers: list(given, "allowHeaders"),
        allow_methods: list(given, "allowMethods"),
        allow_origins: list(given, "allowOrigins"),
        expose_headers: list(given, "exposeHeaders"),
        max_age: number(given, "maxAge")?,
    })
}

fn tags(document: &Object) -> BTreeMap<String, String> {
    let tags =
        document.get("tags").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_object);
    tags.filter_map(|tag| Some((text(tag, "name")?, text(tag, TAG_VALUE)?))).collect()
}

fn number(object: &Object, name: &str) -> Result<Option<i32>> {
    openapi::number(object, name).map_err(bad_request)
}
