//! Responses of an integration: what becomes of its answers, of WebSocket APIs alone.

use std::collections::BTreeMap;

use api_apigatewayv2::{
    CreateIntegrationResponseInput, CreateIntegrationResponseOutput, DeleteIntegrationResponseInput,
    GetIntegrationResponseInput, GetIntegrationResponseOutput, GetIntegrationResponsesInput,
    GetIntegrationResponsesOutput, IntegrationResponse as Shown, ProtocolType,
    UpdateIntegrationResponseInput, UpdateIntegrationResponseOutput, errors,
};
use aws_wire::{AwsError, Result};
use execute_api::address;
use kv::{Read, Tx};

use super::apis::{PART_ID_LENGTH, changed};
use super::{integrations, recast};
use crate::deployment::Change;
use crate::integration::{Integration, IntegrationResponse, check_response};
use crate::keys::{ApiKey, INTEGRATIONS, part};
use crate::refusal::{bad_request, no_part, not_honoured, too_many};
use crate::{Ctx, api};

const RESPONSES_MAX: usize = 50;

type Responses = BTreeMap<String, IntegrationResponse>;

fn shown(id: &str, response: &IntegrationResponse) -> Shown {
    let some = |map: &BTreeMap<String, String>| Some(map.clone()).filter(|map| !map.is_empty());
    Shown {
        content_handling_strategy: None,
        integration_response_id: Some(id.to_owned()),
        integration_response_key: response.key.clone(),
        response_parameters: some(&response.parameters),
        response_templates: some(&response.templates),
        template_selection_expression: response.selection.clone(),
    }
}

fn find_integration(cx: &Ctx, reader: &impl Read, api_id: &str, id: &str) -> Result<(ApiKey, Integration)> {
    let (api, record) = api::find(cx, reader, api_id)?;
    if record.protocol() == ProtocolType::Http {
        return Err(bad_request("Integration responses are not supported on protocolType HTTP"));
    }
    let integration = integrations::find(reader, &api, id)?;
    Ok((api, integration))
}

fn no_response(id: &str) -> AwsError {
    no_part("IntegrationResponse", id)
}

/// Changes an integration's responses.
async fn change<T>(
    cx: &Ctx,
    api_id: &str,
    id: &str,
    change: impl Fn(&mut Responses) -> Result<T>,
) -> Result<T> {
    let deployed = Change::new(&cx.env);
    cx.kv
        .transact(|tx: &mut Tx| {
            let (api, mut integration) = find_integration(cx, tx, api_id, id)?;
            let done = change(&mut integration.templated.get_or_insert_default().responses)?;
            INTEGRATIONS.put(tx, &part(&api, id), &integration)?;
            changed(tx, &api, &deployed)?;
            Ok::<_, AwsError>(done)
        })
        .await
}

/// # Errors
/// 409 where another response has the key.
fn check_unique(responses: &Responses, id: &str, key: &str) -> Result<()> {
    if responses.iter().any(|(known, response)| known != id && response.key == key) {
        return Err(errors::conflict_exception(format!(
            "Integration response with key {key} already exists for this integration"
        )));
    }
    Ok(())
}

pub(crate) async fn create_integration_response(
    cx: Ctx,
    input: CreateIntegrationResponseInput,
) -> Result<CreateIntegrationResponseOutput> {
    let handling = input.content_handling_strategy.is_some();
    not_honoured("CreateIntegrationResponse", &[("ContentHandlingStrategy", handling)])?;
    let response = IntegrationResponse {
        key: input.integration_response_key,
        parameters: input.response_parameters.unwrap_or_default(),
        templates: input.response_templates.unwrap_or_default(),
        selection: input.template_selection_expression,
    };
    check_response(&response)?;
    let id = address::id(&cx.env, PART_ID_LENGTH);
    let put = |responses: &mut Responses| {
        check_unique(responses, &id, &response.key)?;
        if responses.len() >= RESPONSES_MAX {
            return Err(too_many("integration responses"));
        }
        responses.insert(id.clone(), response.clone());
        Ok(())
    };
    change(&cx, &input.api_id, &input.integration_id, put).await?;
    Ok(recast(shown(&id, &response)))
}

pub(crate) async fn get_integration_response(
    cx: Ctx,
    input: GetIntegrationResponseInput,
) -> Result<GetIntegrationResponseOutput> {
    let snapshot = cx.kv.snapshot().await?;
    let (_, integration) = find_integration(&cx, &snapshot, &input.api_id, &input.integration_id)?;
    let responses = integration.templated.unwrap_or_default().responses;
    let id = &input.integration_response_id;
    Ok(recast(shown(id, responses.get(id).ok_or_else(|| no_response(id))?)))
}

/// There are few, so there are no pages.
pub(crate) async fn get_integration_responses(
    cx: Ctx,
    input: GetIntegrationResponsesInput,
) -> Result<GetIntegrationResponsesOutput> {
    let snapshot = cx.kv.snapshot().await?;
    let (_, integration) = find_integration(&cx, &snapshot, &input.api_id, &input.integration_id)?;
    let responses = integration.templated.unwrap_or_default().responses;
    let items = responses.iter().map(|(id, response)| shown(id, response)).collect();
    Ok(GetIntegrationResponsesOutput { items: Some(items), next_token: None })
}

pub(crate) async fn update_integration_response(
    cx: Ctx,
    input: UpdateIntegrationResponseInput,
) -> Result<UpdateIntegrationResponseOutput> {
    let handling = input.content_handling_strategy.is_some();
    not_honoured("UpdateIntegrationResponse", &[("ContentHandlingStrategy", handling)])?;
    let id = &input.integration_response_id;
    let put = |responses: &mut Responses| {
        let mut response = responses.get(id).ok_or_else(|| no_response(id))?.clone();
        if let Some(key) = &input.integration_response_key {
            response.key.clone_from(key);
        }
        response.parameters.extend(input.response_parameters.clone().unwrap_or_default());
        response.parameters.retain(|_, value| !value.is_empty());
        response.templates.extend(input.response_templates.clone().unwrap_or_default());
        response.templates.retain(|_, template| !template.is_empty());
        if input.template_selection_expression.is_some() {
            response.selection.clone_from(&input.template_selection_expression);
        }
        check_response(&response)?;
        check_unique(responses, id, &response.key)?;
        responses.insert(id.clone(), response.clone());
        Ok(response)
    };
    let response = change(&cx, &input.api_id, &input.integration_id, put).await?;
    Ok(recast(shown(id, &response)))
}

pub(crate) async fn delete_integration_response(
    cx: Ctx,
    input: DeleteIntegrationResponseInput,
) -> Result<()> {
    let id = &input.integration_response_id;
    let remove = |responses: &mut Responses| responses.remove(id).map(drop).ok_or_else(|| no_response(id));
    change(&cx, &input.api_id, &input.integration_id, remove).await
}
