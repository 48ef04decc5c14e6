//! The road of a request to a REST API: find the API, its stage and the method, check who asks and what, ask what is
//! behind it.

mod access;
mod behind;
mod expression;
mod plans;
mod proxy;
mod refuse;
mod templated;
mod validation;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use api_apigateway::GatewayResponseType as Kind;
use aws_auth::Scope;
use aws_wire::rest::insert_header;
use aws_wire::{Request, Response, Result};
use execute_api::address::{self, Address};
use execute_api::{BODY_BYTES_MAX, SIGNING_NAME, answer};
use http_event::{Arrival, format_1, parts};
use serde_json::{Map, Value as Json};
use service::{Caller, Pending, Site, Visit};

use crate::api::RestApi;
use crate::deployment::Deployment;
use crate::keys::{DEPLOYMENTS, RootKey, part};
use crate::resource::{self, Method, Resource};
use crate::stage::Stage;
use crate::{Ctx, RestApis};

use access::Access;
use refuse::Refusal;

/// Every REST API, by host and by path.
pub(crate) struct RestApiSite(pub Arc<RestApis>);

impl Site for RestApiSite {
    fn claims(&self, request: &Request) -> bool {
        Address::of(request, &self.0.front.domains)
            .is_some_and(|address| address::Kind::of(&address.id) == address::Kind::Rest)
    }

    fn body_bytes_max(&self) -> usize {
        BODY_BYTES_MAX
    }

    fn signed_for(&self) -> Option<&'static str> {
        Some(SIGNING_NAME)
    }

    fn answer(&self, cx: service::Ctx, visit: Visit) -> Pending<Response> {
        let cx = cx.with_state(Arc::clone(&self.0));
        Box::pin(async move {
            let mut response = serve(&cx, &visit).await.unwrap_or_else(|error| {
                tracing::error!(request_id = &*cx.request_id, cause = ?error.cause, "a REST API failed");
                answer::message(500, "Internal server error")
            });
            insert_header(&mut response.headers, "x-amzn-requestid", &cx.request_id);
            insert_header(&mut response.headers, "x-amz-apigw-id", &parts::short_id(&cx.request_id));
            response
        })
    }
}

/// What a request was found to be for.
struct Found {
    key: RootKey,
    stage_name: String,
    /// As the canary has it, where that serves the request.
    stage: Arc<Stage>,
    /// Whether it does, where there is one.
    canary: Option<bool>,
    deployment: Arc<Deployment>,
    /// Percent-encoded, without the stage.
    path: String,
}

/// A request on its way through a method.
pub(crate) struct Passage<'a> {
    pub request: &'a Request,
    /// Who signed for the API, and with which key, if anybody did.
    pub signer: Option<(Caller, String)>,
    pub api: &'a RootKey,
    pub stage_name: &'a str,
    pub variables: &'a BTreeMap<String, String>,
    /// Whether the stage's canary serves it, where there is one.
    pub canary: Option<bool>,
    pub deployment_id: &'a str,
    pub deployment: &'a Deployment,
    pub resource_id: &'a str,
    pub resource: &'a Resource,
    /// Such as `GET`, or `ANY`.
    pub method_name: &'a str,
    pub method: &'a Method,
    /// Percent-encoded, as all paths here.
    pub path_parameters: BTreeMap<String, String>,
    /// Without the stage.
    pub path: &'a str,
    /// As functions see it, without the stage and with it.
    pub seen: Seen,
    pub arrival: Arrival<'a>,
    pub access: Access,
}

/// A request's path as its function sees it.
pub(crate) struct Seen {
    pub path: String,
    pub stage_path: String,
}

impl Seen {
    /// By a custom domain both are what the client wrote, with the mapping's path and, where that has no stage, the
    /// stage: as several libraries for functions work around (serverless-express 216, aws-lambda-go-api-proxy 82), and
    /// as LocalStack measured it (issue 12295).
    fn of(address: &Address, stage_name: &str, path: &str) -> Self {
        match &address.mapped {
            Some(mapped) => Self { path: mapped.path.clone(), stage_path: mapped.path.clone() },
            None => Self { path: path.to_owned(), stage_path: format!("/{stage_name}{path}") },
        }
    }
}

impl Passage<'_> {
    /// As the policies of functions are asked about it.
    pub(crate) fn source_arn(&self) -> String {
        let (account, region, id) = self.api;
        let method = if self.method_name == "ANY" { "*" } else { self.method_name };
        format!(
            "arn:aws:execute-api:{region}:{account}:{id}/{}/{method}{}",
            self.stage_name, self.resource.path
        )
    }

    /// As the policies of authorizers are asked about it.
    pub(crate) fn method_arn(&self) -> String {
        let (account, region, id) = self.api;
        let method = &self.request.method;
        format!("arn:aws:execute-api:{region}:{account}:{id}/{}/{method}{}", self.stage_name, self.path)
    }

    pub(crate) fn route(&self) -> format_1::Route<'_> {
        format_1::Route {
            account: &self.api.0,
            api_id: &self.api.2,
            resource: &self.resource.path,
            resource_id: self.resource_id,
            stage: self.stage_name,
            path: &self.seen.path,
            stage_path: &self.seen.stage_path,
            path_parameters: &self.path_parameters,
            stage_variables: self.variables,
            authorizer: self.access.authorizer.clone().map(Json::Object),
            identity: self.access.identity.clone(),
            deployment_id: Some(self.deployment_id),
        }
    }

    /// `$context` of templates.
    pub(crate) fn context(&self) -> Json {
        let mut context = format_1::context(self.request, &self.route(), &self.arrival);
        if let Some(canary) = self.canary {
            context["isCanaryRequest"] = canary.into();
        }
        context
    }
}

async fn serve(cx: &Ctx, visit: &Visit) -> Result<Response> {
    let forbidden = || {
        let mut response = answer::message(403, "Forbidden");
        insert_header(&mut response.headers, "x-amzn-errortype", "ForbiddenException");
        response
    };
    let Some(address) = Address::of(&visit.request, &cx.state.front.domains) else { return Ok(forbidden()) };
    let Some(found) = find(cx, &address).await? else { return Ok(forbidden()) };
    let cx = &cx.as_caller(Caller::root(&found.key.0, &found.key.1));
    let trace_id = execute_api::trace_id(visit.request.header("x-amzn-trace-id"), &cx.env);
    let arrival = Arrival {
        domain_name: &address.domain_name,
        request_id: &cx.request_id,
        trace_id: &trace_id,
        port: address::port(&visit.request),
        peer: visit.peer,
        now: cx.env.now(),
    };
    let name = visit.request.method.as_str();
    let chosen = resource::choose(&found.deployment.resources, &found.path);
    let method = chosen.as_ref().and_then(|(_, resource, _)| resource.method(name));
    let (Some((resource_id, resource, path_parameters)), Some((method_name, method))) = (chosen, method)
    else {
        let refusal = Refusal::of(Kind::MissingAuthenticationToken);
        return Ok(refusal.answer(&found.deployment.responses, &nowhere(&found, &visit.request, &arrival)));
    };
    let mut passage = Passage {
        request: &visit.request,
        signer: signer(visit),
        api: &found.key,
        stage_name: &found.stage_name,
        variables: &found.stage.variables,
        canary: found.canary,
        deployment_id: &found.stage.deployment,
        deployment: &found.deployment,
        resource_id,
        resource,
        method_name,
        method,
        path_parameters,
        path: &found.path,
        seen: Seen::of(&address, &found.stage_name, &found.path),
        arrival,
        access: Access::default(),
    };
    Ok(match pass(cx, &mut passage, &found.stage).await? {
        Ok(response) => response,
        Err(refusal) => refusal.answer(&found.deployment.responses, &passage.context()),
    })
}

/// Lets a request through, step by step.
async fn pass(cx: &Ctx, passage: &mut Passage<'_>, stage: &Stage) -> Result<Result<Response, Refusal>> {
    match access::check(cx, passage).await {
        Ok(access) => passage.access = access,
        Err(refusal) => return Ok(Err(refusal)),
    }
    if passage.method.api_key_required
        && let Err(refusal) = Box::pin(plans::admit(cx, passage)).await?
    {
        return Ok(Err(refusal));
    }
    let counted =
        format!("{}/{}{}/{}", passage.api.2, passage.stage_name, passage.resource.path, passage.method_name);
    let limit = stage.limit(&passage.resource.path, passage.method_name);
    if limit.is_some_and(|limit| !cx.state.throttle.admits(&counted, limit, cx.env.monotonic())) {
        return Ok(Err(Refusal::of(Kind::Throttled)));
    }
    Ok(run(cx, passage).await)
}

/// Checks what is asked and asks what is behind the method, for whoever may.
pub(crate) async fn run(cx: &Ctx, passage: &Passage<'_>) -> Result<Response, Refusal> {
    validation::check(passage)?;
    let integration =
        passage.method.integration.as_ref().ok_or_else(|| Refusal::of(Kind::ApiConfigurationError))?;
    match integration.kind.as_str() {
        "AWS_PROXY" => proxy::function(cx, passage, integration).await,
        "HTTP_PROXY" => Box::pin(proxy::server(cx, passage, integration)).await,
        _ => Box::pin(templated::ask(cx, passage, integration)).await,
    }
}

/// `$context` of a request that no method is for.
fn nowhere(found: &Found, request: &Request, arrival: &Arrival<'_>) -> Json {
    let none = BTreeMap::new();
    let route = format_1::Route {
        account: &found.key.0,
        api_id: &found.key.2,
        resource: "",
        resource_id: "",
        stage: &found.stage_name,
        path: &found.path,
        stage_path: &found.path,
        path_parameters: &none,
        stage_variables: &none,
        authorizer: None,
        identity: Map::new(),
        deployment_id: Some(&found.stage.deployment),
    };
    format_1::context(request, &route, arrival)
}

fn signer(visit: &Visit) -> Option<(Caller, String)> {
    let scope = Scope::of(&visit.request).filter(|scope| scope.service == SIGNING_NAME)?;
    Some((visit.caller.as_ref().ok()?.clone(), scope.access_key_id))
}

async fn find(cx: &Ctx, address: &Address) -> Result<Option<Found>> {
    let snapshot = cx.kv.snapshot().await?;
    let known = &cx.state.known;
    let Some(owner) = known.owners.get(&snapshot, &address.id)? else { return Ok(None) };
    let key = owner.key(&address.id);
    let is_open = |api: &RestApi| address.mapped.is_some() || !api.disable_execute_api_endpoint;
    if !known.apis.get(&snapshot, &key)?.is_some_and(|api| is_open(&api)) {
        return Ok(None);
    }
    let mapped = address.mapped.as_ref().and_then(|mapped| mapped.stage.as_deref());
    let (stage_name, path) = match mapped {
        Some(stage_name) => (stage_name, address.path.as_str()),
        None => address::split(address.path.strip_prefix('/').unwrap_or_default()),
    };
    let Some(mut stage) = known.stages.get(&snapshot, &part(&key, stage_name))? else { return Ok(None) };
    let canary = Stage::choose(&mut stage, &cx.env);
    let deployment = cx.state.deployed.get(&snapshot, &DEPLOYMENTS, part(&key, &stage.deployment))?;
    let path = if path.is_empty() { "/" } else { path }.to_owned();
    let stage_name = stage_name.to_owned();
    Ok(deployment.map(|deployment| Found { key, stage_name, stage, canary, deployment, path }))
}

/// The address of whoever tests a method, which nobody came from.
pub(crate) const TESTER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// Nobody checks who tests a method.
pub(crate) fn access_of_tester() -> Access {
    Access::default()
}
