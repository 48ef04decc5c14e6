//! A deployment: what an API was configured to do when it was made. Stages serve deployments, never the configuration
//! itself; one that deploys by itself gets a new one with every change, in the same transaction.

use std::collections::BTreeMap;

use api_apigatewayv2 as model;
use aws_wire::Result;
use env::{Env, Timestamp};
use execute_api::address;
use kv::{Read, Span, Tx};
use serde::{Deserialize, Serialize};

use crate::api::FORMAT;
use crate::authorizer::Authorizer;
use crate::integration::Integration;
use crate::keys::{AUTHORIZERS, ApiKey, DEPLOYMENTS, INTEGRATIONS, ROUTES, STAGES, part};
use crate::route::Route;

const ID_LENGTH: usize = 6;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Deployment {
    pub format: u32,
    pub description: Option<String>,
    pub auto_deployed: bool,
    pub created_us: i64,
    /// By id, as all below.
    pub routes: BTreeMap<String, Route>,
    pub integrations: BTreeMap<String, Integration>,
    pub authorizers: BTreeMap<String, Authorizer>,
}

impl Deployment {
    /// A copy of the API as it is configured now.
    pub(crate) fn of(
        reader: &impl Read,
        api: &ApiKey,
        description: Option<String>,
        now: Timestamp,
    ) -> Result<Self> {
        let span = || Span::prefix(api);
        Ok(Self {
            format: FORMAT,
            description,
            auto_deployed: false,
            created_us: now.as_micros(),
            routes: ROUTES.all(reader, &span())?.into_iter().map(|(key, route)| (key.3, route)).collect(),
            integrations: INTEGRATIONS
                .all(reader, &span())?
                .into_iter()
                .map(|(key, one)| (key.3, one))
                .collect(),
            authorizers: AUTHORIZERS
                .all(reader, &span())?
                .into_iter()
                .map(|(key, one)| (key.3, one))
                .collect(),
        })
    }

    pub(crate) fn shown(&self, id: &str) -> model::Deployment {
        model::Deployment {
            auto_deployed: Some(self.auto_deployed),
            created_date: Some(Timestamp::from_secs(self.created_us / 1_000_000)),
            deployment_id: Some(id.to_owned()),
            deployment_status: Some(model::DeploymentStatus::Deployed),
            deployment_status_message: None,
            description: self.description.clone(),
        }
    }
}

pub(crate) fn new_id(env: &Env) -> String {
    address::id(env, ID_LENGTH)
}

/// What a change draws before its transaction: when it is, and the id of the deployment that it may make.
pub(crate) struct Change {
    pub now: Timestamp,
    deployment: String,
}

impl Change {
    pub(crate) fn new(env: &Env) -> Self {
        Self { now: env.now(), deployment: new_id(env) }
    }

    /// Gives every stage that deploys by itself the API as it is now. What nobody serves any more is forgotten.
    pub(crate) fn deploy(&self, tx: &mut Tx, api: &ApiKey) -> Result<()> {
        let stages = STAGES.all(tx, &Span::prefix(api))?;
        if !stages.iter().any(|(_, stage)| stage.auto_deploy) {
            return Ok(());
        }
        let description =
            Some("Automatic deployment triggered by changes to the Api configuration".to_owned());
        let deployment =
            Deployment { auto_deployed: true, ..Deployment::of(tx, api, description, self.now)? };
        DEPLOYMENTS.put(tx, &part(api, &self.deployment), &deployment)?;
        for (key, mut stage) in stages.into_iter().filter(|(_, stage)| stage.auto_deploy) {
            stage.deployment = Some(self.deployment.clone());
            stage.updated_us = self.now.as_micros();
            STAGES.put(tx, &key, &stage)?;
        }
        forget_unserved(tx, api)
    }
}

/// Forgets automatic deployments that no stage serves.
pub(crate) fn forget_unserved(tx: &mut Tx, api: &ApiKey) -> Result<()> {
    let stages = STAGES.all(tx, &Span::prefix(api))?;
    for (key, deployment) in DEPLOYMENTS.all(tx, &Span::prefix(api))? {
        let is_served = stages.iter().any(|(_, stage)| stage.deployment.as_ref() == Some(&key.3));
        if deployment.auto_deployed && !is_served {
            DEPLOYMENTS.delete(tx, &key)?;
        }
    }
    Ok(())
}
