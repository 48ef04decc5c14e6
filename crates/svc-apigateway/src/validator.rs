//! A request validator: what of a request is looked at before its integration is asked.

use api_apigateway as model;
use aws_wire::Result;
use serde::{Deserialize, Serialize};

use crate::patch::Patch;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Validator {
    pub format: u32,
    pub name: Option<String>,
    pub body: bool,
    pub parameters: bool,
}

impl Validator {
    pub(crate) fn shown(&self, id: &str) -> model::RequestValidator {
        model::RequestValidator {
            id: Some(id.to_owned()),
            name: self.name.clone(),
            validate_request_body: Some(self.body),
            validate_request_parameters: Some(self.parameters),
        }
    }

    /// # Errors
    /// 400 for a path that it has not.
    pub(crate) fn patch(&mut self, patch: &Patch) -> Result<()> {
        match patch.segments()[..] {
            ["name"] => self.name = patch.optional(),
            ["validateRequestBody"] => self.body = patch.flag()?,
            ["validateRequestParameters"] => self.parameters = patch.flag()?,
            _ => return Err(patch.invalid()),
        }
        Ok(())
    }
}
