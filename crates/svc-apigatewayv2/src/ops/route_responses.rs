//! Responses of a route: that its senders hear what is behind it.

use api_apigatewayv2::{
    CreateRouteResponseInput, CreateRouteResponseOutput, DeleteRouteResponseInput, GetRouteResponseInput,
    GetRouteResponseOutput, GetRouteResponsesInput, GetRouteResponsesOutput, ProtocolType,
    UpdateRouteResponseInput, UpdateRouteResponseOutput, errors,
};
use aws_wire::{AwsError, Result};
use execute_api::address;
use kv::{Read, Tx};

use super::apis::{PART_ID_LENGTH, changed};
use super::{recast, routes};
use crate::deployment::Change;
use crate::keys::{ApiKey, ROUTES, part};
use crate::refusal::{bad_request, no_part, not_honoured};
use crate::route::{DEFAULT, Route, RouteResponse};
use crate::{Ctx, api};

pub(crate) async fn create_route_response(
    cx: Ctx,
    input: CreateRouteResponseInput,
) -> Result<CreateRouteResponseOutput> {
    not_honoured(
        "CreateRouteResponse",
        &[
            ("ModelSelectionExpression", input.model_selection_expression.is_some()),
            ("ResponseModels", input.response_models.is_some()),
            ("ResponseParameters", input.response_parameters.is_some()),
        ],
    )?;
    let response = RouteResponse { key: checked(input.route_response_key)? };
    let (change, id) = (Change::new(&cx.env), address::id(&cx.env, PART_ID_LENGTH));
    let create = |tx: &mut Tx| {
        let (api, mut route) = find_route(&cx, tx, &input.api_id, &input.route_id)?;
        if !route.responses.is_empty() {
            return Err(errors::conflict_exception(format!(
                "Route response with key {DEFAULT} already exists for route {}",
                input.route_id
            )));
        }
        route.responses.insert(id.clone(), response.clone());
        ROUTES.put(tx, &part(&api, &input.route_id), &route)?;
        changed(tx, &api, &change)
    };
    cx.kv.transact(create).await?;
    Ok(recast(response.shown(&id)))
}

/// There is one answer, so there is one key.
fn checked(key: String) -> Result<String> {
    if key == DEFAULT { Ok(key) } else { Err(bad_request("Only $default is supported as RouteResponseKey")) }
}

fn find_route(cx: &Ctx, reader: &impl Read, api_id: &str, route_id: &str) -> Result<(ApiKey, Route)> {
    let (api, record) = api::find(cx, reader, api_id)?;
    if record.protocol() == ProtocolType::Http {
        return Err(bad_request("Route responses are not supported on protocolType HTTP"));
    }
    let route = routes::find(reader, &api, route_id)?;
    Ok((api, route))
}

fn find<'a>(route: &'a mut Route, id: &str) -> Result<&'a mut RouteResponse> {
    route.responses.get_mut(id).ok_or_else(|| no_part("RouteResponse", id))
}

pub(crate) async fn get_route_response(
    cx: Ctx,
    input: GetRouteResponseInput,
) -> Result<GetRouteResponseOutput> {
    let (_, mut route) = find_route(&cx, &cx.kv.snapshot().await?, &input.api_id, &input.route_id)?;
    let id = &input.route_response_id;
    Ok(recast(find(&mut route, id)?.shown(id)))
}

/// A route has one at most, so there are no pages.
pub(crate) async fn get_route_responses(
    cx: Ctx,
    input: GetRouteResponsesInput,
) -> Result<GetRouteResponsesOutput> {
    let (_, route) = find_route(&cx, &cx.kv.snapshot().await?, &input.api_id, &input.route_id)?;
    let items = route.responses.iter().map(|(id, response)| response.shown(id)).collect();
    Ok(GetRouteResponsesOutput { items: Some(items), next_token: None })
}

pub(crate) async fn update_route_response(
    cx: Ctx,
    input: UpdateRouteResponseInput,
) -> Result<UpdateRouteResponseOutput> {
    not_honoured(
        "UpdateRouteResponse",
        &[
            ("ModelSelectionExpression", input.model_selection_expression.is_some()),
            ("ResponseModels", input.response_models.is_some()),
            ("ResponseParameters", input.response_parameters.is_some()),
        ],
    )?;
    if let Some(key) = input.route_response_key {
        checked(key)?;
    }
    let (_, mut route) = find_route(&cx, &cx.kv.snapshot().await?, &input.api_id, &input.route_id)?;
    let id = &input.route_response_id;
    Ok(recast(find(&mut route, id)?.shown(id)))
}

pub(crate) async fn delete_route_response(cx: Ctx, input: DeleteRouteResponseInput) -> Result<()> {
    let change = Change::new(&cx.env);
    cx.kv
        .transact(|tx| {
            let (api, mut route) = find_route(&cx, tx, &input.api_id, &input.route_id)?;
            let id = &input.route_response_id;
            route.responses.remove(id).ok_or_else(|| no_part("RouteResponse", id))?;
            ROUTES.put(tx, &part(&api, &input.route_id), &route)?;
            changed(tx, &api, &change)?;
            Ok::<_, AwsError>(())
        })
        .await
}
