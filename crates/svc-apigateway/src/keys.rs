//! Everything that REST APIs store, one line each, but for API keys and usage plans, which WebSocket APIs read too
//! (`execute_api::plan`). Numbers and layouts are on disk for ever.

use execute_api::owner::Owner;
use kv::Table;

use crate::api::RestApi;
use crate::authorizer::Authorizer;
use crate::deployment::Deployment;
use crate::gateway_response::GatewayResponse;
use crate::model::Model;
use crate::resource::Resource;
use crate::stage::Stage;
use crate::validator::Validator;

/// Account, region, and the id of an API, a key or a plan.
pub(crate) type RootKey = (String, String, String);
/// The same, and the id or name of what is in it.
pub(crate) type PartKey = (String, String, String, String);

/// Every API, until it is deleted; what is in it goes with it.
pub(crate) const APIS: Table<RootKey, RestApi> = Table::new(765, "rest apis");
/// With their methods.
pub(crate) const RESOURCES: Table<PartKey, Resource> = Table::new(766, "rest api resources");
/// What stages serve: a copy of the API as it was.
pub(crate) const DEPLOYMENTS: Table<PartKey, Deployment> = Table::new(767, "rest api deployments");
/// By name.
pub(crate) const STAGES: Table<PartKey, Stage> = Table::new(768, "rest api stages");
pub(crate) const AUTHORIZERS: Table<PartKey, Authorizer> = Table::new(769, "rest api authorizers");
/// By name.
pub(crate) const MODELS: Table<PartKey, Model> = Table::new(770, "rest api models");
pub(crate) const VALIDATORS: Table<PartKey, Validator> = Table::new(771, "rest api request validators");
/// By type, those that differ from what everybody has.
pub(crate) const RESPONSES: Table<PartKey, GatewayResponse> = Table::new(772, "rest api gateway responses");
/// Whose an API's id is.
pub(crate) const OWNERS: Table<String, Owner> = Table::new(773, "rest api owners");

pub(crate) fn part((account, region, root): &RootKey, id: &str) -> PartKey {
    (account.clone(), region.clone(), root.clone(), id.to_owned())
}
