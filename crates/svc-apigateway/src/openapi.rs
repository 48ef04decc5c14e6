//! A REST API read from an OpenAPI document, of version 3.0 or of its forerunner Swagger 2.0, or written as one. AWS's
//! extensions say what is behind each operation. What can't be an API is refused; what says nothing to one is told.

mod method;
mod write;

use std::collections::BTreeMap;

use api_apigateway::{CreateAuthorizerInput, GatewayResponseType};
use aws_wire::{AwsError, Result};
use env::Env;
use execute_api::address;
use execute_api::openapi::{
    self, AUTHORIZATION, AUTHORIZER, FORMAT_VERSION, Object, SIGNED, at, base_path, is_extension, list,
    object, text, texts,
};
use serde_json::Value as Json;

use crate::api::{FORMAT, check_endpoint};
use crate::authorizer::Authorizer;
use crate::gateway_response::GatewayResponse;
use crate::model::{self, Model};
use crate::ops::ID_LENGTH;
use crate::refusal::{bad_request, not_honoured};
use crate::resource::{self, Resource};
use crate::validator::Validator;

pub(crate) use write::{Exported, Extensions, write};

const BINARY_TYPES: &str = "x-amazon-apigateway-binary-media-types";
const KEY_SOURCE: &str = "x-amazon-apigateway-api-key-source";
const VALIDATORS: &str = "x-amazon-apigateway-request-validators";
const VALIDATOR: &str = "x-amazon-apigateway-request-validator";
const RESPONSES: &str = "x-amazon-apigateway-gateway-responses";
const ENDPOINT: &str = "x-amazon-apigateway-endpoint-configuration";
const POLICY: &str = "x-amazon-apigateway-policy";
const COMPRESSION: &str = "x-amazon-apigateway-minimum-compression-size";

/// What a request to import asks for beside the document.
#[derive(Debug, Default)]
pub(crate) struct Options {
    /// Whether the path of the document's server goes before every path.
    prepend: bool,
    pub endpoint_type: Option<String>,
}

impl Options {
    /// # Errors
    /// 400 for what is none, 501 for what is not honoured.
    pub(crate) fn check(parameters: &BTreeMap<String, String>, operation: &str) -> Result<Self> {
        let mut options = Self::default();
        for (name, value) in parameters {
            match (name.as_str(), value.as_str()) {
                // Parameters that are told elsewhere.
                ("mode" | "failonwarnings", _) => {}
                ("basepath", "ignore") => {}
                ("basepath", "prepend") => options.prepend = true,
                ("basepath", "split") => {
                    return Err(AwsError::parameter_not_implemented(operation, "basepath split"));
                }
                // There are no parts of documentation that could be made.
                ("ignore", "documentation") => {}
                ("endpointConfigurationTypes", kind) => {
                    check_endpoint(operation, kind)?;
                    options.endpoint_type = Some(kind.to_owned());
                }
                _ => return Err(bad_request(format!("Invalid import parameter specified: {name}={value}"))),
            }
        }
        Ok(options)
    }
}

/// What a document says of an API; parts by their ids, or as they are stored.
#[derive(Debug, Default)]
pub(crate) struct Imported {
    pub name: String,
    pub description: Option<String>,
    pub version: Option<String>,
    pub binary_media_types: Vec<String>,
    pub keys_from_authorizer: bool,
    pub disable_execute_api_endpoint: bool,
    pub root_id: String,
    pub resources: BTreeMap<String, Resource>,
    pub authorizers: BTreeMap<String, Authorizer>,
    pub models: BTreeMap<String, Model>,
    pub validators: BTreeMap<String, Validator>,
    pub responses: BTreeMap<&'static str, GatewayResponse>,
    pub warnings: Vec<String>,
}

/// # Errors
/// 400 for a document that is none, or whose parts can't be, 501 for parts that are not honoured.
pub(crate) fn read(
    env: &Env,
    body: &[u8],
    options: &Options,
    (api_id, root_id): (&str, &str),
    operation: &str,
) -> Result<Imported> {
    let body = std::str::from_utf8(body).ok();
    let document = body.and_then(openapi::document).ok_or_else(|| invalid("no document"))?;
    let is_swagger =
        text(&document, "swagger").is_some_and(|version| version.starts_with("2.0") || version == "2");
    if !is_swagger && !text(&document, "openapi").is_some_and(|version| version.starts_with("3.0")) {
        return Err(invalid("neither swagger: 2.0 nor openapi: 3.0"));
    }
    let info = at(&document, &["info"]).ok_or_else(|| invalid("no info"))?;
    let endpoint = at(&document, &[ENDPOINT]);
    not_honoured(
        operation,
        &[
            (POLICY, document.contains_key(POLICY)),
            (COMPRESSION, document.contains_key(COMPRESSION)),
            ("vpcEndpointIds", endpoint.is_some_and(|endpoint| endpoint.contains_key("vpcEndpointIds"))),
        ],
    )?;
    let mut reader = Reader {
        env,
        document: &document,
        is_swagger,
        operation,
        api_id,
        schemes: BTreeMap::new(),
        validators: BTreeMap::new(),
        imported: Imported {
            name: text(info, "title").ok_or_else(|| invalid("info without a title"))?,
            description: text(info, "description"),
            version: text(info, "version"),
            binary_media_types: list(&document, BINARY_TYPES).unwrap_or_default(),
            keys_from_authorizer: text(&document, KEY_SOURCE).as_deref() == Some("AUTHORIZER"),
            disable_execute_api_endpoint: endpoint
                .and_then(|endpoint| endpoint.get("disableExecuteApiEndpoint"))
                .is_some_and(|disable| disable == &Json::Bool(true)),
            root_id: root_id.to_owned(),
            ..Imported::default()
        },
    };
    reader.imported.resources.insert(root_id.to_owned(), bare(None, None, "/".to_owned()));
    reader.extensions();
    reader.security_schemes()?;
    reader.models()?;
    reader.validators();
    reader.responses()?;
    let prefix = if options.prepend { base_path(&document) } else { String::new() };
    for (path, item) in object(document.get("paths")).into_iter().flatten() {
        let item = object(Some(item)).ok_or_else(|| invalid(path))?;
        let resource_id = reader.resource(&format!("{prefix}{path}"))?;
        reader.methods(&resource_id, path, item)?;
    }
    Ok(reader.imported)
}

fn invalid(what: &str) -> AwsError {
    bad_request(format!("Invalid OpenAPI input: {what}"))
}

fn bare(parent_id: Option<String>, path_part: Option<String>, path: String) -> Resource {
    Resource { format: FORMAT, parent_id, path_part, path, methods: BTreeMap::new() }
}

/// What a security scheme asks of who calls.
#[derive(Clone, Debug)]
enum Scheme {
    Signature,
    ApiKey,
    /// The id of it.
    Authorizer(String),
}

struct Reader<'a> {
    env: &'a Env,
    document: &'a Object,
    is_swagger: bool,
    /// For refusals of what is not honoured.
    operation: &'a str,
    api_id: &'a str,
    schemes: BTreeMap<String, Scheme>,
    /// Ids by name.
    validators: BTreeMap<String, String>,
    imported: Imported,
}

impl Reader<'_> {
    fn warn(&mut self, warning: String) {
        self.imported.warnings.push(warning);
    }

    fn new_id(&self) -> String {
        address::id(self.env, ID_LENGTH)
    }

    fn extensions(&mut self) {
        const KNOWN: [&str; 7] =
            [BINARY_TYPES, KEY_SOURCE, VALIDATORS, VALIDATOR, RESPONSES, ENDPOINT, FORMAT_VERSION];
        let document = self.document;
        for name in document.keys().filter(|name| is_extension(name) && !KNOWN.contains(&name.as_str())) {
            self.warn(format!("Unsupported extension {name} is ignored"));
        }
    }

    fn security_schemes(&mut self) -> Result<()> {
        let path =
            if self.is_swagger { &["securityDefinitions"][..] } else { &["components", "securitySchemes"] };
        let document = self.document;
        for (name, scheme) in at(document, path).into_iter().flatten() {
            let Some(scheme) = object(Some(scheme)) else { continue };
            let is_key = text(scheme, "name").is_some_and(|name| name.eq_ignore_ascii_case("x-api-key"));
            let found = if let Some(authorizer) = object(scheme.get(AUTHORIZER)) {
                let input = given_authorizer(name, scheme, authorizer)?;
                let id = self.new_id();
                self.imported.authorizers.insert(id.clone(), Authorizer::check(input, FORMAT)?);
                Scheme::Authorizer(id)
            } else if text(scheme, AUTHORIZATION).as_deref() == Some(SIGNED) {
                Scheme::Signature
            } else if is_key {
                Scheme::ApiKey
            } else {
                self.warn(format!("Security scheme {name} has no {AUTHORIZER} and is ignored"));
                continue;
            };
            self.schemes.insert(name.clone(), found);
        }
        Ok(())
    }

    fn models(&mut self) -> Result<()> {
        let path = if self.is_swagger { &["definitions"][..] } else { &["components", "schemas"] };
        let document = self.document;
        for (name, schema) in at(document, path).into_iter().flatten() {
            if name.is_empty() || !name.bytes().all(|letter| letter.is_ascii_alphanumeric()) {
                return Err(bad_request(format!("Model name must be alphanumeric: {name}")));
            }
            let mut schema = schema.clone();
            self.point_to_models(&mut schema);
            let model = Model {
                format: FORMAT,
                id: self.new_id(),
                description: schema.get("description").and_then(Json::as_str).map(str::to_owned),
                schema: Some(schema.to_string()),
                content_type: "application/json".to_owned(),
            };
            self.imported.models.insert(name.clone(), model.checked()?);
        }
        let models = &self.imported.models;
        let odd = models.keys().filter(|name| !model::is_whole(models, name)).cloned().collect::<Vec<_>>();
        for name in odd {
            self.warn(format!("No body fits model {name}, which refers to itself or to nothing"));
        }
        Ok(())
    }

    /// A document's references to its schemas, as models refer to each other.
    fn point_to_models(&self, schema: &mut Json) {
        match schema {
            Json::Object(object) => {
                let model = object.get("$ref").and_then(Json::as_str).and_then(|to| self.model_of(to));
                if let Some(model) = model {
                    let url =
                        format!("https://apigateway.amazonaws.com/restapis/{}/models/{model}", self.api_id);
                    object.insert("$ref".to_owned(), url.into());
                }
                object.values_mut().for_each(|inner| self.point_to_models(inner));
            }
            Json::Array(list) => list.iter_mut().for_each(|inner| self.point_to_models(inner)),
            _ => {}
        }
    }

    /// The model that a reference names.
    fn model_of(&self, reference: &str) -> Option<String> {
        let prefix = if self.is_swagger { "#/definitions/" } else { "#/components/schemas/" };
        reference.strip_prefix(prefix).map(str::to_owned)
    }

    fn validators(&mut self) {
        let document = self.document;
        for (name, given) in at(document, &[VALIDATORS]).into_iter().flatten() {
            let says = |member: &str| given.get(member) == Some(&Json::Bool(true));
            let validator = Validator {
                format: FORMAT,
                name: Some(name.clone()),
                body: says("validateRequestBody"),
                parameters: says("validateRequestParameters"),
            };
            let id = self.new_id();
            self.validators.insert(name.clone(), id.clone());
            self.imported.validators.insert(id, validator);
        }
    }

    fn responses(&mut self) -> Result<()> {
        let document = self.document;
        for (name, given) in at(document, &[RESPONSES]).into_iter().flatten() {
            let unknown = || invalid(&format!("there is no gateway response {name}"));
            let kind = name.parse::<GatewayResponseType>().map_err(|()| unknown())?;
            let given = object(Some(given)).ok_or_else(unknown)?;
            let response = GatewayResponse {
                format: FORMAT,
                status: text(given, "statusCode"),
                parameters: object(given.get("responseParameters")).map(texts).unwrap_or_default(),
                templates: object(given.get("responseTemplates")).map(texts).unwrap_or_default(),
            };
            self.imported.responses.insert(kind.as_str(), response.checked()?);
        }
        Ok(())
    }

    /// The resource of a path, with those above it.
    fn resource(&mut self, path: &str) -> Result<String> {
        let mut id = self.imported.root_id.clone();
        for part in path.split('/').filter(|part| !part.is_empty()) {
            resource::check_part(part)?;
            let parent = self.imported.resources.get(&id).ok_or_else(|| invalid(path))?;
            if parent.path.ends_with("+}") {
                return Err(invalid(&format!("{path} goes on below a greedy variable")));
            }
            let below = parent.below(part);
            let children = self.imported.resources.iter();
            let mut children = children.filter(|(_, one)| one.parent_id.as_deref() == Some(id.as_str()));
            let is_variable = |part: &str| part.starts_with('{') && !part.ends_with("+}");
            let known = children.clone().find(|(_, one)| one.path_part.as_deref() == Some(part));
            if let Some((known, _)) = known {
                id = known.clone();
                continue;
            }
            if is_variable(part) && children.any(|(_, one)| one.path_part.as_deref().is_some_and(is_variable))
            {
                return Err(invalid(&format!(
                    "{path} has a variable where another path has one of another name"
                )));
            }
            let child = self.new_id();
            self.imported.resources.insert(child.clone(), bare(Some(id), Some(part.to_owned()), below));
            id = child;
        }
        Ok(id)
    }
}

fn given_authorizer(name: &str, scheme: &Object, given: &Object) -> Result<CreateAuthorizerInput> {
    let kind = text(given, "type").unwrap_or_default().to_ascii_uppercase();
    let unknown = |()| invalid(&format!("authorizer {name} of an unknown type"));
    // One that takes a token takes the header that the scheme names.
    let header = text(scheme, "name").filter(|_| kind != "REQUEST");
    let source = header.map(|header| format!("method.request.header.{header}"));
    Ok(CreateAuthorizerInput {
        auth_type: text(scheme, AUTHORIZATION),
        authorizer_credentials: text(given, "authorizerCredentials"),
        authorizer_result_ttl_in_seconds: openapi::number(given, "authorizerResultTtlInSeconds")
            .map_err(bad_request)?,
        authorizer_uri: text(given, "authorizerUri"),
        identity_source: text(given, "identitySource").or(source),
        identity_validation_expression: text(given, "identityValidationExpression"),
        jwt_configuration: None,
        name: name.to_owned(),
        provider_ar_ns: list(given, "providerARNs"),
        rest_api_id: String::new(),
        r#type: kind.parse().map_err(unknown)?,
    })
}
