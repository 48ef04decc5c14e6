//! Integrations of methods, and how their answers become the methods'.

use api_apigateway::{
    DeleteIntegrationInput, DeleteIntegrationResponseInput, GetIntegrationInput, GetIntegrationResponseInput,
    Integration as Shown, IntegrationResponse as ShownResponse, PutIntegrationInput,
    PutIntegrationResponseInput, UpdateIntegrationInput, UpdateIntegrationResponseInput, errors,
};
use aws_wire::{AwsError, Result};

use super::methods::{change, find, method_mut};
use crate::integration::{Integration, IntegrationResponse};
use crate::refusal::{no_part, not_honoured};
use crate::resource::Method;
use crate::{Ctx, patch};

fn integration_mut(method: &mut Method) -> Result<&mut Integration> {
    method.integration.as_mut().ok_or_else(|| no_part("Integration"))
}

pub(crate) async fn put_integration(cx: Ctx, input: PutIntegrationInput) -> Result<Shown> {
    let (api_id, resource_id) = (input.rest_api_id.clone(), input.resource_id.clone());
    let name = input.http_method.clone();
    let integration = Integration::check(input)?;
    change(&cx, (&api_id, &resource_id), |_, resource| {
        method_mut(resource, &name)?.integration = Some(integration.clone());
        Ok(())
    })
    .await?;
    Ok(integration.shown())
}

pub(crate) async fn get_integration(cx: Ctx, input: GetIntegrationInput) -> Result<Shown> {
    let method = find(&cx, &input.rest_api_id, &input.resource_id, &input.http_method).await?;
    Ok(method.integration.ok_or_else(|| no_part("Integration"))?.shown())
}

pub(crate) async fn update_integration(cx: Ctx, input: UpdateIntegrationInput) -> Result<Shown> {
    let patches = patch::read(input.patch_operations)?;
    let integration = change(&cx, (&input.rest_api_id, &input.resource_id), |_, resource| {
        let integration = integration_mut(method_mut(resource, &input.http_method)?)?;
        *integration = patches.iter().try_fold(integration.clone(), Integration::patch)?;
        Ok(integration.clone())
    })
    .await?;
    Ok(integration.shown())
}

pub(crate) async fn delete_integration(cx: Ctx, input: DeleteIntegrationInput) -> Result<()> {
    change(&cx, (&input.rest_api_id, &input.resource_id), |_, resource| {
        let method = method_mut(resource, &input.http_method)?;
        method.integration.take().map(drop).ok_or_else(|| no_part("Integration"))
    })
    .await
}

fn no_response() -> AwsError {
    errors::not_found_exception("Invalid Response status code specified")
}

pub(crate) async fn put_integration_response(
    cx: Ctx,
    input: PutIntegrationResponseInput,
) -> Result<ShownResponse> {
    not_honoured("PutIntegrationResponse", &[("contentHandling", input.content_handling.is_some())])?;
    let response = IntegrationResponse {
        pattern: input.selection_pattern,
        parameters: input.response_parameters.unwrap_or_default(),
        templates: input.response_templates.unwrap_or_default(),
    };
    let response = response.checked()?;
    change(&cx, (&input.rest_api_id, &input.resource_id), |_, resource| {
        let method = method_mut(resource, &input.http_method)?;
        let declared = method.responses.contains_key(&input.status_code);
        let integration = integration_mut(method)?;
        if !declared {
            return Err(no_response());
        }
        integration.responses.insert(input.status_code.clone(), response.clone());
        Ok(())
    })
    .await?;
    Ok(response.shown(&input.status_code))
}

pub(crate) async fn get_integration_response(
    cx: Ctx,
    input: GetIntegrationResponseInput,
) -> Result<ShownResponse> {
    let method = find(&cx, &input.rest_api_id, &input.resource_id, &input.http_method).await?;
    let integration = method.integration.ok_or_else(|| no_part("Integration"))?;
    let response = integration.responses.get(&input.status_code).ok_or_else(no_response)?;
    Ok(response.shown(&input.status_code))
}

pub(crate) async fn update_integration_response(
    cx: Ctx,
    input: UpdateIntegrationResponseInput,
) -> Result<ShownResponse> {
    let patches = patch::read(input.patch_operations)?;
    let response = change(&cx, (&input.rest_api_id, &input.resource_id), |_, resource| {
        let integration = integration_mut(method_mut(resource, &input.http_method)?)?;
        let response = integration.responses.get_mut(&input.status_code).ok_or_else(no_response)?;
        *response = patches.iter().try_fold(response.clone(), IntegrationResponse::patch)?;
        Ok(response.clone())
    })
    .await?;
    Ok(response.shown(&input.status_code))
}

pub(crate) async fn delete_integration_response(
    cx: Ctx,
    input: DeleteIntegrationResponseInput,
) -> Result<()> {
    change(&cx, (&input.rest_api_id, &input.resource_id), |_, resource| {
        let integration = integration_mut(method_mut(resource, &input.http_method)?)?;
        integration.responses.remove(&input.status_code).map(drop).ok_or_else(no_response)
    })
    .await
}
