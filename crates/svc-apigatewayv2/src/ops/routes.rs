//! Routes of an API.

use std::collections::BTreeMap;

use api_apigatewayv2::{
    AuthorizationType, CreateRouteInput, CreateRouteOutput, DeleteRouteInput,
    DeleteRouteRequestParameterInput, GetRouteInput, GetRouteOutput, GetRoutesInput, GetRoutesOutput,
    ParameterConstraints, ProtocolType, UpdateRouteInput, UpdateRouteOutput, errors,
};
use aws_wire::{AwsError, Result};
use execute_api::address;
use kv::{Read, Span, Tx};

use super::apis::{PART_ID_LENGTH, changed};
use super::recast;
use crate::api::{self, FORMAT};
use crate::authorizer::Kind;
use crate::deployment::Change;
use crate::keys::{AUTHORIZERS, ApiKey, INTEGRATIONS, ROUTES, part};
use crate::refusal::{bad_request, no_part, not_honoured, too_many};
use crate::route::{self, Authorization, CONNECT, Route};
use crate::{Ctx, page};

const ROUTES_MAX: usize = 300;

/// What creates or changes a route gives.
struct Given {
    key: Option<String>,
    target: Option<String>,
    authorization: Option<AuthorizationType>,
    authorizer: Option<String>,
    scopes: Option<Vec<String>>,
    operation_name: Option<String>,
    response_selection: Option<String>,
    api_key_required: Option<bool>,
    request_parameters: Option<BTreeMap<String, bool>>,
}

/// Whether each is required, which without a word it is not.
fn constraints(given: BTreeMap<String, ParameterConstraints>) -> BTreeMap<String, bool> {
    given.into_iter().map(|(name, constraints)| (name, constraints.required.unwrap_or(false))).collect()
}

impl Given {
    /// What is given over what there is.
    fn over(&self, tx: &impl Read, api: &ApiKey, before: Option<&Route>) -> Result<Route> {
        let key = self.key.as_ref().or_else(|| before.map(|before| &before.key));
        let integration = match &self.target {
            Some(target) => Some(integration(tx, api, target)?),
            None => before.and_then(|before| before.integration.clone()),
        };
        let operation_name = self.operation_name.as_ref();
        Ok(Route {
            format: FORMAT,
            key: key.cloned().unwrap_or_default(),
            integration,
            authorization: self.authorization(tx, api, before)?,
            operation_name: operation_name.or_else(|| before?.operation_name.as_ref()).cloned(),
            managed: before.is_some_and(|before| before.managed),
            response_selection: self
                .response_selection
                .as_ref()
                .or_else(|| before?.response_selection.as_ref())
                .cloned(),
            responses: before.map(|before| before.responses.clone()).unwrap_or_default(),
            api_key_required: self
                .api_key_required
                .unwrap_or_else(|| before.is_some_and(|before| before.api_key_required)),
            request_parameters: self
                .request_parameters
                .as_ref()
                .or_else(|| before.map(|before| &before.request_parameters))
                .cloned()
                .unwrap_or_default(),
        })
    }

    fn authorization(&self, tx: &impl Read, api: &ApiKey, before: Option<&Route>) -> Result<Authorization> {
        let before = before.map(|before| &before.authorization);
        let kind = self.authorization.unwrap_or(match before {
            None | Some(Authorization::Nobody) => AuthorizationType::None,
            Some(Authorization::Iam) => AuthorizationType::AwsIam,
            Some(Authorization::Jwt { .. }) => AuthorizationType::Jwt,
            Some(Authorization::Function { .. }) => AuthorizationType::Custom,
        });
        let scopes = self.scopes.clone().filter(|scopes| !scopes.is_empty());
        if kind != AuthorizationType::Jwt && scopes.is_some() {
            return Err(bad_request("AuthorizationScopes are only supported for JWT authorization type"));
        }
        let given = self.authorizer.as_deref();
        let id = given.or_else(|| before.and_then(Authorization::authorizer)).map(str::to_owned);
        let authorizer = || {
            let missing =
                || bad_request("Authorizer ID must be specified for authorization type JWT or CUSTOM");
            let id = id.clone().ok_or_else(missing)?;
            let found = AUTHORIZERS.get(tx, &part(api, &id))?;
            let found = found.ok_or_else(|| bad_request(format!("Invalid authorizer ID: {id}")))?;
            Ok::<_, AwsError>((id, found))
        };
        match kind {
            AuthorizationType::None => Ok(Authorization::Nobody),
            AuthorizationType::AwsIam => Ok(Authorization::Iam),
            AuthorizationType::Jwt => match authorizer()? {
                (authorizer, found) if matches!(found.kind, Kind::Jwt { .. }) => {
                    let old = match before {
                        Some(Authorization::Jwt { scopes, .. }) if self.scopes.is_none() => scopes.clone(),
                        _ => Vec::new(),
                    };
                    Ok(Authorization::Jwt { authorizer, scopes: scopes.unwrap_or(old) })
                }
                _ => Err(bad_request("Authorizer type must be JWT for authorization type JWT")),
            },
            AuthorizationType::Custom => match authorizer()? {
                (authorizer, found) if matches!(found.kind, Kind::Function { .. }) => {
                    Ok(Authorization::Function { authorizer })
                }
                _ => Err(bad_request("Authorizer type must be REQUEST for authorization type CUSTOM")),
            },
        }
    }
}

/// The id of an integration that a target names.
fn integration(tx: &impl Read, api: &ApiKey, target: &str) -> Result<String> {
    let id = target.strip_prefix("integrations/");
    let id = id.ok_or_else(|| bad_request(format!("Invalid target specified: {target}")))?;
    match INTEGRATIONS.get(tx, &part(api, id))? {
        Some(_) => Ok(id.to_owned()),
        None => Err(bad_request(format!("Invalid Integration identifier specified {id}"))),
    }
}

/// Who comes to a WebSocket API is asked once, when they connect; an HTTP API knows no keys.
fn check_access(protocol: ProtocolType, route: &Route) -> Result<()> {
    let has_parameters = !route.request_parameters.is_empty();
    if protocol == ProtocolType::Http {
        if route.api_key_required {
            return Err(bad_request("ApiKeyRequired is not supported on protocolType HTTP"));
        }
        if has_parameters {
            return Err(bad_request("RequestParameters are not supported on protocolType HTTP"));
        }
        return Ok(());
    }
    route::check_request_parameters(route.request_parameters.keys())?;
    if matches!(route.authorization, Authorization::Jwt { .. }) {
        return Err(bad_request("JWT authorization is not supported on protocolType WEBSOCKET"));
    }
    if route.key == CONNECT {
        return Ok(());
    }
    let wanted = [
        ("authorization", route.authorization != Authorization::Nobody),
        ("API Key", route.api_key_required),
        ("request parameters", has_parameters),
    ];
    match wanted.iter().find(|(_, is_wanted)| *is_wanted) {
        Some((what, _)) => {
            Err(bad_request(format!("Currently, {what} is only supported on the $connect route")))
        }
        None => Ok(()),
    }
}

/// # Errors
/// 409 when another route has the key.
fn check_unique(tx: &impl Read, api: &ApiKey, id: &str, key: &str) -> Result<usize> {
    let routes = ROUTES.all(tx, &Span::prefix(api))?;
    if routes.iter().any(|(row, route)| route.key == key && row.3 != id) {
        return Err(errors::conflict_exception(format!("Route with key {key} already exists for this API")));
    }
    Ok(routes.len())
}

pub(crate) async fn create_route(cx: Ctx, input: CreateRouteInput) -> Result<CreateRouteOutput> {
    not_honoured(
        "CreateRoute",
        &[
            ("ModelSelectionExpression", input.model_selection_expression.is_some()),
            ("RequestModels", input.request_models.is_some()),
        ],
    )?;
    let protocol = api::protocol(&cx, &input.api_id).await?;
    route::check_key(protocol, &input.route_key)?;
    let response_selection = input.route_response_selection_expression;
    route::check_response_selection(protocol, response_selection.as_deref())?;
    let given = Given {
        key: Some(input.route_key.clone()),
        target: input.target,
        authorization: input.authorization_type,
        authorizer: input.authorizer_id,
        scopes: input.authorization_scopes,
        operation_name: input.operation_name,
        response_selection,
        api_key_required: input.api_key_required,
        request_parameters: input.request_parameters.map(constraints),
    };
    let (change, id) = (Change::new(&cx.env), address::id(&cx.env, PART_ID_LENGTH));
    let route = cx
        .kv
        .transact(|tx| {
            let (api, _) = api::find(&cx, tx, &input.api_id)?;
            let route = given.over(tx, &api, None)?;
            check_access(protocol, &route)?;
            if check_unique(tx, &api, &id, &route.key)? >= ROUTES_MAX {
                return Err(too_many("routes"));
            }
            ROUTES.put(tx, &part(&api, &id), &route)?;
            changed(tx, &api, &change)?;
            Ok(route)
        })
        .await?;
    Ok(recast(route.shown(&id)))
}

pub(super) fn find(tx: &impl Read, api: &ApiKey, id: &str) -> Result<Route> {
    ROUTES.get(tx, &part(api, id))?.ok_or_else(|| no_part("Route", id))
}

pub(crate) async fn get_route(cx: Ctx, input: GetRouteInput) -> Result<GetRouteOutput> {
    let snapshot = cx.kv.snapshot().await?;
    let (api, _) = api::find(&cx, &snapshot, &input.api_id)?;
    Ok(recast(find(&snapshot, &api, &input.route_id)?.shown(&input.route_id)))
}

pub(crate) async fn get_routes(cx: Ctx, input: GetRoutesInput) -> Result<GetRoutesOutput> {
    let snapshot = cx.kv.snapshot().await?;
    let (api, _) = api::find(&cx, &snapshot, &input.api_id)?;
    let page = (input.max_results.as_deref(), input.next_token.as_deref());
    let (rows, next_token) =
        page::rows(&snapshot, &ROUTES, Span::prefix(&api), page, |id| part(&api, id), |key| &key.3)?;
    let items = rows.iter().map(|(key, route)| route.shown(&key.3)).collect();
    Ok(GetRoutesOutput { items: Some(items), next_token })
}

pub(crate) async fn update_route(cx: Ctx, input: UpdateRouteInput) -> Result<UpdateRouteOutput> {
    not_honoured(
        "UpdateRoute",
        &[
            ("ModelSelectionExpression", input.model_selection_expression.is_some()),
            ("RequestModels", input.request_models.is_some()),
        ],
    )?;
    let protocol = api::protocol(&cx, &input.api_id).await?;
    if let Some(key) = &input.route_key {
        route::check_key(protocol, key)?;
    }
    let response_selection = input.route_response_selection_expression;
    route::check_response_selection(protocol, response_selection.as_deref())?;
    let given = Given {
        key: input.route_key,
        target: input.target,
        authorization: input.authorization_type,
        authorizer: input.authorizer_id,
        scopes: input.authorization_scopes,
        operation_name: input.operation_name,
        response_selection,
        api_key_required: input.api_key_required,
        request_parameters: input.request_parameters.map(constraints),
    };
    let change = Change::new(&cx.env);
    let update = |tx: &mut Tx| {
        let (api, _) = api::find(&cx, tx, &input.api_id)?;
        let before = find(tx, &api, &input.route_id)?;
        let route = given.over(tx, &api, Some(&before))?;
        check_access(protocol, &route)?;
        check_unique(tx, &api, &input.route_id, &route.key)?;
        ROUTES.put(tx, &part(&api, &input.route_id), &route)?;
        changed(tx, &api, &change)?;
        Ok::<_, AwsError>(route)
    };
    let route = cx.kv.transact(update).await?;
    Ok(recast(route.shown(&input.route_id)))
}

pub(crate) async fn delete_route(cx: Ctx, input: DeleteRouteInput) -> Result<()> {
    let change = Change::new(&cx.env);
    cx.kv
        .transact(|tx| {
            let (api, _) = api::find(&cx, tx, &input.api_id)?;
            find(tx, &api, &input.route_id)?;
            ROUTES.delete(tx, &part(&api, &input.route_id))?;
            changed(tx, &api, &change)
        })
        .await
}

pub(crate) async fn delete_route_request_parameter(
    cx: Ctx,
    input: DeleteRouteRequestParameterInput,
) -> Result<()> {
    let change = Change::new(&cx.env);
    cx.kv
        .transact(|tx| {
            let (api, _) = api::find(&cx, tx, &input.api_id)?;
            let mut route = find(tx, &api, &input.route_id)?;
            let removed = route.request_parameters.remove(&input.request_parameter_key);
            removed.ok_or_else(|| no_part("RequestParameter", &input.request_parameter_key))?;
            ROUTES.put(tx, &part(&api, &input.route_id), &route)?;
            changed(tx, &api, &change)
        })
        .await
}
