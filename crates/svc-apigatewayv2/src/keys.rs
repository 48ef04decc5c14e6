//! Everything that HTTP APIs store, one line each. Numbers and layouts are on disk for ever.

use execute_api::owner::Owner;
use kv::Table;

use crate::api::Api;
use crate::authorizer::Authorizer;
use crate::deployment::Deployment;
use crate::integration::Integration;
use crate::route::Route;
use crate::stage::Stage;

/// Account, region, API.
pub(crate) type ApiKey = (String, String, String);
/// Account, region, API, and the id or name of what is in it.
pub(crate) type PartKey = (String, String, String, String);

/// Every API, until it is deleted; all below go with it.
pub(crate) const APIS: Table<ApiKey, Api> = Table::new(750, "http apis");
pub(crate) const ROUTES: Table<PartKey, Route> = Table::new(751, "http api routes");
pub(crate) const INTEGRATIONS: Table<PartKey, Integration> = Table::new(752, "http api integrations");
/// By name.
pub(crate) const STAGES: Table<PartKey, Stage> = Table::new(753, "http api stages");
/// What stages serve: a copy of routes, integrations and authorizers as they were.
pub(crate) const DEPLOYMENTS: Table<PartKey, Deployment> = Table::new(754, "http api deployments");
pub(crate) const AUTHORIZERS: Table<PartKey, Authorizer> = Table::new(755, "http api authorizers");
/// Whose an API's id is.
pub(crate) const OWNERS: Table<String, Owner> = Table::new(756, "http api owners");

pub(crate) fn part((account, region, api): &ApiKey, id: &str) -> PartKey {
    (account.clone(), region.clone(), api.clone(), id.to_owned())
}
