//! Authorizers of an API.

use api_apigatewayv2::{
    CreateAuthorizerInput, CreateAuthorizerOutput, DeleteAuthorizerInput, GetAuthorizerInput,
    GetAuthorizerOutput, GetAuthorizersInput, GetAuthorizersOutput, ResetAuthorizersCacheInput,
    UpdateAuthorizerInput, UpdateAuthorizerOutput, errors,
};
use aws_wire::{AwsError, Result};
use execute_api::address;
use kv::{Read, Span};

use super::apis::{PART_ID_LENGTH, changed};
use super::recast;
use crate::authorizer::{Authorizer, Given};
use crate::deployment::Change;
use crate::keys::{AUTHORIZERS, ApiKey, ROUTES, STAGES, part};
use crate::refusal::{no_part, not_honoured, too_many};
use crate::{Ctx, api, page};

const AUTHORIZERS_MAX: usize = 10;

pub(crate) async fn create_authorizer(
    cx: Ctx,
    input: CreateAuthorizerInput,
) -> Result<CreateAuthorizerOutput> {
    let expression = input.identity_validation_expression.is_some();
    not_honoured("CreateAuthorizer", &[("IdentityValidationExpression", expression)])?;
    let given = Given {
        kind: Some(input.authorizer_type),
        name: Some(input.name),
        identity_sources: Some(input.identity_source),
        uri: input.authorizer_uri,
        role: input.authorizer_credentials_arn,
        payload_format: input.authorizer_payload_format_version,
        simple: input.enable_simple_responses,
        ttl_s: input.authorizer_result_ttl_in_seconds,
        jwt: input.jwt_configuration,
    };
    let protocol = api::protocol(&cx, &input.api_id).await?;
    let authorizer = Authorizer::check(given, None, protocol)?;
    let (change, id) = (Change::new(&cx.env), address::id(&cx.env, PART_ID_LENGTH - 1));
    cx.kv
        .transact(|tx| {
            let (api, _) = api::find(&cx, tx, &input.api_id)?;
            let all = AUTHORIZERS.all(tx, &Span::prefix(&api))?;
            if all.len() >= AUTHORIZERS_MAX {
                return Err(too_many("authorizers"));
            }
            if all.iter().any(|(_, other)| other.name == authorizer.name) {
                return Err(errors::bad_request_exception("Authorizer name must be unique"));
            }
            AUTHORIZERS.put(tx, &part(&api, &id), &authorizer)?;
            changed(tx, &api, &change)
        })
        .await?;
    Ok(recast(authorizer.shown(&id)))
}

fn find(tx: &impl Read, api: &ApiKey, id: &str) -> Result<Authorizer> {
    AUTHORIZERS.get(tx, &part(api, id))?.ok_or_else(|| no_part("Authorizer", id))
}

pub(crate) async fn get_authorizer(cx: Ctx, input: GetAuthorizerInput) -> Result<GetAuthorizerOutput> {
    let snapshot = cx.kv.snapshot().await?;
    let (api, _) = api::find(&cx, &snapshot, &input.api_id)?;
    Ok(recast(find(&snapshot, &api, &input.authorizer_id)?.shown(&input.authorizer_id)))
}

pub(crate) async fn get_authorizers(cx: Ctx, input: GetAuthorizersInput) -> Result<GetAuthorizersOutput> {
    let snapshot = cx.kv.snapshot().await?;
    let (api, _) = api::find(&cx, &snapshot, &input.api_id)?;
    let page = (input.max_results.as_deref(), input.next_token.as_deref());
    let (rows, next_token) =
        page::rows(&snapshot, &AUTHORIZERS, Span::prefix(&api), page, |id| part(&api, id), |key| &key.3)?;
    let items = rows.iter().map(|(key, authorizer)| authorizer.shown(&key.3)).collect();
    Ok(GetAuthorizersOutput { items: Some(items), next_token })
}

pub(crate) async fn update_authorizer(
    cx: Ctx,
    input: UpdateAuthorizerInput,
) -> Result<UpdateAuthorizerOutput> {
    let expression = input.identity_validation_expression.is_some();
    not_honoured("UpdateAuthorizer", &[("IdentityValidationExpression", expression)])?;
    let given = || Given {
        kind: input.authorizer_type,
        name: input.name.clone(),
        identity_sources: input.identity_source.clone(),
        uri: input.authorizer_uri.clone(),
        role: input.authorizer_credentials_arn.clone(),
        payload_format: input.authorizer_payload_format_version.clone(),
        simple: input.enable_simple_responses,
        ttl_s: input.authorizer_result_ttl_in_seconds,
        jwt: input.jwt_configuration.clone(),
    };
    let change = Change::new(&cx.env);
    let authorizer = cx
        .kv
        .transact(|tx| {
            let (api, record) = api::find(&cx, tx, &input.api_id)?;
            let before = find(tx, &api, &input.authorizer_id)?;
            let authorizer = Authorizer::check(given(), Some(&before), record.protocol())?;
            AUTHORIZERS.put(tx, &part(&api, &input.authorizer_id), &authorizer)?;
            changed(tx, &api, &change)?;
            Ok::<_, AwsError>(authorizer)
        })
        .await?;
    Ok(recast(authorizer.shown(&input.authorizer_id)))
}

pub(crate) async fn delete_authorizer(cx: Ctx, input: DeleteAuthorizerInput) -> Result<()> {
    let change = Change::new(&cx.env);
    cx.kv
        .transact(|tx| {
            let (api, _) = api::find(&cx, tx, &input.api_id)?;
            find(tx, &api, &input.authorizer_id)?;
            let used = ROUTES
                .all(tx, &Span::prefix(&api))?
                .into_iter()
                .find(|(_, route)| route.authorization.authorizer() == Some(input.authorizer_id.as_str()));
            if let Some((key, _)) = used {
                return Err(errors::conflict_exception(format!(
                    "Cannot delete authorizer '{}', is referenced in route: {}",
                    input.authorizer_id, key.3
                )));
            }
            AUTHORIZERS.delete(tx, &part(&api, &input.authorizer_id))?;
            changed(tx, &api, &change)
        })
        .await
}

pub(crate) async fn reset_authorizers_cache(cx: Ctx, input: ResetAuthorizersCacheInput) -> Result<()> {
    let snapshot = cx.kv.snapshot().await?;
    let (api, _) = api::find(&cx, &snapshot, &input.api_id)?;
    let stage = STAGES.get(&snapshot, &part(&api, &input.stage_name))?;
    stage.ok_or_else(|| no_part("stage", &input.stage_name))?;
    cx.state.verdicts.forget(&input.api_id, &input.stage_name);
    Ok(())
}
