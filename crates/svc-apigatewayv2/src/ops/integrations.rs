//! Integrations of an API.

use api_apigatewayv2::{
    ConnectionType, CreateIntegrationInput, CreateIntegrationOutput, DeleteIntegrationInput,
    GetIntegrationInput, GetIntegrationOutput, GetIntegrationsInput, GetIntegrationsOutput,
    UpdateIntegrationInput, UpdateIntegrationOutput, errors,
};
use aws_wire::{AwsError, Result};
use execute_api::address;
use kv::{Read, Span};

use super::apis::{PART_ID_LENGTH, changed};
use super::recast;
use crate::deployment::Change;
use crate::integration::{Given, Integration};
use crate::keys::{ApiKey, INTEGRATIONS, ROUTES, part};
use crate::refusal::{no_part, not_honoured, too_many};
use crate::{Ctx, api, page};

const INTEGRATIONS_MAX: usize = 300;

pub(crate) async fn create_integration(
    cx: Ctx,
    input: CreateIntegrationInput,
) -> Result<CreateIntegrationOutput> {
    not_honoured(
        "CreateIntegration",
        &[
            ("ConnectionId", input.connection_id.is_some()),
            ("ConnectionType", input.connection_type == Some(ConnectionType::VpcLink)),
            ("ContentHandlingStrategy", input.content_handling_strategy.is_some()),
            ("IntegrationSubtype", input.integration_subtype.is_some()),
            ("TlsConfig", input.tls_config.is_some()),
        ],
    )?;
    let given = Given {
        kind: Some(input.integration_type),
        uri: input.integration_uri,
        method: input.integration_method,
        payload_format: input.payload_format_version,
        timeout_ms: input.timeout_in_millis,
        credentials: input.credentials_arn,
        description: input.description,
        request_parameters: input.request_parameters,
        response_parameters: input.response_parameters,
        templates: input.request_templates,
        template_selection: input.template_selection_expression,
        passthrough: input.passthrough_behavior,
    };
    let protocol = api::protocol(&cx, &input.api_id).await?;
    let integration = Integration::check(given, None, protocol, "CreateIntegration")?;
    let (change, id) = (Change::new(&cx.env), address::id(&cx.env, PART_ID_LENGTH));
    cx.kv
        .transact(|tx| {
            let (api, _) = api::find(&cx, tx, &input.api_id)?;
            if INTEGRATIONS.all(tx, &Span::prefix(&api))?.len() >= INTEGRATIONS_MAX {
                return Err(too_many("integrations"));
            }
            INTEGRATIONS.put(tx, &part(&api, &id), &integration)?;
            changed(tx, &api, &change)
        })
        .await?;
    Ok(recast(integration.shown(&id)))
}

pub(super) fn find(tx: &impl Read, api: &ApiKey, id: &str) -> Result<Integration> {
    INTEGRATIONS.get(tx, &part(api, id))?.ok_or_else(|| no_part("Integration", id))
}

pub(crate) async fn get_integration(cx: Ctx, input: GetIntegrationInput) -> Result<GetIntegrationOutput> {
    let snapshot = cx.kv.snapshot().await?;
    let (api, _) = api::find(&cx, &snapshot, &input.api_id)?;
    Ok(recast(find(&snapshot, &api, &input.integration_id)?.shown(&input.integration_id)))
}

pub(crate) async fn get_integrations(cx: Ctx, input: GetIntegrationsInput) -> Result<GetIntegrationsOutput> {
    let snapshot = cx.kv.snapshot().await?;
    let (api, _) = api::find(&cx, &snapshot, &input.api_id)?;
    let page = (input.max_results.as_deref(), input.next_token.as_deref());
    let (rows, next_token) =
        page::rows(&snapshot, &INTEGRATIONS, Span::prefix(&api), page, |id| part(&api, id), |key| &key.3)?;
    let items = rows.iter().map(|(key, one)| one.shown(&key.3)).collect();
    Ok(GetIntegrationsOutput { items: Some(items), next_token })
}

pub(crate) async fn update_integration(
    cx: Ctx,
    input: UpdateIntegrationInput,
) -> Result<UpdateIntegrationOutput> {
    not_honoured(
        "UpdateIntegration",
        &[
            ("ConnectionId", input.connection_id.is_some()),
            ("ConnectionType", input.connection_type == Some(ConnectionType::VpcLink)),
            ("ContentHandlingStrategy", input.content_handling_strategy.is_some()),
            ("IntegrationSubtype", input.integration_subtype.is_some()),
            ("TlsConfig", input.tls_config.is_some()),
        ],
    )?;
    let given = Given {
        kind: input.integration_type,
        uri: input.integration_uri,
        method: input.integration_method,
        payload_format: input.payload_format_version,
        timeout_ms: input.timeout_in_millis,
        credentials: input.credentials_arn,
        description: input.description,
        request_parameters: input.request_parameters,
        response_parameters: input.response_parameters,
        templates: input.request_templates,
        template_selection: input.template_selection_expression,
        passthrough: input.passthrough_behavior,
    };
    let change = Change::new(&cx.env);
    let integration = cx
        .kv
        .transact(|tx| {
            let (api, record) = api::find(&cx, tx, &input.api_id)?;
            let before = find(tx, &api, &input.integration_id)?;
            let protocol = record.protocol();
            let integration =
                Integration::check(given.clone(), Some(&before), protocol, "UpdateIntegration")?;
            INTEGRATIONS.put(tx, &part(&api, &input.integration_id), &integration)?;
            changed(tx, &api, &change)?;
            Ok::<_, AwsError>(integration)
        })
        .await?;
    Ok(recast(integration.shown(&input.integration_id)))
}

pub(crate) async fn delete_integration(cx: Ctx, input: DeleteIntegrationInput) -> Result<()> {
    let change = Change::new(&cx.env);
    cx.kv
        .transact(|tx| {
            let (api, _) = api::find(&cx, tx, &input.api_id)?;
            find(tx, &api, &input.integration_id)?;
            let routes = ROUTES.all(tx, &Span::prefix(&api))?;
            if let Some((key, _)) =
                routes.iter().find(|(_, route)| route.integration.as_ref() == Some(&input.integration_id))
            {
                return Err(errors::conflict_exception(format!(
                    "Cannot delete Integration '{}' because it is referenced by the following Routes: [{}]",
                    input.integration_id, key.3
                )));
            }
            INTEGRATIONS.delete(tx, &part(&api, &input.integration_id))?;
            changed(tx, &api, &change)
        })
        .await
}
