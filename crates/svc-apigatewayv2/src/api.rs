//! An API: its record, how requests name it, and how it is shown.

use std::collections::BTreeMap;

use api_apigatewayv2 as model;
use api_apigatewayv2::ProtocolType;
use aws_wire::Result;
use env::Timestamp;
use execute_api::address;
use kv::Read;
use serde::{Deserialize, Serialize};

use crate::Ctx;
use crate::cors::Cors;
use crate::keys::{APIS, ApiKey};
use crate::refusal::no_api;

/// Of the layout of every record here; readers of a later one still read it.
pub(crate) const FORMAT: u32 = 1;
/// HTTP APIs have no other; a WebSocket API says its own.
const ROUTE_SELECTION: &str = "$request.method $request.path";
const KEY_SELECTION: &str = "$request.header.x-api-key";
const KEY_OF_AUTHORIZER: &str = "$context.authorizer.usageIdentifierKey";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Api {
    pub format: u32,
    pub name: String,
    pub description: Option<String>,
    pub version: Option<String>,
    pub cors: Option<Cors>,
    /// How a WebSocket API finds the route of a message; an HTTP API has none.
    #[serde(default)]
    pub route_selection: Option<String>,
    /// Whether a WebSocket API's authorizer says whose key counts, rather than the handshake itself.
    #[serde(default)]
    pub keys_from_authorizer: bool,
    /// It is then only for custom domains.
    pub disable_execute_api_endpoint: bool,
    pub dual_stack: bool,
    pub tags: BTreeMap<String, String>,
    pub created_us: i64,
}

impl Api {
    pub(crate) fn protocol(&self) -> ProtocolType {
        if self.route_selection.is_some() { ProtocolType::Websocket } else { ProtocolType::Http }
    }

    pub(crate) fn shown(&self, (_, _, id): &ApiKey, host: &str) -> model::Api {
        let endpoint = address::endpoint(id, host);
        let endpoint = match self.protocol() {
            ProtocolType::Http => endpoint,
            ProtocolType::Websocket => endpoint.replacen("http", "ws", 1),
        };
        let route_selection = self.route_selection.as_deref().unwrap_or(ROUTE_SELECTION);
        model::Api {
            api_endpoint: Some(endpoint),
            api_gateway_managed: None,
            api_id: Some(id.clone()),
            api_key_selection_expression: Some(
                if self.keys_from_authorizer { KEY_OF_AUTHORIZER } else { KEY_SELECTION }.to_owned(),
            ),
            cors_configuration: self.cors.as_ref().map(Cors::shown),
            created_date: Some(Timestamp::from_secs(self.created_us / 1_000_000)),
            description: self.description.clone(),
            disable_schema_validation: None,
            disable_execute_api_endpoint: Some(self.disable_execute_api_endpoint),
            import_info: None,
            ip_address_type: Some(if self.dual_stack {
                model::IpAddressType::Dualstack
            } else {
                model::IpAddressType::Ipv4
            }),
            name: self.name.clone(),
            protocol_type: self.protocol(),
            route_selection_expression: route_selection.to_owned(),
            tags: Some(self.tags.clone()),
            version: self.version.clone(),
            warnings: None,
        }
    }
}

/// Whether an expression is the only one that HTTP APIs have.
pub(crate) fn is_route_selection(expression: &str) -> bool {
    let plain = expression.replace(['{', '}'], "");
    plain == ROUTE_SELECTION
}

/// Whether keys come from the authorizer; `None` where an expression is neither of the two that there are.
pub(crate) fn keys_from_authorizer(expression: &str) -> Option<bool> {
    match expression {
        KEY_SELECTION => Some(false),
        KEY_OF_AUTHORIZER => Some(true),
        _ => None,
    }
}

pub(crate) fn key(cx: &Ctx, id: &str) -> ApiKey {
    (cx.caller.account.to_string(), cx.caller.region.to_string(), id.to_owned())
}

/// Which protocol an API speaks, which never changes.
///
/// # Errors
/// 404 without such an API.
pub(crate) async fn protocol(cx: &Ctx, id: &str) -> Result<ProtocolType> {
    Ok(find(cx, &cx.kv.snapshot().await?, id)?.1.protocol())
}

/// # Errors
/// 404 without such an API.
pub(crate) fn find(cx: &Ctx, reader: &impl Read, id: &str) -> Result<(ApiKey, Api)> {
    let key = key(cx, id);
    let api = APIS.get(reader, &key)?.ok_or_else(|| no_api(cx, id))?;
    Ok((key, api))
}
