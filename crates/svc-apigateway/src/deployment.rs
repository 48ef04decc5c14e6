//! A deployment: an API as it was when it was deployed. Stages serve deployments, never the API itself.

use std::collections::BTreeMap;

use api_apigateway as model;
use aws_wire::Result;
use env::Timestamp;
use kv::{Read, Span};
use serde::{Deserialize, Serialize};

use crate::api::{FORMAT, RestApi};
use crate::authorizer::Authorizer;
use crate::gateway_response::GatewayResponse;
use crate::keys::{AUTHORIZERS, MODELS, RESOURCES, RESPONSES, RootKey, VALIDATORS};
use crate::model::Model;
use crate::refusal::bad_request;
use crate::resource::Resource;
use crate::validator::Validator;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Deployment {
    pub format: u32,
    pub description: Option<String>,
    pub created_us: i64,
    /// By id, as what follows.
    pub resources: BTreeMap<String, Resource>,
    pub authorizers: BTreeMap<String, Authorizer>,
    pub validators: BTreeMap<String, Validator>,
    /// By name.
    pub models: BTreeMap<String, Model>,
    /// By type.
    pub responses: BTreeMap<String, GatewayResponse>,
    pub binary_media_types: Vec<String>,
    pub keys_from_authorizer: bool,
}

impl Deployment {
    /// A copy of the API as it is now.
    pub(crate) fn of(
        reader: &impl Read,
        key: &RootKey,
        api: &RestApi,
        description: Option<String>,
        now: Timestamp,
    ) -> Result<Self> {
        let span = || Span::prefix(key);
        Ok(Self {
            format: FORMAT,
            description,
            created_us: now.as_micros(),
            resources: RESOURCES.all(reader, &span())?.into_iter().map(|(key, one)| (key.3, one)).collect(),
            authorizers: AUTHORIZERS
                .all(reader, &span())?
                .into_iter()
                .map(|(key, one)| (key.3, one))
                .collect(),
            validators: VALIDATORS.all(reader, &span())?.into_iter().map(|(key, one)| (key.3, one)).collect(),
            models: MODELS.all(reader, &span())?.into_iter().map(|(key, one)| (key.3, one)).collect(),
            responses: RESPONSES.all(reader, &span())?.into_iter().map(|(key, one)| (key.3, one)).collect(),
            binary_media_types: api.binary_media_types.clone(),
            keys_from_authorizer: api.keys_from_authorizer,
        })
    }

    /// # Errors
    /// 400 without a method, and for a method without an integration.
    pub(crate) fn check(&self) -> Result<()> {
        let mut methods = self.resources.values().flat_map(|resource| resource.methods.values()).peekable();
        if methods.peek().is_none() {
            return Err(bad_request("The REST API doesn't contain any methods"));
        }
        if methods.any(|method| method.integration.is_none()) {
            return Err(bad_request("No integration defined for method"));
        }
        Ok(())
    }

    /// `summarised` says whether its methods are told.
    pub(crate) fn shown(&self, id: &str, summarised: bool) -> model::Deployment {
        let summary =
            self.resources.values().filter(|resource| !resource.methods.is_empty()).map(|resource| {
                let methods = resource.methods.iter().map(|(name, method)| {
                    let snapshot = model::MethodSnapshot {
                        authorization_type: Some(method.authorization.clone()),
                        api_key_required: Some(method.api_key_required),
                    };
                    (name.clone(), snapshot)
                });
                (resource.path.clone(), methods.collect())
            });
        model::Deployment {
            id: Some(id.to_owned()),
            description: self.description.clone(),
            created_date: Some(Timestamp::from_secs(self.created_us / 1_000_000)),
            api_summary: summarised.then(|| summary.collect()),
        }
    }
}
