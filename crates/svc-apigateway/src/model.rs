//! A model: a schema of bodies, in JSON Schema's draft 4.

use std::collections::BTreeMap;

use api_apigateway as api;
use aws_wire::Result;
use jsonschema::Validator;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::patch::Patch;
use crate::refusal::bad_request;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Model {
    pub format: u32,
    pub id: String,
    pub description: Option<String>,
    pub schema: Option<String>,
    pub content_type: String,
}

impl Model {
    /// # Errors
    /// 400 for what is no schema.
    pub(crate) fn checked(self) -> Result<Self> {
        if let Some(schema) = &self.schema {
            let document = serde_json::from_str::<Json>(schema).ok().filter(Json::is_object);
            let document = document.ok_or_else(|| {
                bad_request(
                    "Invalid model specified: Validation Result: warnings : [], errors : [Invalid model schema specified]",
                )
            })?;
            if !refers_elsewhere(&document) {
                compile(&document).ok_or_else(|| {
                    bad_request(
                        "Invalid model specified: Validation Result: warnings : [], errors : [Invalid model schema \
                         specified]",
                    )
                })?;
            }
        }
        Ok(self)
    }

    pub(crate) fn shown(&self, name: &str) -> api::Model {
        api::Model {
            id: Some(self.id.clone()),
            name: Some(name.to_owned()),
            description: self.description.clone(),
            schema: self.schema.clone(),
            content_type: Some(self.content_type.clone()),
        }
    }

    /// # Errors
    /// 400 for a path that it has not.
    pub(crate) fn patch(mut self, patch: &Patch) -> Result<Self> {
        match patch.segments()[..] {
            ["description"] => self.description = patch.optional(),
            ["schema"] => self.schema = patch.optional(),
            _ => return Err(patch.invalid()),
        }
        self.checked()
    }
}

/// Whether a schema needs another model: `https://apigateway.amazonaws.com/restapis/{api}/models/{name}`.
fn refers_elsewhere(schema: &Json) -> bool {
    match schema {
        Json::Object(object) => object.iter().any(|(name, value)| {
            (name == "$ref" && value.as_str().is_some_and(|target| !target.starts_with('#')))
                || refers_elsewhere(value)
        }),
        Json::Array(list) => list.iter().any(refers_elsewhere),
        _ => false,
    }
}

fn compile(schema: &Json) -> Option<Validator> {
    jsonschema::options().with_draft(jsonschema::Draft::Draft4).build(schema).ok()
}

/// Whether a model finds all that it refers to, and does not refer to itself in the end.
pub(crate) fn is_whole(models: &BTreeMap<String, Model>, name: &str) -> bool {
    whole(models, name).is_some()
}

fn whole(models: &BTreeMap<String, Model>, name: &str) -> Option<Json> {
    let schema = serde_json::from_str::<Json>(models.get(name)?.schema.as_ref()?).ok()?;
    with_others(&schema, models, 0)
}

/// Whether a body is as the model of this name has it; none where there is no telling, such as without a schema.
pub(crate) fn accepts(models: &BTreeMap<String, Model>, name: &str, body: &Json) -> Option<bool> {
    Some(compile(&whole(models, name)?)?.is_valid(body))
}

/// How deep models may refer to each other.
const DEPTH_MAX: usize = 16;

/// A schema with those in it that it refers to.
fn with_others(schema: &Json, models: &BTreeMap<String, Model>, depth: usize) -> Option<Json> {
    if depth > DEPTH_MAX {
        return None;
    }
    match schema {
        Json::Object(object) => {
            if let Some(target) =
                object.get("$ref").and_then(Json::as_str).filter(|target| !target.starts_with('#'))
            {
                let name = target.rsplit('/').next()?;
                let other = serde_json::from_str::<Json>(models.get(name)?.schema.as_ref()?).ok()?;
                return with_others(&other, models, depth + 1);
            }
            let members =
                object.iter().map(|(name, value)| Some((name.clone(), with_others(value, models, depth)?)));
            members.collect::<Option<_>>().map(Json::Object)
        }
        Json::Array(list) => {
            list.iter().map(|value| with_others(value, models, depth)).collect::<Option<_>>().map(Json::Array)
        }
        other => Some(other.clone()),
    }
}
