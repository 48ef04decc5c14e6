//! Models of bodies, and validators of requests.

use api_apigateway::{
    CreateModelInput, CreateRequestValidatorInput, DeleteModelInput, DeleteRequestValidatorInput,
    GetModelInput, GetModelsInput, GetModelsOutput, GetRequestValidatorInput, GetRequestValidatorsInput,
    GetRequestValidatorsOutput, Model as Shown, RequestValidator, UpdateModelInput,
    UpdateRequestValidatorInput, errors,
};
use aws_wire::Result;
use execute_api::address;

use super::{ID_LENGTH, Part, list};
use crate::Ctx;
use crate::api::{self, FORMAT};
use crate::keys::{MODELS, VALIDATORS, part};
use crate::model::Model;
use crate::refusal::{bad_request, not_honoured};
use crate::validator::Validator;

pub(crate) async fn create_model(cx: Ctx, input: CreateModelInput) -> Result<Shown> {
    if input.name.is_empty() || !input.name.bytes().all(|letter| letter.is_ascii_alphanumeric()) {
        return Err(bad_request("Model name must be alphanumeric: ".to_owned() + &input.name));
    }
    let model = Model {
        format: FORMAT,
        id: address::id(&cx.env, ID_LENGTH),
        description: input.description,
        schema: input.schema,
        content_type: input.content_type,
    };
    let model = model.checked()?;
    cx.kv
        .transact(|tx| {
            let (api, _) = api::find(&cx, tx, &input.rest_api_id)?;
            if MODELS.get(tx, &part(&api, &input.name))?.is_some() {
                return Err(errors::conflict_exception("Model name already exists for this REST API"));
            }
            Ok(MODELS.put(tx, &part(&api, &input.name), &model)?)
        })
        .await?;
    Ok(model.shown(&input.name))
}

fn no_model(error: aws_wire::AwsError, name: &str) -> aws_wire::AwsError {
    match error.message.as_deref() {
        Some("Invalid Model identifier specified") => {
            errors::not_found_exception(format!("Invalid model name specified: {name}"))
        }
        _ => error,
    }
}

pub(crate) async fn get_model(cx: Ctx, input: GetModelInput) -> Result<Shown> {
    not_honoured("GetModel", &[("flatten", input.flatten == Some(true))])?;
    let id = &input.model_name;
    let found = Part { table: &MODELS, api_id: &input.rest_api_id, id, what: "Model" }.get(&cx).await;
    Ok(found.map_err(|error| no_model(error, id))?.shown(id))
}

pub(crate) async fn get_models(cx: Ctx, input: GetModelsInput) -> Result<GetModelsOutput> {
    let page = (input.limit, input.position.as_deref());
    let (rows, position) = list(&cx, &MODELS, &input.rest_api_id, page).await?;
    let items = rows.iter().map(|(key, model)| model.shown(&key.3)).collect();
    Ok(GetModelsOutput { items: Some(items), position })
}

pub(crate) async fn update_model(cx: Ctx, input: UpdateModelInput) -> Result<Shown> {
    let id = &input.model_name;
    let part = Part { table: &MODELS, api_id: &input.rest_api_id, id, what: "Model" };
    let changed = part.patch(&cx, input.patch_operations, Model::patch).await;
    Ok(changed.map_err(|error| no_model(error, id))?.shown(id))
}

pub(crate) async fn delete_model(cx: Ctx, input: DeleteModelInput) -> Result<()> {
    let id = &input.model_name;
    let deleted = Part { table: &MODELS, api_id: &input.rest_api_id, id, what: "Model" }.delete(&cx).await;
    deleted.map_err(|error| no_model(error, id))
}

pub(crate) async fn create_request_validator(
    cx: Ctx,
    input: CreateRequestValidatorInput,
) -> Result<RequestValidator> {
    let validator = Validator {
        format: FORMAT,
        name: input.name,
        body: input.validate_request_body.unwrap_or(false),
        parameters: input.validate_request_parameters.unwrap_or(false),
    };
    let id = address::id(&cx.env, ID_LENGTH);
    cx.kv
        .transact(|tx| {
            let (api, _) = api::find(&cx, tx, &input.rest_api_id)?;
            Ok::<_, aws_wire::AwsError>(VALIDATORS.put(tx, &part(&api, &id), &validator)?)
        })
        .await?;
    Ok(validator.shown(&id))
}

fn validator<'a>(api_id: &'a str, id: &'a str) -> Part<'a, Validator> {
    Part { table: &VALIDATORS, api_id, id, what: "Request Validator" }
}

pub(crate) async fn get_request_validator(
    cx: Ctx,
    input: GetRequestValidatorInput,
) -> Result<RequestValidator> {
    let id = &input.request_validator_id;
    Ok(validator(&input.rest_api_id, id).get(&cx).await?.shown(id))
}

pub(crate) async fn get_request_validators(
    cx: Ctx,
    input: GetRequestValidatorsInput,
) -> Result<GetRequestValidatorsOutput> {
    let page = (input.limit, input.position.as_deref());
    let (rows, position) = list(&cx, &VALIDATORS, &input.rest_api_id, page).await?;
    let items = rows.iter().map(|(key, validator)| validator.shown(&key.3)).collect();
    Ok(GetRequestValidatorsOutput { items: Some(items), position })
}

pub(crate) async fn update_request_validator(
    cx: Ctx,
    input: UpdateRequestValidatorInput,
) -> Result<RequestValidator> {
    let id = &input.request_validator_id;
    let changed = validator(&input.rest_api_id, id)
        .patch(&cx, input.patch_operations, |mut validator, patch| {
            validator.patch(patch)?;
            Ok(validator)
        })
        .await?;
    Ok(changed.shown(id))
}

pub(crate) async fn delete_request_validator(cx: Ctx, input: DeleteRequestValidatorInput) -> Result<()> {
    validator(&input.rest_api_id, &input.request_validator_id).delete(&cx).await
}
