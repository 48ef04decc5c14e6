//! Authorizers of an API.

use api_apigateway::{
    Authorizer as Shown, CreateAuthorizerInput, DeleteAuthorizerInput, FlushStageAuthorizersCacheInput,
    GetAuthorizerInput, GetAuthorizersInput, GetAuthorizersOutput, UpdateAuthorizerInput, errors,
};
use aws_wire::Result;
use execute_api::address;
use kv::Span;

use super::{ID_LENGTH, Part, list};
use crate::Ctx;
use crate::api::{self, FORMAT};
use crate::authorizer::Authorizer;
use crate::keys::{AUTHORIZERS, RESOURCES, STAGES, part};
use crate::refusal::{bad_request, too_many};

const AUTHORIZERS_MAX: usize = 10;

pub(crate) async fn create_authorizer(cx: Ctx, input: CreateAuthorizerInput) -> Result<Shown> {
    let api_id = input.rest_api_id.clone();
    let authorizer = Authorizer::check(input, FORMAT)?;
    let id = address::id(&cx.env, ID_LENGTH);
    cx.kv
        .transact(|tx| {
            let (api, _) = api::find(&cx, tx, &api_id)?;
            let all = AUTHORIZERS.all(tx, &Span::prefix(&api))?;
            if all.len() >= AUTHORIZERS_MAX {
                return Err(too_many("authorizers"));
            }
            if all.iter().any(|(_, other)| other.name == authorizer.name) {
                return Err(bad_request(
                    "Authorizer name must be unique. Authorizer with this name already exists",
                ));
            }
            Ok(AUTHORIZERS.put(tx, &part(&api, &id), &authorizer)?)
        })
        .await?;
    Ok(authorizer.shown(&id))
}

pub(crate) async fn get_authorizer(cx: Ctx, input: GetAuthorizerInput) -> Result<Shown> {
    let id = &input.authorizer_id;
    Ok(Part { table: &AUTHORIZERS, api_id: &input.rest_api_id, id, what: "Authorizer" }
        .get(&cx)
        .await?
        .shown(id))
}

pub(crate) async fn get_authorizers(cx: Ctx, input: GetAuthorizersInput) -> Result<GetAuthorizersOutput> {
    let page = (input.limit, input.position.as_deref());
    let (rows, position) = list(&cx, &AUTHORIZERS, &input.rest_api_id, page).await?;
    let items = rows.iter().map(|(key, authorizer)| authorizer.shown(&key.3)).collect();
    Ok(GetAuthorizersOutput { items: Some(items), position })
}

pub(crate) async fn update_authorizer(cx: Ctx, input: UpdateAuthorizerInput) -> Result<Shown> {
    let id = &input.authorizer_id;
    let part = Part { table: &AUTHORIZERS, api_id: &input.rest_api_id, id, what: "Authorizer" };
    Ok(part.patch(&cx, input.patch_operations, Authorizer::patch).await?.shown(id))
}

pub(crate) async fn delete_authorizer(cx: Ctx, input: DeleteAuthorizerInput) -> Result<()> {
    let id = &input.authorizer_id;
    let authorizer = Part { table: &AUTHORIZERS, api_id: &input.rest_api_id, id, what: "Authorizer" };
    cx.kv
        .transact(|tx| {
            let (api, _) = authorizer.find(&cx, tx)?;
            let resources = RESOURCES.all(tx, &Span::prefix(&api))?;
            let mut methods = resources.iter().flat_map(|(_, resource)| resource.methods.values());
            if methods.any(|method| method.authorizer_id.as_ref() == Some(id)) {
                return Err(errors::conflict_exception(
                    "Cannot delete authorizer, it is referenced by a method of this API",
                ));
            }
            Ok(AUTHORIZERS.delete(tx, &part(&api, id))?)
        })
        .await
}

pub(crate) async fn flush_stage_authorizers_cache(
    cx: Ctx,
    input: FlushStageAuthorizersCacheInput,
) -> Result<()> {
    let id = &input.stage_name;
    Part { table: &STAGES, api_id: &input.rest_api_id, id, what: "Stage" }.get(&cx).await?;
    cx.state.verdicts.forget(&input.rest_api_id, id);
    Ok(())
}
