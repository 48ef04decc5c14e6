//! What a stage serves as a document, which read again makes the same API.

use execute_api::openapi::{
    ANY_METHOD, AUTHORIZATION, AUTHORIZER, FORMAT_VERSION, INTEGRATION, signature_scheme,
};
use serde_json::{Map, Value as Json, json};

use super::{BINARY_TYPES, KEY_SOURCE, RESPONSES, VALIDATOR, VALIDATORS};
use crate::api::RestApi;
use crate::authorizer::Authorizer;
use crate::deployment::Deployment;
use crate::integration::Integration;
use crate::resource::{Method, MethodResponse};

/// The names of schemes that have no authorizer.
const SIGNATURE: &str = "sigv4";
const API_KEY: &str = "api_key";
const JSON: &str = "application/json";

/// Which of AWS's extensions a document has.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Extensions {
    /// What is behind methods, and the gateway's own answers.
    pub integrations: bool,
    pub authorizers: bool,
}

/// What a document is made of.
pub(crate) struct Exported<'a> {
    pub api: &'a RestApi,
    pub api_id: &'a str,
    pub stage: &'a str,
    pub parts: &'a Deployment,
    /// Where clients reach the API, without the stage.
    pub url: String,
    /// Of an API that does not say, when it was deployed.
    pub version: String,
    /// Whether it is Swagger 2.0 rather than OpenAPI 3.0.
    pub is_swagger: bool,
    pub extensions: Extensions,
}

pub(crate) fn write(exported: &Exported<'_>) -> Json {
    let api = exported.api;
    let mut info = json!({ "title": api.name, "version": exported.version });
    if let Some(description) = &api.description {
        info["description"] = description.as_str().into();
    }
    let mut document = Map::new();
    let mut put = |name: &str, value: Json| document.insert(name.to_owned(), value);
    if exported.is_swagger {
        let (scheme, host) = exported.url.split_once("://").unwrap_or(("http", &exported.url));
        put("swagger", "2.0".into());
        put("info", info);
        put("host", host.into());
        put("basePath", format!("/{}", exported.stage).into());
        put("schemes", json!([scheme]));
    } else {
        put("openapi", "3.0.1".into());
        put("info", info);
        let variables = json!({ "basePath": { "default": exported.stage } });
        put("servers", json!([{ "url": format!("{}/{{basePath}}", exported.url), "variables": variables }]));
    }
    put("paths", paths(exported));
    let (schemas, schemes) = (exported.schemas(), exported.security_schemes());
    if exported.is_swagger {
        put_some(&mut document, "securityDefinitions", schemes);
        put_some(&mut document, "definitions", schemas);
    } else {
        let mut components = Map::new();
        put_some(&mut components, "schemas", schemas);
        put_some(&mut components, "securitySchemes", schemes);
        put_some(&mut document, "components", components);
    }
    if exported.extensions.integrations {
        extend(exported, &mut document);
    }
    Json::Object(document)
}

fn put_some(object: &mut Map<String, Json>, name: &str, members: Map<String, Json>) {
    if !members.is_empty() {
        object.insert(name.to_owned(), Json::Object(members));
    }
}

/// What an API is beside its methods.
fn extend(exported: &Exported<'_>, document: &mut Map<String, Json>) {
    let parts = exported.parts;
    let responses = parts.responses.iter().map(|(kind, response)| {
        let mut written = Map::new();
        if let Some(status) = &response.status {
            written.insert("statusCode".to_owned(), status.as_str().into());
        }
        if !response.parameters.is_empty() {
            written.insert("responseParameters".to_owned(), json!(response.parameters));
        }
        if !response.templates.is_empty() {
            written.insert("responseTemplates".to_owned(), json!(response.templates));
        }
        (kind.clone(), Json::Object(written))
    });
    put_some(document, RESPONSES, responses.collect());
    let validators = parts.validators.iter().map(|(id, validator)| {
        let written =
            json!({ "validateRequestBody": validator.body, "validateRequestParameters": validator.parameters });
        (validator.name.clone().unwrap_or_else(|| id.clone()), written)
    });
    put_some(document, VALIDATORS, validators.collect());
    if !parts.binary_media_types.is_empty() {
        document.insert(BINARY_TYPES.to_owned(), json!(parts.binary_media_types));
    }
    if parts.keys_from_authorizer {
        document.insert(KEY_SOURCE.to_owned(), "AUTHORIZER".into());
    }
    document.insert(FORMAT_VERSION.to_owned(), "1.0".into());
}

fn paths(exported: &Exported<'_>) -> Json {
    let mut resources = exported.parts.resources.values().collect::<Vec<_>>();
    resources.sort_by(|one, other| one.path.cmp(&other.path));
    let mut paths = Map::new();
    for resource in resources {
        let mut item = Map::new();
        for (name, method) in &resource.methods {
            if name != "ANY" {
                item.insert(name.to_ascii_lowercase(), exported.operation(method));
            } else if exported.extensions.integrations {
                // Without extensions there is no word for any method.
                item.insert(ANY_METHOD.to_owned(), exported.operation(method));
            }
        }
        if !item.is_empty() {
            paths.insert(resource.path.clone(), Json::Object(item));
        }
    }
    Json::Object(paths)
}

impl Exported<'_> {
    /// How one part of a document refers to a model.
    fn reference(&self, model: &str) -> Json {
        let place = if self.is_swagger { "definitions" } else { "components/schemas" };
        json!({ "$ref": format!("#/{place}/{model}") })
    }

    /// A parameter or header that is a text, with what else is said of it.
    fn text(&self, mut said: Json) -> Json {
        if self.is_swagger {
            said["type"] = "string".into();
        } else {
            said["schema"] = json!({ "type": "string" });
        }
        said
    }

    fn schemas(&self) -> Map<String, Json> {
        let prefix = format!("https://apigateway.amazonaws.com/restapis/{}/models/", self.api_id);
        let models = self.parts.models.iter().filter_map(|(name, model)| {
            let mut schema = serde_json::from_str::<Json>(model.schema.as_ref()?).ok()?;
            self.point_to_schemas(&mut schema, &prefix);
            Some((name.clone(), schema))
        });
        models.collect()
    }

    /// Models' references to each other, as a document's schemas do it.
    fn point_to_schemas(&self, schema: &mut Json, prefix: &str) {
        match schema {
            Json::Object(object) => {
                let model = object.get("$ref").and_then(Json::as_str).and_then(|to| to.strip_prefix(prefix));
                if let Some(model) = model {
                    let reference = self.reference(model)["$ref"].take();
                    object.insert("$ref".to_owned(), reference);
                }
                object.values_mut().for_each(|inner| self.point_to_schemas(inner, prefix));
            }
            Json::Array(list) => list.iter_mut().for_each(|inner| self.point_to_schemas(inner, prefix)),
            _ => {}
        }
    }

    fn operation(&self, method: &Method) -> Json {
        let mut operation = Map::new();
        if let Some(name) = &method.operation_name {
            operation.insert("operationId".to_owned(), name.as_str().into());
        }
        self.request(method, &mut operation);
        let responses =
            method.responses.iter().map(|(status, one)| (status.clone(), self.response(status, one)));
        let responses = responses.collect::<Map<_, _>>();
        if self.is_swagger {
            let types = method.responses.values().flat_map(|response| response.models.keys());
            let mut types = types.map(String::as_str).collect::<Vec<_>>();
            types.sort_unstable();
            types.dedup();
            let types = if types.is_empty() { vec![JSON] } else { types };
            operation.insert("produces".to_owned(), json!(types));
        }
        operation.insert("responses".to_owned(), Json::Object(responses));
        let security = self.security(method);
        if !security.is_empty() {
            operation.insert("security".to_owned(), Json::Array(security));
        }
        if self.extensions.integrations {
            let validator = method.validator_id.as_ref();
            if let Some((id, known)) = validator.and_then(|id| Some((id, self.parts.validators.get(id)?))) {
                operation.insert(VALIDATOR.to_owned(), known.name.as_ref().unwrap_or(id).as_str().into());
            }
            if let Some(integration) = &method.integration {
                operation.insert(INTEGRATION.to_owned(), integration_of(integration));
            }
        }
        Json::Object(operation)
    }

    /// What an operation takes: parameters, and a body of a model.
    fn request(&self, method: &Method, operation: &mut Map<String, Json>) {
        let parameters = method.request_parameters.iter().filter_map(|(name, required)| {
            let (place, name) = name.strip_prefix("method.request.")?.split_once('.')?;
            let place = if place == "querystring" { "query" } else { place };
            let required = *required || place == "path";
            Some(self.text(json!({ "name": name, "in": place, "required": required })))
        });
        let mut parameters = parameters.collect::<Vec<_>>();
        let models = &method.request_models;
        if let (true, Some(model)) = (self.is_swagger, models.values().next()) {
            // Swagger has one model for bodies of all types.
            operation.insert("consumes".to_owned(), models.keys().cloned().collect());
            parameters.push(
                json!({ "in": "body", "name": model, "required": true, "schema": self.reference(model) }),
            );
        }
        if !parameters.is_empty() {
            operation.insert("parameters".to_owned(), Json::Array(parameters));
        }
        if !self.is_swagger && !models.is_empty() {
            operation.insert(
                "requestBody".to_owned(),
                json!({ "content": self.content(models.iter()), "required": true }),
            );
        }
    }

    fn content<'a>(&self, models: impl Iterator<Item = (&'a String, &'a String)>) -> Map<String, Json> {
        models.map(|(kind, model)| (kind.clone(), json!({ "schema": self.reference(model) }))).collect()
    }

    fn response(&self, status: &str, response: &MethodResponse) -> Json {
        let mut written = json!({ "description": format!("{status} response") });
        let headers = response.parameters.keys().filter_map(|name| {
            let name = name.strip_prefix("method.response.header.")?;
            Some((name.to_owned(), self.text(json!({}))))
        });
        let headers = headers.collect::<Map<_, _>>();
        if !headers.is_empty() {
            written["headers"] = Json::Object(headers);
        }
        match response.models.values().next() {
            Some(model) if self.is_swagger => written["schema"] = self.reference(model),
            Some(_) => written["content"] = Json::Object(self.content(response.models.iter())),
            None => {}
        }
        written
    }

    /// The authorizer of a method, where documents tell of those.
    fn authorizer(&self, method: &Method) -> Option<&Authorizer> {
        let id = method.authorizer_id.as_ref().filter(|_| self.extensions.authorizers)?;
        self.parts.authorizers.get(id)
    }

    fn security(&self, method: &Method) -> Vec<Json> {
        let mut security = Vec::new();
        match method.authorization.as_str() {
            "AWS_IAM" if self.extensions.authorizers => security.push(json!({ SIGNATURE: [] })),
            "CUSTOM" | "COGNITO_USER_POOLS" => {
                security.extend(self.authorizer(method).map(|one| json!({ &one.name: method.scopes })));
            }
            _ => {}
        }
        if method.api_key_required {
            security.push(json!({ API_KEY: [] }));
        }
        security
    }

    fn security_schemes(&self) -> Map<String, Json> {
        let methods = || self.parts.resources.values().flat_map(|resource| resource.methods.values());
        let mut schemes = Map::new();
        if methods().any(|method| method.api_key_required) {
            schemes
                .insert(API_KEY.to_owned(), json!({ "type": "apiKey", "name": "x-api-key", "in": "header" }));
        }
        if self.extensions.authorizers {
            if methods().any(|method| method.authorization == "AWS_IAM") {
                schemes.insert(SIGNATURE.to_owned(), signature_scheme());
            }
            for authorizer in self.parts.authorizers.values() {
                schemes.insert(authorizer.name.clone(), security_scheme(authorizer));
            }
        }
        schemes
    }
}

fn security_scheme(authorizer: &Authorizer) -> Json {
    let shown = authorizer.shown("");
    let kind = authorizer.kind().as_str().to_ascii_lowercase();
    let mut written = Map::new();
    for (name, value) in [
        ("type", Some(json!(kind))),
        ("authorizerUri", shown.authorizer_uri.map(Json::from)),
        ("authorizerCredentials", shown.authorizer_credentials.map(Json::from)),
        ("authorizerResultTtlInSeconds", shown.authorizer_result_ttl_in_seconds.map(Json::from)),
        ("identityValidationExpression", shown.identity_validation_expression.map(Json::from)),
        ("identitySource", shown.identity_source.map(Json::from)),
        ("providerARNs", shown.provider_ar_ns.map(Json::from)),
    ] {
        written.extend(value.map(|value| (name.to_owned(), value)));
    }
    let source = authorizer.sources().into_iter().next().unwrap_or_default();
    let header = source.strip_prefix("method.request.header.").unwrap_or("Unused");
    json!({
        "type": "apiKey",
        "name": header,
        "in": "header",
        AUTHORIZATION: shown.auth_type,
        AUTHORIZER: written,
    })
}

fn integration_of(integration: &Integration) -> Json {
    let mut responses = Map::new();
    for (status, response) in &integration.responses {
        let mut written = json!({ "statusCode": status });
        if !response.parameters.is_empty() {
            written["responseParameters"] = json!(response.parameters);
        }
        if !response.templates.is_empty() {
            written["responseTemplates"] = json!(response.templates);
        }
        let pattern = response.pattern.clone().filter(|pattern| !pattern.is_empty());
        // The first of those without a pattern is the one that counts.
        responses.entry(pattern.unwrap_or_else(|| "default".to_owned())).or_insert(written);
    }
    let mut written = json!({
        "type": integration.kind.to_ascii_lowercase(),
        "passthroughBehavior": integration.passthrough.to_ascii_lowercase(),
        "timeoutInMillis": integration.timeout_ms,
    });
    for (name, value) in [
        ("httpMethod", &integration.method),
        ("uri", &integration.uri),
        ("credentials", &integration.credentials),
    ] {
        if let Some(value) = value {
            written[name] = value.as_str().into();
        }
    }
    if !integration.parameters.is_empty() {
        written["requestParameters"] = json!(integration.parameters);
    }
    if !integration.templates.is_empty() {
        written["requestTemplates"] = json!(integration.templates);
    }
    if !responses.is_empty() {
        written["responses"] = Json::Object(responses);
    }
    written
}
