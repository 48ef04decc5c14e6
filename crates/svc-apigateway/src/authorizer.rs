//! An authorizer: a function that is asked who may call, or user pools whose tokens say so.

use api_apigateway as model;
use api_apigateway::AuthorizerType;
use aws_wire::{AwsError, Result};
use execute_api::{function, jwt};
use serde::{Deserialize, Serialize};

use crate::patch::Patch;
use crate::refusal::{bad_request, not_honoured};

const TTL_S: i32 = 300;
const TTL_S_MAX: i32 = 3600;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Authorizer {
    pub format: u32,
    pub name: String,
    /// Whether it is shown one token rather than the request.
    pub is_token: bool,
    pub auth_type: Option<String>,
    pub uri: String,
    /// The role with which it is invoked.
    pub credentials: Option<String>,
    /// Where a request tells who it is from, such as `method.request.header.Authorization`, by commas.
    pub identity_source: Option<String>,
    /// What a token must be like.
    pub validation: Option<String>,
    /// How long an answer counts; none is not at all.
    pub ttl_s: i32,
    /// The ARNs of user pools whose tokens count; then no function is asked.
    #[serde(default)]
    pub pools: Vec<String>,
}

impl Authorizer {
    /// # Errors
    /// 400 for what can't be, 501 for kinds that are not honoured.
    pub(crate) fn check(input: model::CreateAuthorizerInput, format: u32) -> Result<Self> {
        not_honoured(
            "CreateAuthorizer",
            &[
                ("type JWT", input.r#type == AuthorizerType::Jwt),
                ("jwtConfiguration", input.jwt_configuration.is_some()),
            ],
        )?;
        let pools = input.provider_ar_ns.unwrap_or_default();
        let wants_pools = input.r#type == AuthorizerType::CognitoUserPools;
        if wants_pools == pools.is_empty() {
            return Err(bad_request(if wants_pools {
                "COGNITO_USER_POOLS authorizers must have at least one provider ARN"
            } else {
                "Provider ARNs are only supported for COGNITO_USER_POOLS authorizers"
            }));
        }
        let authorizer = Self {
            format,
            name: input.name,
            is_token: input.r#type == AuthorizerType::Token,
            auth_type: input.auth_type,
            uri: input.authorizer_uri.unwrap_or_default(),
            credentials: input.authorizer_credentials,
            identity_source: input.identity_source.filter(|source| !source.is_empty()),
            validation: input.identity_validation_expression.filter(|expression| !expression.is_empty()),
            ttl_s: input.authorizer_result_ttl_in_seconds.unwrap_or(TTL_S),
            pools,
        };
        authorizer.checked()
    }

    /// Whether it is shown one token, of a header.
    fn takes_token(&self) -> bool {
        self.is_token || !self.pools.is_empty()
    }

    fn checked(self) -> Result<Self> {
        if let Some(arn) = self.pools.iter().find(|arn| jwt::pool_issuer(arn).is_none()) {
            return Err(bad_request(format!("Invalid Cognito user pool ARN specified: {arn}")));
        }
        let names_function = function::arn_of_uri(&self.uri).is_some() && self.uri.contains(":apigateway:");
        if self.pools.is_empty() && !names_function {
            return Err(bad_request(
                "Invalid Authorizer URI: Authorizer URI should be a valid API Gateway ARN that represents a Lambda \
                 function invocation.",
            ));
        }
        if !(0..=TTL_S_MAX).contains(&self.ttl_s) {
            return Err(bad_request(format!(
                "Authorizer result TTL must be between 0 and {TTL_S_MAX} seconds"
            )));
        }
        if self.takes_token() && self.sources().len() != 1 {
            return Err(bad_request(format!(
                "Identity source is required for {} authorizers",
                self.kind().as_str()
            )));
        }
        if !self.takes_token() && self.ttl_s > 0 && self.sources().is_empty() {
            return Err(bad_request(
                "Identity source is required for REQUEST authorizers when caching is enabled",
            ));
        }
        let prefixes = if self.takes_token() {
            &["method.request.header."][..]
        } else {
            &["method.request.header.", "method.request.querystring.", "stageVariables.", "context."][..]
        };
        let fits = |source: &&str| prefixes.iter().any(|prefix| source.starts_with(prefix));
        if let Some(source) = self.sources().into_iter().find(|source| !fits(source)) {
            return Err(bad_request(format!("Invalid identity source expression specified: {source}")));
        }
        if let Some(expression) = &self.validation {
            fancy_regex::Regex::new(expression)
                .map_err(|_| bad_request("Invalid identity validation expression specified"))?;
        }
        Ok(self)
    }

    pub(crate) fn kind(&self) -> AuthorizerType {
        match (self.pools.is_empty(), self.is_token) {
            (false, _) => AuthorizerType::CognitoUserPools,
            (true, true) => AuthorizerType::Token,
            (true, false) => AuthorizerType::Request,
        }
    }

    pub(crate) fn sources(&self) -> Vec<&str> {
        let text = self.identity_source.as_deref().unwrap_or_default();
        text.split(',').map(str::trim).filter(|source| !source.is_empty()).collect()
    }

    pub(crate) fn shown(&self, id: &str) -> model::Authorizer {
        let auth_type = if self.pools.is_empty() { "custom" } else { "cognito_user_pools" };
        model::Authorizer {
            id: Some(id.to_owned()),
            name: Some(self.name.clone()),
            r#type: Some(self.kind()),
            provider_ar_ns: Some(self.pools.clone()).filter(|pools| !pools.is_empty()),
            auth_type: Some(self.auth_type.clone().unwrap_or_else(|| auth_type.to_owned())),
            authorizer_uri: Some(self.uri.clone()).filter(|uri| !uri.is_empty()),
            authorizer_credentials: self.credentials.clone(),
            identity_source: self.identity_source.clone(),
            identity_validation_expression: self.validation.clone(),
            // A token is looked at each time.
            authorizer_result_ttl_in_seconds: self.pools.is_empty().then_some(self.ttl_s),
            jwt_configuration: None,
        }
    }

    /// # Errors
    /// 400 for a path that it has not, and for what it would be no authorizer with.
    pub(crate) fn patch(mut self, patch: &Patch) -> Result<Self> {
        match patch.segments()[..] {
            ["name"] => self.name = patch.text()?,
            ["authType"] => self.auth_type = patch.optional(),
            ["authorizerUri"] => self.uri = patch.text()?,
            ["authorizerCredentials"] => self.credentials = patch.optional().filter(|arn| !arn.is_empty()),
            ["identitySource"] => self.identity_source = patch.optional().filter(|source| !source.is_empty()),
            ["identityValidationExpression"] => {
                self.validation = patch.optional().filter(|expression| !expression.is_empty());
            }
            ["authorizerResultTtlInSeconds"] => self.ttl_s = patch.number()?,
            ["providerARNs"] if !self.pools.is_empty() => {
                // One value, which is added, taken away, or all that there is.
                let arn = patch.value().unwrap_or_default().to_owned();
                if patch.is_remove() {
                    self.pools.retain(|known| *known != arn);
                } else if patch.is_add() {
                    self.pools.push(arn);
                } else {
                    self.pools = vec![arn];
                }
                if self.pools.is_empty() {
                    return Err(patch.invalid());
                }
            }
            ["type" | "providerARNs" | "jwtConfiguration", ..] => {
                return Err(AwsError::parameter_not_implemented("UpdateAuthorizer", patch.segments()[0]));
            }
            _ => return Err(patch.invalid()),
        }
        self.checked()
    }
}
