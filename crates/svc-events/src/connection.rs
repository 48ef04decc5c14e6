//! A connection: how requests to API destinations say who sends them.

use api_events as api;
use api_events::{
    ConnectionAuthorizationType as Kind, ConnectionState, UpdateConnectionAuthRequestParameters, errors,
};
use aws_wire::{AwsError, Result};
use env::Timestamp;
use kv::{Read, Span};
use serde::{Deserialize, Serialize};
use service::TargetArn;

use crate::keys::{CONNECTIONS, ConnectionKey};
use crate::refusal::not_valid;

/// Of an account in a region; AWS's quota.
pub(crate) const CONNECTIONS_MAX: usize = 3000;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Connection {
    /// The end of its ARN: another connection of its name has another.
    pub id: String,
    #[serde(default)]
    pub description: Option<String>,
    /// `BASIC`, `API_KEY` or `OAUTH_CLIENT_CREDENTIALS`.
    pub kind: String,
    /// Gone once the connection is deauthorized.
    #[serde(default)]
    pub authorization: Option<Authorization>,
    /// What every request has beside.
    #[serde(default)]
    pub parameters: Parameters,
    /// Why it is not authorized.
    #[serde(default)]
    pub reason: Option<String>,
    pub created_ms: i64,
    pub modified_ms: i64,
    #[serde(default)]
    pub authorized_ms: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Authorization {
    Basic { username: String, password: String },
    ApiKey { name: String, value: String },
    OAuth(OAuth),
}

/// Where and how a token is asked for: RFC 6749's client credentials grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OAuth {
    pub endpoint: String,
    pub method: String,
    pub client_id: String,
    pub client_secret: String,
    #[serde(default)]
    pub parameters: Parameters,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Parameters {
    #[serde(default)]
    pub headers: Vec<Parameter>,
    #[serde(default)]
    pub query: Vec<Parameter>,
    #[serde(default)]
    pub body: Vec<Parameter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Parameter {
    pub key: String,
    pub value: String,
    /// Never shown again.
    #[serde(default)]
    pub secret: bool,
}

/// The three lists' members are alike, and shapes of their own.
macro_rules! parameters {
    ($($shape:ident),*) => {$(
        impl From<api::$shape> for Parameter {
            fn from(given: api::$shape) -> Self {
                Self {
                    key: given.key.unwrap_or_default(),
                    value: given.value.unwrap_or_default(),
                    secret: given.is_value_secret.unwrap_or(false),
                }
            }
        }

        impl From<Parameter> for api::$shape {
            fn from(Parameter { key, value, secret }: Parameter) -> Self {
                Self { key: Some(key), value: Some(value).filter(|_| !secret), is_value_secret: Some(secret) }
            }
        }
    )*};
}

parameters!(ConnectionHeaderParameter, ConnectionQueryStringParameter, ConnectionBodyParameter);

impl From<api::ConnectionHttpParameters> for Parameters {
    fn from(given: api::ConnectionHttpParameters) -> Self {
        fn of<T: Into<Parameter>>(list: Option<Vec<T>>) -> Vec<Parameter> {
            list.into_iter().flatten().map(Into::into).collect()
        }
        Self {
            headers: of(given.header_parameters),
            query: of(given.query_string_parameters),
            body: of(given.body_parameters),
        }
    }
}

impl Parameters {
    /// `None` for none at all.
    fn show(self) -> Option<api::ConnectionHttpParameters> {
        fn list<T: From<Parameter>>(all: Vec<Parameter>) -> Option<Vec<T>> {
            Some(all.into_iter().map(T::from).collect::<Vec<_>>()).filter(|all| !all.is_empty())
        }
        (self != Self::default()).then(|| api::ConnectionHttpParameters {
            header_parameters: list(self.headers),
            query_string_parameters: list(self.query),
            body_parameters: list(self.body),
        })
    }
}

impl Connection {
    pub(crate) fn state(&self) -> ConnectionState {
        let is_authorized = self.authorization.is_some() && self.reason.is_none();
        if is_authorized { ConnectionState::Authorized } else { ConnectionState::Deauthorized }
    }

    pub(crate) fn kind(&self) -> Option<Kind> {
        self.kind.parse().ok()
    }

    pub(crate) fn created(&self) -> Option<Timestamp> {
        Some(Timestamp::from_millis(self.created_ms))
    }

    pub(crate) fn modified(&self) -> Option<Timestamp> {
        Some(Timestamp::from_millis(self.modified_ms))
    }

    pub(crate) fn authorized(&self) -> Option<Timestamp> {
        self.authorized_ms.map(Timestamp::from_millis)
    }

    /// Without what is secret.
    pub(crate) fn shown_parameters(self) -> api::ConnectionAuthResponseParameters {
        let mut shown = api::ConnectionAuthResponseParameters {
            invocation_http_parameters: self.parameters.show(),
            ..Default::default()
        };
        match self.authorization {
            Some(Authorization::Basic { username, .. }) => {
                shown.basic_auth_parameters =
                    Some(api::ConnectionBasicAuthResponseParameters { username: Some(username) });
            }
            Some(Authorization::ApiKey { name, .. }) => {
                shown.api_key_auth_parameters =
                    Some(api::ConnectionApiKeyAuthResponseParameters { api_key_name: Some(name) });
            }
            Some(Authorization::OAuth(oauth)) => {
                let client =
                    api::ConnectionOAuthClientResponseParameters { client_id: Some(oauth.client_id) };
                shown.o_auth_parameters = Some(api::ConnectionOAuthResponseParameters {
                    client_parameters: Some(client),
                    authorization_endpoint: Some(oauth.endpoint),
                    http_method: oauth.method.parse().ok(),
                    o_auth_http_parameters: oauth.parameters.show(),
                });
            }
            None => {}
        }
        shown
    }
}

impl Authorization {
    /// What a request makes of it; `old` gives what an update leaves out.
    ///
    /// # Errors
    /// 400 when something is missing or of another kind.
    pub(crate) fn of(
        kind: Kind,
        given: UpdateConnectionAuthRequestParameters,
        old: Option<&Self>,
    ) -> Result<Self> {
        let incomplete = || not_valid("AuthParameters");
        let count = usize::from(given.basic_auth_parameters.is_some())
            + usize::from(given.o_auth_parameters.is_some())
            + usize::from(given.api_key_auth_parameters.is_some());
        if count > 1 {
            return Err(incomplete());
        }
        let or = |given: Option<String>, old: Option<&String>| {
            given.or_else(|| old.cloned()).ok_or_else(incomplete)
        };
        match kind {
            Kind::Basic => {
                let (username, password) = match old {
                    Some(Self::Basic { username, password }) => (Some(username), Some(password)),
                    _ => (None, None),
                };
                let given = given.basic_auth_parameters.unwrap_or_default();
                Ok(Self::Basic {
                    username: or(given.username, username)?,
                    password: or(given.password, password)?,
                })
            }
            Kind::ApiKey => {
                let (name, value) = match old {
                    Some(Self::ApiKey { name, value }) => (Some(name), Some(value)),
                    _ => (None, None),
                };
                let given = given.api_key_auth_parameters.unwrap_or_default();
                Ok(Self::ApiKey {
                    name: or(given.api_key_name, name)?,
                    value: or(given.api_key_value, value)?,
                })
            }
            Kind::OauthClientCredentials => {
                let old = match old {
                    Some(Self::OAuth(old)) => Some(old),
                    _ => None,
                };
                let given = given.o_auth_parameters.unwrap_or_default();
                let client = given.client_parameters.unwrap_or_default();
                let parameters = given.o_auth_http_parameters.map(Parameters::from);
                Ok(Self::OAuth(OAuth {
                    endpoint: or(given.authorization_endpoint, old.map(|old| &old.endpoint))?,
                    method: or(
                        given.http_method.map(|method| method.as_str().to_owned()),
                        old.map(|old| &old.method),
                    )?,
                    client_id: or(client.client_id, old.map(|old| &old.client_id))?,
                    client_secret: or(client.client_secret, old.map(|old| &old.client_secret))?,
                    parameters: parameters
                        .or_else(|| old.map(|old| old.parameters.clone()))
                        .unwrap_or_default(),
                }))
            }
        }
    }
}

/// An update that says everything is a creation.
pub(crate) fn as_update(
    given: api::CreateConnectionAuthRequestParameters,
) -> UpdateConnectionAuthRequestParameters {
    UpdateConnectionAuthRequestParameters {
        basic_auth_parameters: given.basic_auth_parameters.map(|basic| {
            api::UpdateConnectionBasicAuthRequestParameters {
                username: Some(basic.username),
                password: Some(basic.password),
            }
        }),
        o_auth_parameters: given.o_auth_parameters.map(|oauth| api::UpdateConnectionOAuthRequestParameters {
            client_parameters: Some(api::UpdateConnectionOAuthClientRequestParameters {
                client_id: Some(oauth.client_parameters.client_id),
                client_secret: Some(oauth.client_parameters.client_secret),
            }),
            authorization_endpoint: Some(oauth.authorization_endpoint),
            http_method: Some(oauth.http_method),
            o_auth_http_parameters: oauth.o_auth_http_parameters,
        }),
        api_key_auth_parameters: given.api_key_auth_parameters.map(|key| {
            api::UpdateConnectionApiKeyAuthRequestParameters {
                api_key_name: Some(key.api_key_name),
                api_key_value: Some(key.api_key_value),
            }
        }),
        invocation_http_parameters: given.invocation_http_parameters,
        connectivity_parameters: given.connectivity_parameters,
    }
}

/// # Errors
/// 501 for private APIs and for a customer's key.
pub(crate) fn check_served(operation: &str, is_private: bool, key: Option<&str>) -> Result<()> {
    let refused = [
        ("KmsKeyIdentifier", key.is_some_and(|key| !key.is_empty())),
        ("connectivity parameters of private APIs", is_private),
    ];
    match refused.iter().find(|(_, is_there)| *is_there) {
        Some((parameter, _)) => Err(AwsError::parameter_not_implemented(operation, parameter)),
        None => Ok(()),
    }
}

pub(crate) fn arn((account, region, name): &ConnectionKey, id: &str) -> String {
    format!("arn:aws:events:{region}:{account}:connection/{name}/{id}")
}

/// # Errors
/// 400 without it.
pub(crate) fn find(reader: &impl Read, key: &ConnectionKey) -> Result<Connection> {
    CONNECTIONS.get(reader, key)?.ok_or_else(|| {
        let message = format!("Failed to describe the connection(s). Connection '{}' does not exist.", key.2);
        errors::resource_not_found_exception(message)
    })
}

/// The connection that an ARN names, as long as it is there.
///
/// # Errors
/// Those of the store.
pub(crate) fn by_arn(reader: &impl Read, arn: &str) -> Result<Option<Connection>> {
    let Some(arn) = TargetArn::parse(arn) else { return Ok(None) };
    let named = arn.resource().strip_prefix("connection/").and_then(|rest| rest.split_once('/'));
    let Some((name, id)) = named else { return Ok(None) };
    let key = (arn.account().to_owned(), arn.region().to_owned(), name.to_owned());
    Ok(CONNECTIONS.get(reader, &key)?.filter(|connection| connection.id == id))
}

/// How many an account has in a region.
///
/// # Errors
/// Those of the store.
pub(crate) fn count(reader: &impl Read, key: &ConnectionKey) -> Result<usize> {
    Ok(CONNECTIONS.all(reader, &Span::prefix(&(key.0.as_str(), key.1.as_str())))?.len())
}
