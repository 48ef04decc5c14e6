//! APIs themselves, with quick create, which makes one that serves at once.

use std::collections::BTreeMap;

use api_apigatewayv2::{
    CreateApiInput, CreateApiOutput, DeleteApiInput, DeleteCorsConfigurationInput, GetApiInput, GetApiOutput,
    GetApisInput, GetApisOutput, IntegrationType, IpAddressType, ProtocolType, UpdateApiInput,
    UpdateApiOutput,
};
use aws_wire::{AwsError, Result};
use execute_api::address::{self, Kind};
use execute_api::owner::Owner;
use execute_api::throttle::Limits;
use execute_api::{domain, function};
use kv::{Read, Span, Tx};

use super::recast;
use crate::api::{self, Api, FORMAT};
use crate::cors::Cors;
use crate::deployment::{self, Change};
use crate::integration::{Given, Integration};
use crate::keys::{APIS, AUTHORIZERS, ApiKey, DEPLOYMENTS, INTEGRATIONS, OWNERS, ROUTES, STAGES, part};
use crate::refusal::{bad_request, not_honoured};
use crate::route::{self, Authorization, DEFAULT, Route};
use crate::stage::Stage;
use crate::websocket::selection;
use crate::{Ctx, page, tags};

/// Letters of the ids of routes, integrations and authorizers.
pub(crate) const PART_ID_LENGTH: usize = 7;

pub(crate) async fn create_api(cx: Ctx, input: CreateApiInput) -> Result<CreateApiOutput> {
    let expressions = Expressions {
        route: input.route_selection_expression.as_deref(),
        key: input.api_key_selection_expression.as_deref(),
        no_validation: input.disable_schema_validation,
    };
    let keys_from_authorizer = expressions.check(input.protocol_type, "CreateApi")?;
    let route_selection = match input.protocol_type {
        ProtocolType::Http => None,
        ProtocolType::Websocket => {
            let missing =
                || bad_request("RouteSelectionExpression is a required parameter for WEBSOCKET protocolType");
            let beside =
                input.target.is_some() || input.route_key.is_some() || input.credentials_arn.is_some();
            if beside {
                return Err(bad_request("Quick create is not supported on protocolType WEBSOCKET"));
            }
            Some(input.route_selection_expression.clone().ok_or_else(missing)?)
        }
    };
    check_cors(input.cors_configuration.is_some(), input.protocol_type)?;
    let quick = QuickCreate::check(&cx, &input)?;
    let tags = input.tags.unwrap_or_default();
    tags::check(&tags)?;
    let change = Change::new(&cx.env);
    let api = Api {
        format: FORMAT,
        name: input.name,
        description: input.description,
        version: input.version,
        cors: input.cors_configuration.map(Cors::check).transpose()?,
        route_selection,
        keys_from_authorizer: keys_from_authorizer.unwrap_or_default(),
        disable_execute_api_endpoint: input.disable_execute_api_endpoint.unwrap_or(false),
        dual_stack: input.ip_address_type == Some(IpAddressType::Dualstack),
        tags,
        created_us: change.now.as_micros(),
    };
    let key = api::key(&cx, &Kind::Http.new_id(&cx.env));
    let owner = Owner::of(&cx.caller);
    cx.kv
        .transact(|tx| {
            OWNERS.put(tx, &key.2, &owner)?;
            APIS.put(tx, &key, &api)?;
            match &quick {
                Some(quick) => quick.put(tx, &key, &change),
                None => Ok(()),
            }
        })
        .await?;
    Ok(recast(api.shown(&key, &cx.host)))
}

/// A target, with all that it takes to serve it: an integration, a route, a stage that deploys by itself.
struct QuickCreate {
    integration: (String, Integration),
    route: (String, Route),
}

impl QuickCreate {
    fn check(cx: &Ctx, input: &CreateApiInput) -> Result<Option<Self>> {
        let Some(target) = &input.target else {
            return if input.route_key.is_some() || input.credentials_arn.is_some() {
                Err(bad_request("Target must be specified when routeKey or credentialsArn is specified"))
            } else {
                Ok(None)
            };
        };
        let is_function = function::arn_of_uri(target).is_some();
        let given = Given {
            kind: Some(if is_function { IntegrationType::AwsProxy } else { IntegrationType::HttpProxy }),
            uri: Some(target.clone()),
            method: (!is_function).then(|| "ANY".to_owned()),
            payload_format: Some(if is_function { "2.0" } else { "1.0" }.to_owned()),
            credentials: input.credentials_arn.clone(),
            ..Given::default()
        };
        let integration = Integration {
            managed: true,
            ..Integration::check(given, None, ProtocolType::Http, "CreateApi")?
        };
        let key = input.route_key.clone().unwrap_or_else(|| DEFAULT.to_owned());
        route::check_key(ProtocolType::Http, &key)?;
        let integration_id = address::id(&cx.env, PART_ID_LENGTH);
        let route = Route {
            format: FORMAT,
            key,
            integration: Some(integration_id.clone()),
            authorization: Authorization::Nobody,
            operation_name: None,
            managed: true,
            response_selection: None,
            responses: BTreeMap::new(),
            api_key_required: false,
            request_parameters: BTreeMap::new(),
        };
        Ok(Some(Self {
            integration: (integration_id, integration),
            route: (address::id(&cx.env, PART_ID_LENGTH), route),
        }))
    }

    fn put(&self, tx: &mut Tx, api: &ApiKey, change: &Change) -> Result<()> {
        INTEGRATIONS.put(tx, &part(api, &self.integration.0), &self.integration.1)?;
        ROUTES.put(tx, &part(api, &self.route.0), &self.route.1)?;
        let stage = Stage {
            format: FORMAT,
            description: None,
            deployment: None,
            auto_deploy: true,
            variables: BTreeMap::new(),
            limits: Limits::default(),
            route_limits: BTreeMap::new(),
            tags: BTreeMap::new(),
            managed: true,
            created_us: change.now.as_micros(),
            updated_us: change.now.as_micros(),
        };
        STAGES.put(tx, &part(api, DEFAULT), &stage)?;
        change.deploy(tx, api)
    }
}

/// How an API reads requests.
struct Expressions<'a> {
    route: Option<&'a str>,
    key: Option<&'a str>,
    no_validation: Option<bool>,
}

impl Expressions<'_> {
    /// Where keys come from, if that is given.
    fn check(&self, protocol: ProtocolType, operation: &str) -> Result<Option<bool>> {
        let keys = self.key.map(api::keys_from_authorizer);
        if protocol == ProtocolType::Websocket {
            if self.route.is_some_and(|expression| !selection::is_expression(expression)) {
                return Err(bad_request("Invalid route selection expression specified"));
            }
            if keys == Some(None) {
                return Err(bad_request("Invalid API Key selection expression specified"));
            }
            not_honoured(operation, &[("DisableSchemaValidation", self.no_validation == Some(true))])?;
            return Ok(keys.flatten());
        }
        if self.route.is_some_and(|expression| !api::is_route_selection(expression)) {
            return Err(bad_request(
                "RouteSelectionExpression must be ${request.method} ${request.path} for HTTP protocol",
            ));
        }
        if keys.is_some_and(|keys| keys != Some(false)) {
            return Err(bad_request("ApiKeySelectionExpression is not supported on protocolType HTTP"));
        }
        if self.no_validation == Some(true) {
            return Err(bad_request("DisableSchemaValidation is not supported on protocolType HTTP"));
        }
        Ok(None)
    }
}

fn check_cors(is_given: bool, protocol: ProtocolType) -> Result<()> {
    if is_given && protocol == ProtocolType::Websocket {
        return Err(bad_request("CORS configuration is not supported on protocolType WEBSOCKET"));
    }
    Ok(())
}

pub(crate) async fn get_api(cx: Ctx, input: GetApiInput) -> Result<GetApiOutput> {
    let (key, api) = api::find(&cx, &cx.kv.snapshot().await?, &input.api_id)?;
    Ok(recast(api.shown(&key, &cx.host)))
}

pub(crate) async fn get_apis(cx: Ctx, input: GetApisInput) -> Result<GetApisOutput> {
    let (account, region) = (cx.caller.account.to_string(), cx.caller.region.to_string());
    let (rows, next_token) = page::rows(
        &cx.kv.snapshot().await?,
        &APIS,
        Span::prefix(&(account, region)),
        (input.max_results.as_deref(), input.next_token.as_deref()),
        |id| api::key(&cx, id),
        |key| &key.2,
    )?;
    let items = rows.iter().map(|(key, api)| api.shown(key, &cx.host)).collect();
    Ok(GetApisOutput { items: Some(items), next_token })
}

pub(crate) async fn update_api(cx: Ctx, input: UpdateApiInput) -> Result<UpdateApiOutput> {
    not_honoured(
        "UpdateApi",
        &[
            ("Target", input.target.is_some()),
            ("RouteKey", input.route_key.is_some()),
            ("CredentialsArn", input.credentials_arn.is_some()),
        ],
    )?;
    let expressions = Expressions {
        route: input.route_selection_expression.as_deref(),
        key: input.api_key_selection_expression.as_deref(),
        no_validation: input.disable_schema_validation,
    };
    let has_cors = input.cors_configuration.is_some();
    let cors = input.cors_configuration.map(Cors::check).transpose()?;
    let (key, api) = cx
        .kv
        .transact(|tx| {
            let (key, mut api) = api::find(&cx, tx, &input.api_id)?;
            let keys_from_authorizer = expressions.check(api.protocol(), "UpdateApi")?;
            api.keys_from_authorizer = keys_from_authorizer.unwrap_or(api.keys_from_authorizer);
            check_cors(has_cors, api.protocol())?;
            if let Some(expression) = expressions.route.filter(|_| api.route_selection.is_some()) {
                api.route_selection = Some(expression.to_owned());
            }
            if let Some(name) = &input.name {
                api.name.clone_from(name);
            }
            if input.description.is_some() {
                api.description.clone_from(&input.description);
            }
            if input.version.is_some() {
                api.version.clone_from(&input.version);
            }
            if cors.is_some() {
                api.cors.clone_from(&cors);
            }
            if let Some(disable) = input.disable_execute_api_endpoint {
                api.disable_execute_api_endpoint = disable;
            }
            if let Some(kind) = input.ip_address_type {
                api.dual_stack = kind == IpAddressType::Dualstack;
            }
            APIS.put(tx, &key, &api)?;
            Ok::<_, AwsError>((key, api))
        })
        .await?;
    Ok(recast(api.shown(&key, &cx.host)))
}

pub(crate) async fn delete_cors_configuration(cx: Ctx, input: DeleteCorsConfigurationInput) -> Result<()> {
    cx.kv
        .transact(|tx| {
            let (key, api) = api::find(&cx, tx, &input.api_id)?;
            Ok(APIS.put(tx, &key, &Api { cors: None, ..api })?)
        })
        .await
}

/// # Errors
/// 400 where a custom domain leads to an API, or to one stage of it.
pub(super) fn check_unmapped(reader: &impl Read, key: &ApiKey, stage: Option<&str>) -> Result<()> {
    let names = domain::leading_to(reader, key, stage)?;
    if names.is_empty() {
        return Ok(());
    }
    let (id, what) = (&key.2, stage.map_or("API", |_| "Stage"));
    Err(bad_request(format!(
        "Deleting {what} {} failed. Please remove all API mappings related to the {what} in your domains: {}",
        stage.unwrap_or(id),
        names.join(", ")
    )))
}

pub(crate) async fn delete_api(cx: Ctx, input: DeleteApiInput) -> Result<()> {
    cx.kv
        .transact(|tx| {
            let (key, _) = api::find(&cx, tx, &input.api_id)?;
            check_unmapped(tx, &key, None)?;
            let all = || Span::prefix(&key);
            ROUTES.delete_all(tx, &all())?;
            INTEGRATIONS.delete_all(tx, &all())?;
            AUTHORIZERS.delete_all(tx, &all())?;
            STAGES.delete_all(tx, &all())?;
            DEPLOYMENTS.delete_all(tx, &all())?;
            OWNERS.delete(tx, &key.2)?;
            Ok::<_, AwsError>(APIS.delete(tx, &key)?)
        })
        .await?;
    cx.state.connections.close_all(|connection| connection.api.2 == input.api_id);
    Ok(())
}

/// Deploys a change of something in an API where its stages want that, and forgets what is not served any more.
pub(super) fn changed(tx: &mut Tx, api: &ApiKey, change: &Change) -> Result<()> {
    change.deploy(tx, api)?;
    deployment::forget_unserved(tx, api)
}
