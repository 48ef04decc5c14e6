//! The operations of a path, as a resource's methods.

use std::collections::BTreeMap;

use api_apigateway::{ConnectionType, IntegrationType, PutIntegrationInput};
use aws_wire::{AwsError, Result};
use execute_api::openapi::{
    self, ANY_METHOD, INTEGRATION, METHODS, Object, is_extension, list, object, text, texts,
};
use serde_json::Value as Json;

use super::{Reader, Scheme, VALIDATOR, invalid};
use crate::integration::{Integration, IntegrationResponse};
use crate::refusal::bad_request;
use crate::resource::{Method, MethodResponse, check_parameters};

const JSON: &str = "application/json";

impl<'a> Reader<'a> {
    pub(super) fn methods(&mut self, resource_id: &str, path: &str, item: &Object) -> Result<()> {
        for (name, operation) in item {
            let method_name = match name.as_str() {
                ANY_METHOD => "ANY".to_owned(),
                known if METHODS.contains(&known) => known.to_ascii_uppercase(),
                "parameters" | "summary" | "description" | "servers" => continue,
                _ => {
                    self.warn(format!("{name} of path {path} is not supported and is ignored"));
                    continue;
                }
            };
            let operation = object(Some(operation)).ok_or_else(|| invalid(path))?;
            let key = format!("{method_name} {path}");
            let method = self.method(&key, item, operation)?;
            let resource = self.imported.resources.get_mut(resource_id).ok_or_else(|| invalid(path))?;
            if resource.methods.insert(method_name, method).is_some() {
                return Err(invalid(&format!("two operations are {key}")));
            }
        }
        Ok(())
    }

    fn method(&mut self, key: &str, item: &Object, operation: &Object) -> Result<Method> {
        for name in operation.keys().filter(|name| is_extension(name)) {
            if ![INTEGRATION, VALIDATOR].contains(&name.as_str()) {
                self.warn(format!("Unsupported extension {name} of {key} is ignored"));
            }
        }
        let mut method = Method {
            authorization: "NONE".to_owned(),
            operation_name: text(operation, "operationId"),
            ..Method::default()
        };
        self.authorize(key, operation, &mut method)?;
        for parameters in [item.get("parameters"), operation.get("parameters")].into_iter().flatten() {
            for parameter in parameters.as_array().into_iter().flatten() {
                self.parameter(key, operation, parameter, &mut method)?;
            }
        }
        check_parameters(&method.request_parameters)?;
        if let Some(body) = object(operation.get("requestBody")) {
            method.request_models = self.content(key, body)?;
        }
        let validator = text(operation, VALIDATOR).or_else(|| text(self.document, VALIDATOR));
        if let Some(name) = validator {
            let unknown = || invalid(&format!("{key} wants request validator {name}, which there is not"));
            method.validator_id = Some(self.validators.get(&name).ok_or_else(unknown)?.clone());
        }
        for (status, response) in object(operation.get("responses")).into_iter().flatten() {
            if !matches!(status.parse::<u16>(), Ok(100..=599)) {
                // What holds for all statuses is no status of a method's.
                self.warn(format!("Response {status} of {key} is not supported and is ignored"));
                continue;
            }
            let response = self.resolve(key, response)?;
            method.responses.insert(status.clone(), self.response(key, operation, response)?);
        }
        if let Some(integration) = object(operation.get(INTEGRATION)) {
            method.integration = Some(self.integration(key, integration)?);
        }
        Ok(method)
    }

    fn authorize(&mut self, key: &str, operation: &Object, method: &mut Method) -> Result<()> {
        let document = self.document;
        let wanted = operation.get("security").or_else(|| document.get("security")).and_then(Json::as_array);
        for (name, scopes) in wanted.into_iter().flatten().filter_map(Json::as_object).flatten() {
            let Some(scheme) = self.schemes.get(name).cloned() else {
                self.warn(format!("{key} wants security scheme {name}, which asks for nothing here"));
                continue;
            };
            let before = method.authorization.clone();
            match scheme {
                Scheme::ApiKey => method.api_key_required = true,
                _ if before != "NONE" => {
                    self.warn(format!("{key} wants more than one kind of authorization; the first counts"));
                }
                Scheme::Signature => method.authorization = "AWS_IAM".to_owned(),
                Scheme::Authorizer(id) => {
                    let pools = self.imported.authorizers.get(&id).is_some_and(|one| !one.pools.is_empty());
                    method.authorization = if pools { "COGNITO_USER_POOLS" } else { "CUSTOM" }.to_owned();
                    method.authorizer_id = Some(id);
                    if pools {
                        let scopes = scopes.as_array().into_iter().flatten().filter_map(Json::as_str);
                        method.scopes = scopes.map(str::to_owned).collect();
                    }
                }
            }
        }
        Ok(())
    }

    /// What an object says, or what it refers to.
    fn resolve<'b>(&self, key: &str, value: &'b Json) -> Result<&'b Object>
    where
        'a: 'b,
    {
        let given = object(Some(value)).ok_or_else(|| invalid(key))?;
        let Some(to) = text(given, "$ref") else { return Ok(given) };
        openapi::referred(self.document, &to).ok_or_else(|| invalid(&format!("{to} of {key} leads nowhere")))
    }

    fn parameter(
        &mut self,
        key: &str,
        operation: &Object,
        parameter: &Json,
        method: &mut Method,
    ) -> Result<()> {
        let document = self.document;
        let given = self.resolve(key, parameter)?;
        let name = text(given, "name").unwrap_or_default();
        let place = match text(given, "in").unwrap_or_default().as_str() {
            "path" => "path",
            "query" => "querystring",
            "header" => "header",
            "body" => {
                let types = list(operation, "consumes").or_else(|| list(document, "consumes"));
                let Some(model) = self.model(key, given.get("schema")) else { return Ok(()) };
                for media_type in types.unwrap_or_else(|| vec![JSON.to_owned()]) {
                    method.request_models.insert(media_type, model.clone());
                }
                return Ok(());
            }
            other => {
                self.warn(format!("Parameter {name} in {other} of {key} is not supported and is ignored"));
                return Ok(());
            }
        };
        let required = given.get("required") == Some(&Json::Bool(true));
        method.request_parameters.insert(format!("method.request.{place}.{name}"), required);
        Ok(())
    }

    /// The model that a schema refers to; one that stands there itself has no name.
    fn model(&mut self, key: &str, schema: Option<&Json>) -> Option<String> {
        let schema = schema?;
        let model = schema.get("$ref").and_then(Json::as_str).and_then(|to| self.model_of(to));
        if model.is_none() {
            self.warn(format!("A schema of {key} that is no reference to one with a name is ignored"));
        }
        model
    }

    /// Models by content type.
    fn content(&mut self, key: &str, body: &Object) -> Result<BTreeMap<String, String>> {
        let mut models = BTreeMap::new();
        for (media_type, content) in object(body.get("content")).into_iter().flatten() {
            if let Some(model) = self.model(key, content.get("schema")) {
                models.insert(media_type.clone(), model);
            }
        }
        Ok(models)
    }

    fn response(&mut self, key: &str, operation: &Object, given: &Object) -> Result<MethodResponse> {
        let document = self.document;
        let headers = object(given.get("headers")).into_iter().flatten();
        let parameters = headers.map(|(name, _)| (format!("method.response.header.{name}"), false)).collect();
        let mut models = self.content(key, given)?;
        if let Some(model) = self.model(key, given.get("schema")) {
            let types = list(operation, "produces").or_else(|| list(document, "produces"));
            let types = types.unwrap_or_else(|| vec![JSON.to_owned()]);
            models.extend(types.into_iter().map(|media_type| (media_type, model.clone())));
        }
        Ok(MethodResponse { parameters, models })
    }

    fn integration(&mut self, key: &str, given: &Object) -> Result<Integration> {
        const KNOWN: [&str; 13] = [
            "type",
            "uri",
            "httpMethod",
            "credentials",
            "requestParameters",
            "requestTemplates",
            "passthroughBehavior",
            "timeoutInMillis",
            "responses",
            "connectionType",
            "contentHandling",
            "cacheNamespace",
            "cacheKeyParameters",
        ];
        for name in given.keys().filter(|name| !KNOWN.contains(&name.as_str())) {
            self.warn(format!("{name} of the integration of {key} is not supported and is ignored"));
        }
        if given.contains_key("contentHandling") {
            return Err(AwsError::parameter_not_implemented(self.operation, "contentHandling"));
        }
        let kind = text(given, "type").unwrap_or_default().to_ascii_uppercase();
        let unknown = |()| invalid(&format!("{key} has an integration of unknown type {kind}"));
        let connection = text(given, "connectionType").map(|kind| kind.to_ascii_uppercase());
        let mut integration = Integration::check(PutIntegrationInput {
            r#type: kind.parse::<IntegrationType>().map_err(unknown)?,
            connection_type: connection.filter(|kind| kind == "VPC_LINK").map(|_| ConnectionType::VpcLink),
            integration_http_method: text(given, "httpMethod").map(|method| {
                if method.eq_ignore_ascii_case(ANY_METHOD) {
                    "ANY".to_owned()
                } else {
                    method.to_ascii_uppercase()
                }
            }),
            uri: text(given, "uri"),
            credentials: text(given, "credentials"),
            request_parameters: object(given.get("requestParameters")).map(texts),
            request_templates: object(given.get("requestTemplates")).map(texts),
            passthrough_behavior: text(given, "passthroughBehavior").map(|name| name.to_ascii_uppercase()),
            timeout_in_millis: openapi::number(given, "timeoutInMillis").map_err(bad_request)?,
            cache_key_parameters: list(given, "cacheKeyParameters"),
            cache_namespace: None,
            connection_id: None,
            content_handling: None,
            http_method: String::new(),
            integration_target: None,
            resource_id: String::new(),
            response_transfer_mode: None,
            rest_api_id: String::new(),
            tls_config: None,
        })?;
        for (pattern, response) in object(given.get("responses")).into_iter().flatten() {
            let response = object(Some(response)).ok_or_else(|| invalid(key))?;
            if response.contains_key("contentHandling") {
                return Err(AwsError::parameter_not_implemented(self.operation, "contentHandling"));
            }
            let status = text(response, "statusCode");
            let status = status.ok_or_else(|| invalid(&format!("{key} has an answer without statusCode")))?;
            let read = IntegrationResponse {
                pattern: Some(pattern.clone()).filter(|pattern| pattern != "default"),
                parameters: object(response.get("responseParameters")).map(texts).unwrap_or_default(),
                templates: object(response.get("responseTemplates")).map(texts).unwrap_or_default(),
            };
            integration.responses.insert(status, read.checked()?);
        }
        Ok(integration)
    }
}
