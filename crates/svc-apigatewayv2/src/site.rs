//! The road of a request to an HTTP API: find the API and its stage, answer browsers, choose the route, check who asks,
//! ask what is behind it. From where the API is found to be a WebSocket API, `websocket.rs` goes on.

pub(crate) mod access;
pub(crate) mod server;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api_apigatewayv2::ProtocolType;
use aws_wire::rest::insert_header;
use aws_wire::{Response, Result};
use execute_api::address::{self, Address, Kind};
use execute_api::function::{self, Call, Failure};
use execute_api::{BODY_BYTES_MAX, SIGNING_NAME, answer};
use http_event::answer::{self as functions, Head};
use http_event::{Arrival, format_1, format_2, parts};
use serde_json::{Map, Value as Json};
use service::{Caller, Pending, Site, Visit};

use crate::api::Api;
use crate::authorizer::Sight;
use crate::deployment::Deployment;
use crate::integration::{self, Integration};
use crate::keys::{ApiKey, DEPLOYMENTS, part};
use crate::route::{self, DEFAULT, Route};
use crate::stage::Stage;
use crate::{Ctx, HttpApis, cors, management, websocket};

/// Every HTTP API, by host and by path.
pub(crate) struct HttpApiSite(pub Arc<HttpApis>);

impl Site for HttpApiSite {
    fn claims(&self, request: &aws_wire::Request) -> bool {
        let ours =
            |address: &Address| Kind::of(&address.id) == Kind::Http && !management::is_connections(address);
        Address::of(request, &self.0.front.domains).as_ref().is_some_and(ours)
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
            let request_id = parts::short_id(&cx.request_id);
            let mut response = serve(&cx, &visit).await.unwrap_or_else(|error| {
                tracing::error!(request_id = &*cx.request_id, cause = ?error.cause, "an HTTP API failed");
                internal()
            });
            insert_header(&mut response.headers, "apigw-requestid", &request_id);
            response
        })
    }
}

/// What a request was found to be for.
pub(crate) struct Found {
    pub key: ApiKey,
    pub api: Arc<Api>,
    pub stage_name: String,
    pub stage: Arc<Stage>,
    pub deployment: Arc<Deployment>,
    /// Percent-encoded, without the stage.
    pub path: String,
}

/// A request on its way to its integration.
struct Passage<'a> {
    visit: &'a Visit,
    found: &'a Found,
    route: &'a Route,
    path_parameters: BTreeMap<String, String>,
    /// As the function sees it: decoded, and with the stage unless that is `$default`.
    path: String,
    /// The same in format 1.0, which has the mapping's path of a custom domain and not the stage.
    path_1: String,
    arrival: Arrival<'a>,
}

async fn serve(cx: &Ctx, visit: &Visit) -> Result<Response> {
    let Some(address) = Address::of(&visit.request, &cx.state.front.domains) else { return Ok(not_found()) };
    let Some(found) = find(cx, &address).await? else {
        // AWS tells those who would speak WebSocket no more than that.
        let forbidden = || answer::message(403, "Forbidden");
        return Ok(if visit.take_upgrade().is_some() { forbidden() } else { not_found() });
    };
    let cx = &cx.as_caller(Caller::root(&found.key.0, &found.key.1));
    if found.api.protocol() == ProtocolType::Websocket {
        return Box::pin(websocket::connect(cx, visit, found)).await;
    }
    if let Some(cors) = found.api.cors.as_ref().filter(|_| cors::is_preflight(&visit.request)) {
        let mut response = Response::empty(204);
        cors.preflight(&visit.request, &mut response.headers);
        return Ok(response);
    }
    let mut response = route(cx, visit, &address, &found).await?;
    if let Some(cors) = &found.api.cors {
        cors.allow(visit.request.header("origin"), &mut response.headers);
    }
    Ok(response)
}

async fn find(cx: &Ctx, address: &Address) -> Result<Option<Found>> {
    let snapshot = cx.kv.snapshot().await?;
    let known = &cx.state.known;
    let Some(owner) = known.owners.get(&snapshot, &address.id)? else { return Ok(None) };
    let key = owner.key(&address.id);
    let is_open = |api: &Api| address.mapped.is_some() || !api.disable_execute_api_endpoint;
    let Some(api) = known.apis.get(&snapshot, &key)?.filter(|api| is_open(api)) else { return Ok(None) };
    let path = address.path.as_str();
    let mapped = address.mapped.as_ref().and_then(|mapped| mapped.stage.as_deref());
    let (first, rest) = address::split(path.strip_prefix('/').unwrap_or_default());
    // A mapping says which stage it is; else the path may, if there is one of that name.
    let candidates = match mapped {
        Some(name) => vec![(name, path)],
        None if first == DEFAULT || first.is_empty() => vec![(DEFAULT, path)],
        None => vec![(first, if rest.is_empty() { "/" } else { rest }), (DEFAULT, path)],
    };
    let mut found = None;
    for (name, path) in candidates {
        if found.is_none() {
            found =
                known.stages.get(&snapshot, &part(&key, name))?.map(|stage| (name.to_owned(), stage, path));
        }
    }
    let Some((stage_name, stage, path)) = found else { return Ok(None) };
    let Some(id) = &stage.deployment else { return Ok(None) };
    let deployment = cx.state.deployed.get(&snapshot, &DEPLOYMENTS, part(&key, id))?;
    let path = path.to_owned();
    Ok(deployment.map(|deployment| Found { key, api, stage_name, stage, deployment, path }))
}

async fn route(cx: &Ctx, visit: &Visit, address: &Address, found: &Found) -> Result<Response> {
    let method = visit.request.method.as_str();
    let chosen = route::choose(found.deployment.routes.values(), method, &found.path);
    let Some((route, path_parameters)) = chosen else { return Ok(not_found()) };
    let counted = format!("{}/{}/{}", address.id, found.stage_name, route.key);
    let limit = found.stage.limit(&route.key);
    if limit.is_some_and(|limit| !cx.state.throttle.admits(&counted, limit, cx.env.monotonic())) {
        return Ok(answer::message(429, "Too Many Requests"));
    }
    let path = parts::decoded(&found.path);
    let path = if found.stage_name == DEFAULT { path } else { format!("/{}{path}", found.stage_name) };
    // AWS's page on payload formats tells users of 2.0, whose path has the stage and no mapping, to take 1.0 for that.
    let path_1 = address.mapped.as_ref().map_or_else(|| path.clone(), |mapped| parts::decoded(&mapped.path));
    let request_id = parts::short_id(&cx.request_id);
    let trace_id = execute_api::trace_id(visit.request.header("x-amzn-trace-id"), &cx.env);
    let passage = Passage {
        visit,
        found,
        route,
        path_parameters,
        path,
        path_1,
        arrival: Arrival {
            domain_name: &address.domain_name,
            request_id: &request_id,
            trace_id: &trace_id,
            port: address::port(&visit.request),
            peer: visit.peer,
            now: cx.env.now(),
        },
    };
    let access = match access::check(cx, &passage).await? {
        Ok(access) => access,
        Err(refused) => return Ok(refused),
    };
    let integration = route.integration.as_ref().and_then(|id| found.deployment.integrations.get(id));
    let Some(integration) = integration else { return Ok(internal()) };
    let mut response = match integration.kind {
        integration::Kind::Server => Box::pin(server::ask(cx, &passage, integration)).await,
        integration::Kind::Function1 | integration::Kind::Function2 => {
            invoke(cx, &passage, integration, access).await
        }
        // No HTTP API has them.
        integration::Kind::TemplatedFunction
        | integration::Kind::TemplatedServer
        | integration::Kind::Mock => internal(),
    };
    server::map_answer(&passage, integration, &mut response);
    Ok(response)
}

/// What is known of who calls, for events.
#[derive(Default)]
struct Access {
    /// Of an authorizer or a signature: `jwt`, `lambda` or `iam`, and what it has to say.
    authorizer: Option<(&'static str, Json)>,
    /// As format 1.0 has it of who signed.
    identity: Map<String, Json>,
}

impl Passage<'_> {
    /// As policies are asked about it.
    fn arn(&self) -> String {
        let (account, region, id) = &self.found.key;
        let stage = &self.found.stage_name;
        let path = match self.route.key.split_once(' ') {
            Some((method, path)) => {
                let method = if method == "ANY" { "*" } else { method };
                format!("{method}{path}")
            }
            None => self.route.key.clone(),
        };
        format!("arn:aws:execute-api:{region}:{account}:{id}/{stage}/{path}")
    }

    fn route_2<'a>(&'a self, authorizer: Option<Json>) -> format_2::Route<'a> {
        format_2::Route {
            account: &self.found.key.0,
            api_id: &self.found.key.2,
            key: &self.route.key,
            stage: &self.found.stage_name,
            path: &self.path,
            path_parameters: &self.path_parameters,
            stage_variables: &self.found.stage.variables,
            authorizer,
        }
    }

    fn route_1<'a>(
        &'a self,
        resource: &'a str,
        authorizer: Option<Json>,
        identity: Map<String, Json>,
    ) -> format_1::Route<'a> {
        format_1::Route {
            account: &self.found.key.0,
            api_id: &self.found.key.2,
            resource,
            resource_id: &self.route.key,
            stage: &self.found.stage_name,
            path: &self.path_1,
            stage_path: &self.path_1,
            path_parameters: &self.path_parameters,
            stage_variables: &self.found.stage.variables,
            authorizer,
            identity,
            deployment_id: None,
        }
    }

    /// What of the request a mapping names, such as `request.header.x`.
    fn variable(&self, name: &str) -> Option<String> {
        let context = [
            ("requestId", self.arrival.request_id.to_owned()),
            ("apiId", self.found.key.2.clone()),
            ("accountId", self.found.key.0.clone()),
            ("stage", self.found.stage_name.clone()),
            ("routeKey", self.route.key.clone()),
            ("httpMethod", self.visit.request.method.to_string()),
            ("path", self.path.clone()),
            ("domainName", self.arrival.domain_name.to_owned()),
            ("identity.sourceIp", self.arrival.source_ip()),
        ];
        match name.strip_prefix("request.path") {
            Some("") => Some(parts::decoded(&self.found.path)),
            Some(rest) => self.path_parameters.get(rest.strip_prefix('.')?).cloned(),
            None => {
                let variables = &self.found.stage.variables;
                let request = &self.visit.request;
                Sight { request, stage_variables: variables, context: &context }.read(&format!("${name}"))
            }
        }
    }
}

async fn invoke(cx: &Ctx, passage: &Passage<'_>, integration: &Integration, access: Access) -> Response {
    let request = &passage.visit.request;
    let event = if integration.kind == integration::Kind::Function2 {
        let authorizer = access.authorizer.map(|(kind, said)| serde_json::json!({ kind: said }));
        format_2::event(request, &passage.route_2(authorizer), &passage.arrival)
    } else {
        // What an authorizer says stands there alone; a signature is told with the identity.
        let authorizer =
            access.authorizer.filter(|(kind, _)| *kind != "iam").map(|(kind, said)| match kind {
                "jwt" => serde_json::json!({ "claims": said["claims"], "scopes": said["scopes"] }),
                _ => said,
            });
        let resource = route::resource(&passage.route.key);
        let route = passage.route_1(&resource, authorizer, access.identity);
        let (_, is_binary) = parts::body(&request.body, request.header("content-type").unwrap_or_default());
        format_1::event(request, &route, &passage.arrival, Some("1.0"), is_binary)
    };
    let uri = function::with_variables(&integration.uri, &passage.found.stage.variables);
    let Some(arn) = function::arn_of_uri(&uri) else { return internal() };
    let timeout = Duration::from_millis(u64::try_from(integration.timeout_ms).unwrap_or_default());
    let call = Call {
        principal: function::PRINCIPAL,
        arn: arn.to_owned(),
        source_arn: passage.arn(),
        role: integration.credentials.clone(),
        payload: http_event::payload(&event).into(),
        timeout,
        is_event: false,
    };
    let cx = cx.clone().with_trace(Some(passage.arrival.trace_id.into()));
    match function::invoke(&cx, call).await {
        Ok(returned) if returned.failed => internal(),
        Ok(returned) => {
            let response = if integration.kind == integration::Kind::Function2 {
                functions::buffered(&returned.payload)
            } else {
                format_1_answer(&returned.payload)
            };
            response.unwrap_or_else(internal)
        }
        Err(Failure::TimedOut) => unavailable(),
        Err(Failure::Refused(error)) => {
            tracing::debug!(arn, %error, "an HTTP API's function was not invoked");
            match error.status {
                413 => answer::message(413, "Request Entity Too Large"),
                429 | 503 => unavailable(),
                _ => internal(),
            }
        }
    }
}

/// Format 1.0 takes no answer without a status.
fn format_1_answer(payload: &[u8]) -> Option<Response> {
    let Json::Object(object) = serde_json::from_slice(payload).ok()? else { return None };
    object.get("statusCode").filter(|status| !status.is_null())?;
    let (head, body) = (Head::from_object(&object)?, functions::body(&object)?);
    Some(head.with_body("text/plain; charset=utf-8", body))
}

fn not_found() -> Response {
    answer::message(404, "Not Found")
}

fn internal() -> Response {
    answer::message(500, "Internal Server Error")
}

fn unavailable() -> Response {
    answer::message(503, "Service Unavailable")
}
