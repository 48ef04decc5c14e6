//! Who may connect.

use std::time::Duration;

use aws_auth::policy::Keys;
use aws_wire::Request;
use execute_api::function::{self, Call};
use execute_api::plan::{self, Refused};
use execute_api::verdict::{Ruling, Verdict};
use http_event::parts;
use http_event::websocket as events;
use http_event::websocket::Happening;
use serde_json::{Map, Value as Json};
use service::Visit;

use super::{Connection, Served, arrival, message, route_arn};
use crate::Ctx;
use crate::authorizer::{Authorizer, Kind, Sight};
use crate::route::{Authorization, CONNECT, Route};
use crate::site::access;

/// What is known of who connects.
#[derive(Default)]
pub(super) struct Access {
    /// Of one who signed.
    pub identity: Map<String, Json>,
    /// What an authorizer said.
    pub authorizer: Option<Json>,
}

/// What is known of who connects, or the status and the words for one who may not.
pub(super) async fn check(
    cx: &Ctx,
    visit: &Visit,
    served: &Served,
    route: &Route,
    connection: &Connection,
    request_id: &str,
) -> Result<Access, (u16, &'static str)> {
    let mut usage_key = None;
    let mut access = match &route.authorization {
        Authorization::Nobody => Access::default(),
        Authorization::Iam => {
            let (caller, access_key_id) = access::signer(visit).ok_or((403, message::FORBIDDEN))?;
            Access { identity: access::identity(caller, &access_key_id), authorizer: None }
        }
        // No WebSocket API can be told to want tokens.
        Authorization::Jwt { .. } => return Err(FAILED),
        Authorization::Function { authorizer: id } => {
            let authorizer = served.deployment.authorizers.get(id).ok_or(FAILED)?;
            let verdict = ask(cx, visit, served, (id, authorizer), connection, request_id).await?;
            let keys = Keys::default().with("aws:SourceIp", connection.peer.to_canonical().to_string());
            match verdict.rule(&route_arn(connection, CONNECT), &keys) {
                Ruling::Allowed => {}
                Ruling::Denied => {
                    return Err((
                        403,
                        "User is not authorized to access this resource with an explicit deny",
                    ));
                }
                Ruling::NotMentioned => {
                    return Err((403, "User is not authorized to access this resource"));
                }
            }
            usage_key = verdict.usage_key;
            let mut said = verdict.context;
            said.insert("principalId".to_owned(), verdict.principal_id.into());
            Access { identity: Map::new(), authorizer: Some(Json::Object(said)) }
        }
    };
    if route.api_key_required {
        let shown = if served.keys_from_authorizer {
            usage_key
        } else {
            visit.request.header("x-api-key").map(str::to_owned)
        };
        let value = shown.ok_or((403, message::FORBIDDEN))?;
        let (api, stage) = (&connection.api, connection.stage_name.as_str());
        let admitted = plan::admit(cx, &cx.state.throttle, api, stage, &value).await.map_err(|error| {
            tracing::error!(cause = ?error.cause, "a usage plan was not read");
            FAILED
        })?;
        let id = admitted.map_err(|refused| match refused {
            Refused::InvalidKey => (403, message::FORBIDDEN),
            Refused::TooFast => (429, message::TOO_MANY),
            Refused::QuotaExceeded => (429, "Limit Exceeded"),
        })?;
        access.identity.insert("apiKey".to_owned(), value.into());
        access.identity.insert("apiKeyId".to_owned(), id.into());
    }
    Ok(access)
}

/// What a handshake lacks of what its route wants, in words.
pub(super) fn missing(request: &Request, route: &Route) -> Option<String> {
    let query = parts::parameters(&request.query);
    let required = route.request_parameters.iter().filter(|(_, required)| **required);
    let lacks = |name: &&String| {
        let place = name.strip_prefix("route.request.").and_then(|rest| rest.split_once('.'));
        !place.is_some_and(|(place, name)| match place {
            "header" => request.header(&name.to_ascii_lowercase()).is_some(),
            _ => query.iter().any(|(known, _)| known == name),
        })
    };
    let missing = required.map(|(name, _)| name).filter(lacks);
    let names = missing.filter_map(|name| name.splitn(4, '.').nth(3)).collect::<Vec<_>>();
    (!names.is_empty()).then(|| format!("Missing required request parameters: [{}]", names.join(", ")))
}

async fn ask(
    cx: &Ctx,
    visit: &Visit,
    served: &Served,
    (id, authorizer): (&str, &Authorizer),
    connection: &Connection,
    request_id: &str,
) -> Result<Verdict, (u16, &'static str)> {
    const UNAUTHORIZED: (u16, &str) = (401, "Unauthorized");
    let Kind::Function { uri, role, .. } = &authorizer.kind else { return Err(FAILED) };
    let context = [
        ("routeKey", CONNECT.to_owned()),
        ("stage", connection.stage_name.clone()),
        ("connectionId", connection.id.clone()),
        ("identity.sourceIp", connection.peer.to_canonical().to_string()),
    ];
    let variables = &served.stage.variables;
    let sight = Sight { request: &visit.request, stage_variables: variables, context: &context };
    // Who shows nothing where the authorizer looks need not be asked about.
    authorizer.identity(&sight).ok_or(UNAUTHORIZED)?;
    let trace_id = execute_api::trace_id(visit.request.header("x-amzn-trace-id"), &cx.env);
    let arrival = arrival(cx, connection, &Happening::Connect(&visit.request), request_id, &trace_id);
    let method_arn = route_arn(connection, CONNECT);
    let event =
        events::authorizer_event(&served.told(connection), CONNECT, &visit.request, &arrival, &method_arn);
    let uri = function::with_variables(uri, variables);
    let (account, region, api_id) = &connection.api;
    let call = Call {
        principal: function::PRINCIPAL,
        arn: function::arn_of_uri(&uri).ok_or(FAILED)?.to_owned(),
        source_arn: format!("arn:aws:execute-api:{region}:{account}:{api_id}/authorizers/{id}"),
        role: role.clone(),
        payload: http_event::payload(&event).into(),
        timeout: PATIENCE,
        is_event: false,
    };
    match function::invoke(cx, call).await {
        Ok(returned) if returned.failed => {
            let failure = serde_json::from_slice::<Json>(&returned.payload).unwrap_or_default();
            Err(if failure["errorMessage"] == "Unauthorized" { UNAUTHORIZED } else { FAILED })
        }
        Ok(returned) => Verdict::with_policy(&returned.payload).ok_or(FAILED),
        Err(error) => {
            tracing::debug!(%error, "an authorizer did not answer");
            Err(FAILED)
        }
    }
}

const FAILED: (u16, &str) = (500, message::INTERNAL);
/// How long an authorizer is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
