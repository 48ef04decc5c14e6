//! What an API changes of the gateway's own answers.

use api_apigateway::{
    DeleteGatewayResponseInput, GatewayResponse as Shown, GatewayResponseType, GetGatewayResponseInput,
    GetGatewayResponsesInput, GetGatewayResponsesOutput, PutGatewayResponseInput, UpdateGatewayResponseInput,
};
use aws_wire::{AwsError, Result};
use kv::Span;

use super::Part;
use crate::Ctx;
use crate::api::{self, FORMAT};
use crate::gateway_response::{GatewayResponse, TYPES, usual};
use crate::keys::{RESPONSES, part};
use crate::patch;

pub(crate) async fn put_gateway_response(cx: Ctx, input: PutGatewayResponseInput) -> Result<Shown> {
    let response = GatewayResponse {
        format: FORMAT,
        status: input.status_code,
        parameters: input.response_parameters.unwrap_or_default(),
        templates: input.response_templates.unwrap_or_default(),
    };
    let response = response.checked()?;
    cx.kv
        .transact(|tx| {
            let (api, _) = api::find(&cx, tx, &input.rest_api_id)?;
            Ok::<_, AwsError>(RESPONSES.put(tx, &part(&api, input.response_type.as_str()), &response)?)
        })
        .await?;
    Ok(response.shown(input.response_type))
}

pub(crate) async fn get_gateway_response(cx: Ctx, input: GetGatewayResponseInput) -> Result<Shown> {
    let snapshot = cx.kv.snapshot().await?;
    let (api, _) = api::find(&cx, &snapshot, &input.rest_api_id)?;
    let found = RESPONSES.get(&snapshot, &part(&api, input.response_type.as_str()))?;
    Ok(found.map_or_else(|| usual(input.response_type), |response| response.shown(input.response_type)))
}

/// All of them on one page: there are no more than there are types.
pub(crate) async fn get_gateway_responses(
    cx: Ctx,
    input: GetGatewayResponsesInput,
) -> Result<GetGatewayResponsesOutput> {
    let snapshot = cx.kv.snapshot().await?;
    let (api, _) = api::find(&cx, &snapshot, &input.rest_api_id)?;
    let own = RESPONSES.all(&snapshot, &Span::prefix(&api))?;
    let shown = |kind: GatewayResponseType| {
        let found = own.iter().find(|(key, _)| key.3 == kind.as_str());
        found.map_or_else(|| usual(kind), |(_, response)| response.shown(kind))
    };
    let items = TYPES.iter().map(|(kind, ..)| shown(*kind)).collect();
    Ok(GetGatewayResponsesOutput { items: Some(items), position: None })
}

pub(crate) async fn update_gateway_response(cx: Ctx, input: UpdateGatewayResponseInput) -> Result<Shown> {
    let patches = patch::read(input.patch_operations)?;
    let kind = input.response_type;
    let response = cx
        .kv
        .transact(|tx| {
            let (api, _) = api::find(&cx, tx, &input.rest_api_id)?;
            let key = part(&api, kind.as_str());
            let found = RESPONSES.get(tx, &key)?;
            let found =
                found.unwrap_or_else(|| GatewayResponse { format: FORMAT, ..GatewayResponse::default() });
            let changed = patches.iter().try_fold(found, GatewayResponse::patch)?;
            RESPONSES.put(tx, &key, &changed)?;
            Ok::<_, AwsError>(changed)
        })
        .await?;
    Ok(response.shown(kind))
}

pub(crate) async fn delete_gateway_response(cx: Ctx, input: DeleteGatewayResponseInput) -> Result<()> {
    let id = input.response_type.as_str();
    Part { table: &RESPONSES, api_id: &input.rest_api_id, id, what: "Gateway response type" }
        .delete(&cx)
        .await
}
