//! Methods of resources, and the responses that they declare.

use api_apigateway::{
    DeleteMethodInput, DeleteMethodResponseInput, GetMethodInput, GetMethodResponseInput, Method as Shown,
    MethodResponse as ShownResponse, PutMethodInput, PutMethodResponseInput, UpdateMethodInput,
    UpdateMethodResponseInput, errors,
};
use aws_wire::{AwsError, Result};
use kv::Read;

use super::Part;
use crate::Ctx;
use crate::keys::{AUTHORIZERS, RESOURCES, RootKey, VALIDATORS, part};
use crate::patch;
use crate::refusal::{bad_request, no_part};
use crate::resource::{Method, MethodResponse, Resource, check_parameters};

const METHODS: [&str; 8] = ["ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];

/// Changes a resource in one transaction.
pub(super) async fn change<T>(
    cx: &Ctx,
    (api_id, resource_id): (&str, &str),
    change: impl Fn(&dyn Fn(&Method) -> Result<()>, &mut Resource) -> Result<T>,
) -> Result<T> {
    let resource = Part { table: &RESOURCES, api_id, id: resource_id, what: "Resource" };
    cx.kv
        .transact(|tx| {
            let (api, mut found) = resource.find(cx, tx)?;
            let changed = change(&|method| check(tx, &api, method), &mut found)?;
            RESOURCES.put(tx, &part(&api, resource_id), &found)?;
            Ok::<_, AwsError>(changed)
        })
        .await
}

/// # Errors
/// 400 where a method refers to what is not there.
fn check(reader: &impl Read, api: &RootKey, method: &Method) -> Result<()> {
    match method.authorization.as_str() {
        "NONE" | "AWS_IAM" => {}
        kind @ ("CUSTOM" | "COGNITO_USER_POOLS") => {
            let authorizer = method.authorizer_id.as_ref().map(|id| AUTHORIZERS.get(reader, &part(api, id)));
            let authorizer = authorizer.transpose()?.flatten();
            let fits = authorizer.is_some_and(|one| one.pools.is_empty() == (kind == "CUSTOM"));
            if !fits {
                return Err(bad_request(
                    "Invalid authorizer ID specified. Setting the authorization type to CUSTOM or COGNITO_USER_POOLS \
                     requires a valid authorizer.",
                ));
            }
        }
        _ => {
            return Err(bad_request(
                "Invalid Authorization type specified. Must be one of: [AWS_IAM, NONE, CUSTOM, COGNITO_USER_POOLS]",
            ));
        }
    }
    if !method.scopes.is_empty() && method.authorization != "COGNITO_USER_POOLS" {
        return Err(bad_request(
            "Authorization Scopes are only supported for methods with authorization type COGNITO_USER_POOLS",
        ));
    }
    if let Some(id) = &method.validator_id
        && VALIDATORS.get(reader, &part(api, id))?.is_none()
    {
        return Err(bad_request("Invalid Request Validator identifier specified"));
    }
    check_parameters(&method.request_parameters)
}

/// # Errors
/// 404 without it.
pub(super) fn method_mut<'a>(resource: &'a mut Resource, name: &str) -> Result<&'a mut Method> {
    resource.methods.get_mut(name).ok_or_else(|| no_part("Method"))
}

pub(super) async fn find(cx: &Ctx, api_id: &str, resource_id: &str, name: &str) -> Result<Method> {
    let resource = Part { table: &RESOURCES, api_id, id: resource_id, what: "Resource" }.get(cx).await?;
    resource.methods.get(name).cloned().ok_or_else(|| no_part("Method"))
}

pub(crate) async fn put_method(cx: Ctx, input: PutMethodInput) -> Result<Shown> {
    let name = input.http_method;
    if !METHODS.contains(&name.as_str()) {
        return Err(bad_request(
            "Invalid HttpMethod specified. Valid options are GET,PUT,POST,DELETE,PATCH,OPTIONS,HEAD,ANY",
        ));
    }
    let method = Method {
        authorization: input.authorization_type,
        authorizer_id: input.authorizer_id,
        scopes: input.authorization_scopes.unwrap_or_default(),
        api_key_required: input.api_key_required.unwrap_or(false),
        operation_name: input.operation_name,
        request_parameters: input.request_parameters.unwrap_or_default(),
        request_models: input.request_models.unwrap_or_default(),
        validator_id: input.request_validator_id,
        ..Method::default()
    };
    change(&cx, (&input.rest_api_id, &input.resource_id), |check, resource| {
        if resource.methods.contains_key(&name) {
            return Err(errors::conflict_exception("Method already exists for this resource"));
        }
        check(&method)?;
        resource.methods.insert(name.clone(), method.clone());
        Ok(())
    })
    .await?;
    Ok(method.shown(&name))
}

pub(crate) async fn get_method(cx: Ctx, input: GetMethodInput) -> Result<Shown> {
    let method = find(&cx, &input.rest_api_id, &input.resource_id, &input.http_method).await?;
    Ok(method.shown(&input.http_method))
}

pub(crate) async fn update_method(cx: Ctx, input: UpdateMethodInput) -> Result<Shown> {
    let patches = patch::read(input.patch_operations)?;
    let method = change(&cx, (&input.rest_api_id, &input.resource_id), |check, resource| {
        let method = method_mut(resource, &input.http_method)?;
        patches.iter().try_for_each(|patch| method.patch(patch))?;
        check(method)?;
        Ok(method.clone())
    })
    .await?;
    Ok(method.shown(&input.http_method))
}

pub(crate) async fn delete_method(cx: Ctx, input: DeleteMethodInput) -> Result<()> {
    change(&cx, (&input.rest_api_id, &input.resource_id), |_, resource| {
        resource.methods.remove(&input.http_method).map(drop).ok_or_else(|| no_part("Method"))
    })
    .await
}

fn no_response() -> AwsError {
    errors::not_found_exception("Invalid Response status code specified")
}

pub(crate) async fn put_method_response(cx: Ctx, input: PutMethodResponseInput) -> Result<ShownResponse> {
    let response = MethodResponse {
        parameters: input.response_parameters.unwrap_or_default(),
        models: input.response_models.unwrap_or_default(),
    };
    change(&cx, (&input.rest_api_id, &input.resource_id), |_, resource| {
        let method = method_mut(resource, &input.http_method)?;
        if method.responses.contains_key(&input.status_code) {
            return Err(errors::conflict_exception("Response already exists for this resource"));
        }
        method.responses.insert(input.status_code.clone(), response.clone());
        Ok(())
    })
    .await?;
    Ok(response.shown(&input.status_code))
}

pub(crate) async fn get_method_response(cx: Ctx, input: GetMethodResponseInput) -> Result<ShownResponse> {
    let method = find(&cx, &input.rest_api_id, &input.resource_id, &input.http_method).await?;
    let response = method.responses.get(&input.status_code).ok_or_else(no_response)?;
    Ok(response.shown(&input.status_code))
}

pub(crate) async fn update_method_response(
    cx: Ctx,
    input: UpdateMethodResponseInput,
) -> Result<ShownResponse> {
    let patches = patch::read(input.patch_operations)?;
    let response = change(&cx, (&input.rest_api_id, &input.resource_id), |_, resource| {
        let method = method_mut(resource, &input.http_method)?;
        let response = method.responses.get_mut(&input.status_code).ok_or_else(no_response)?;
        patches.iter().try_for_each(|patch| response.patch(patch))?;
        Ok(response.clone())
    })
    .await?;
    Ok(response.shown(&input.status_code))
}

pub(crate) async fn delete_method_response(cx: Ctx, input: DeleteMethodResponseInput) -> Result<()> {
    change(&cx, (&input.rest_api_id, &input.resource_id), |_, resource| {
        let method = method_mut(resource, &input.http_method)?;
        method.responses.remove(&input.status_code).map(drop).ok_or_else(no_response)
    })
    .await
}
