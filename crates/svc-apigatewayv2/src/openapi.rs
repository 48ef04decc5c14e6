//! HTTP APIs as OpenAPI documents, which say by AWS's extensions what is behind each operation.

mod read;
mod write;

use std::collections::BTreeMap;

use crate::authorizer::Authorizer;
use crate::cors::Cors;
use crate::integration::Integration;
use crate::route::Route;

pub(crate) use read::{Basepath, read};
pub(crate) use write::{Exported, write};

const INTEGRATIONS: &str = "x-amazon-apigateway-integrations";
const CORS: &str = "x-amazon-apigateway-cors";
const TAG_VALUE: &str = "x-amazon-apigateway-tag-value";
/// Where documents have the route of requests that no other takes.
const DEFAULT_PATH: &str = "/$default";

/// What a document says of an API; parts by their ids.
#[derive(Debug)]
pub(crate) struct Imported {
    pub name: String,
    pub description: Option<String>,
    pub version: Option<String>,
    pub cors: Option<Cors>,
    pub tags: BTreeMap<String, String>,
    pub authorizers: BTreeMap<String, Authorizer>,
    pub integrations: BTreeMap<String, Integration>,
    pub routes: BTreeMap<String, Route>,
    /// What has no meaning for HTTP APIs.
    pub info: Vec<String>,
    /// What looks like a mistake.
    pub warnings: Vec<String>,
}
