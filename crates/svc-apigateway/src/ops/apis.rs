//! APIs themselves.

use std::collections::BTreeMap;

use api_apigateway::{
    ApiKeySourceType, CreateRestApiInput, DeleteRestApiInput, GetRestApiInput, GetRestApisInput,
    GetRestApisOutput, IpAddressType, RestApi as Shown, UpdateRestApiInput,
};
use aws_wire::{AwsError, Result};
use execute_api::address::{self, Kind};
use execute_api::domain;
use execute_api::owner::Owner;
use kv::{Read, Span};

use super::ID_LENGTH;
use crate::api::{self, FORMAT, RestApi};
use crate::keys::{
    APIS, AUTHORIZERS, DEPLOYMENTS, MODELS, OWNERS, RESOURCES, RESPONSES, RootKey, STAGES, VALIDATORS, part,
};
use crate::model::Model;
use crate::refusal::{bad_request, not_honoured};
use crate::resource::Resource;
use crate::{Ctx, page, patch, tags};

/// Models that every API begins with.
const MODELS_AT_FIRST: [(&str, &str, &str); 2] = [
    (
        "Empty",
        "This is a default empty schema model",
        "{\n  \"$schema\": \"http://json-schema.org/draft-04/schema#\",\n  \"title\" : \"Empty Schema\",\n  \"type\" : \"object\"\n}",
    ),
    (
        "Error",
        "This is a default error schema model",
        "{\n  \"$schema\" : \"http://json-schema.org/draft-04/schema#\",\n  \"title\" : \"Error Schema\",\n  \"type\" : \"object\",\n  \"properties\" : {\n    \"message\" : { \"type\" : \"string\" }\n  }\n}",
    ),
];

pub(super) fn models_at_first(new_id: impl Fn() -> String) -> [(&'static str, Model); 2] {
    MODELS_AT_FIRST.map(|(name, description, schema)| {
        let model = Model {
            format: FORMAT,
            id: new_id(),
            description: Some(description.to_owned()),
            schema: Some(schema.to_owned()),
            content_type: "application/json".to_owned(),
        };
        (name, model)
    })
}

pub(crate) async fn create_rest_api(cx: Ctx, input: CreateRestApiInput) -> Result<Shown> {
    let endpoint = input.endpoint_configuration;
    not_honoured(
        "CreateRestApi",
        &[
            ("cloneFrom", input.clone_from.is_some()),
            ("minimumCompressionSize", input.minimum_compression_size.is_some()),
            ("policy", input.policy.as_ref().is_some_and(|policy| !policy.is_empty())),
            ("securityPolicy", input.security_policy.is_some()),
            ("endpointAccessMode", input.endpoint_access_mode.is_some()),
            ("vpcEndpointIds", endpoint.as_ref().is_some_and(|endpoint| endpoint.vpc_endpoint_ids.is_some())),
        ],
    )?;
    let types = endpoint.as_ref().and_then(|endpoint| endpoint.types.as_ref());
    let endpoint_type = types.and_then(|types| types.first()).map_or("EDGE", |kind| kind.as_str());
    api::check_endpoint("CreateRestApi", endpoint_type)?;
    let tags = input.tags.unwrap_or_default();
    tags::check(&tags)?;
    let api = RestApi {
        format: FORMAT,
        name: input.name,
        description: input.description,
        version: input.version,
        binary_media_types: input.binary_media_types.unwrap_or_default(),
        keys_from_authorizer: input.api_key_source == Some(ApiKeySourceType::Authorizer),
        endpoint_type: endpoint_type.to_owned(),
        dual_stack: endpoint
            .is_some_and(|endpoint| endpoint.ip_address_type == Some(IpAddressType::Dualstack)),
        disable_execute_api_endpoint: input.disable_execute_api_endpoint.unwrap_or(false),
        root_id: address::id(&cx.env, 10),
        tags,
        created_us: cx.env.now().as_micros(),
    };
    let key = api::key(&cx, &Kind::Rest.new_id(&cx.env));
    let owner = Owner::of(&cx.caller);
    let root = Resource {
        format: FORMAT,
        parent_id: None,
        path_part: None,
        path: "/".to_owned(),
        methods: BTreeMap::new(),
    };
    let models = models_at_first(|| address::id(&cx.env, ID_LENGTH));
    cx.kv
        .transact(|tx| {
            OWNERS.put(tx, &key.2, &owner)?;
            APIS.put(tx, &key, &api)?;
            for (name, model) in &models {
                MODELS.put(tx, &part(&key, name), model)?;
            }
            Ok::<_, AwsError>(RESOURCES.put(tx, &part(&key, &api.root_id), &root)?)
        })
        .await?;
    Ok(api.shown(&key.2))
}

pub(crate) async fn get_rest_api(cx: Ctx, input: GetRestApiInput) -> Result<Shown> {
    let (key, api) = api::find(&cx, &cx.kv.snapshot().await?, &input.rest_api_id)?;
    Ok(api.shown(&key.2))
}

pub(crate) async fn get_rest_apis(cx: Ctx, input: GetRestApisInput) -> Result<GetRestApisOutput> {
    let (account, region) = (cx.caller.account.to_string(), cx.caller.region.to_string());
    let (rows, position) = page::rows(
        &cx.kv.snapshot().await?,
        &APIS,
        Span::prefix(&(account, region)),
        (input.limit, input.position.as_deref()),
        |id| api::key(&cx, id),
        |key| &key.2,
    )?;
    let items = rows.iter().map(|(key, api)| api.shown(&key.2)).collect();
    Ok(GetRestApisOutput { items: Some(items), position })
}

pub(crate) async fn update_rest_api(cx: Ctx, input: UpdateRestApiInput) -> Result<Shown> {
    let patches = patch::read(input.patch_operations)?;
    let (key, api) = cx
        .kv
        .transact(|tx| {
            let (key, mut api) = api::find(&cx, tx, &input.rest_api_id)?;
            patches.iter().try_for_each(|patch| api.patch(patch))?;
            APIS.put(tx, &key, &api)?;
            Ok::<_, AwsError>((key, api))
        })
        .await?;
    Ok(api.shown(&key.2))
}

/// # Errors
/// 400 where a custom domain leads to an API, or to one stage of it.
pub(super) fn check_unmapped(reader: &impl Read, key: &RootKey, stage: Option<&str>) -> Result<()> {
    let names = domain::leading_to(reader, key, stage)?;
    if names.is_empty() {
        return Ok(());
    }
    let (id, what) = (&key.2, stage.map_or("RestApi", |_| "Stage"));
    Err(bad_request(format!(
        "Deleting {what} {} failed. Please remove all base path mappings related to the {what} in your domains: {}",
        stage.unwrap_or(id),
        names.join(", ")
    )))
}

pub(crate) async fn delete_rest_api(cx: Ctx, input: DeleteRestApiInput) -> Result<()> {
    cx.kv
        .transact(|tx| {
            let (key, _) = api::find(&cx, tx, &input.rest_api_id)?;
            check_unmapped(tx, &key, None)?;
            let all = || Span::prefix(&key);
            RESOURCES.delete_all(tx, &all())?;
            DEPLOYMENTS.delete_all(tx, &all())?;
            STAGES.delete_all(tx, &all())?;
            AUTHORIZERS.delete_all(tx, &all())?;
            MODELS.delete_all(tx, &all())?;
            VALIDATORS.delete_all(tx, &all())?;
            RESPONSES.delete_all(tx, &all())?;
            OWNERS.delete(tx, &key.2)?;
            Ok::<_, AwsError>(APIS.delete(tx, &key)?)
        })
        .await
}
