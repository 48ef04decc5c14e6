//! An API key: what a client shows to be counted.

use std::collections::BTreeMap;

use api_apigateway as model;
use aws_wire::Result;
use env::Timestamp;
use serde::{Deserialize, Serialize};

use crate::patch::Patch;
use crate::resource::some;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ApiKey {
    pub format: u32,
    pub value: String,
    pub name: Option<String>,
    pub description: Option<String>,
    pub customer_id: Option<String>,
    pub enabled: bool,
    pub tags: BTreeMap<String, String>,
    pub created_us: i64,
    pub updated_us: i64,
}

impl ApiKey {
    pub(crate) fn shown(&self, id: &str, with_value: bool) -> model::ApiKey {
        model::ApiKey {
            id: Some(id.to_owned()),
            value: with_value.then(|| self.value.clone()),
            name: self.name.clone(),
            customer_id: self.customer_id.clone(),
            description: self.description.clone(),
            enabled: Some(self.enabled),
            created_date: Some(Timestamp::from_secs(self.created_us / 1_000_000)),
            last_updated_date: Some(Timestamp::from_secs(self.updated_us / 1_000_000)),
            stage_keys: Some(Vec::new()),
            tags: some(self.tags.clone()),
        }
    }

    /// # Errors
    /// 400 for a path that it has not.
    pub(crate) fn patch(&mut self, patch: &Patch) -> Result<()> {
        match patch.segments()[..] {
            ["name"] => self.name = patch.optional(),
            ["description"] => self.description = patch.optional(),
            ["customerId"] => self.customer_id = patch.optional(),
            ["enabled"] => self.enabled = patch.flag()?,
            _ => return Err(patch.invalid()),
        }
        Ok(())
    }
}
