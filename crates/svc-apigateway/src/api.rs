//! A REST API: its record, how requests name it, and how it is shown.

use std::collections::BTreeMap;

use api_apigateway as model;
use api_apigateway::{ApiKeySourceType, EndpointConfiguration, EndpointType, IpAddressType};
use aws_wire::{AwsError, Result};
use env::Timestamp;
use kv::Read;
use serde::{Deserialize, Serialize};

use crate::Ctx;
use crate::keys::{APIS, RootKey};
use crate::patch::Patch;
use crate::refusal::no_api;

/// Of the layout of every record here; readers of a later one still read it.
pub(crate) const FORMAT: u32 = 1;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RestApi {
    pub format: u32,
    pub name: String,
    pub description: Option<String>,
    pub version: Option<String>,
    /// Bodies of these types go in base64.
    pub binary_media_types: Vec<String>,
    /// Whether clients' keys come from their authorizer rather than from a header.
    pub keys_from_authorizer: bool,
    /// Such as `EDGE`; all are served alike.
    pub endpoint_type: String,
    pub dual_stack: bool,
    pub disable_execute_api_endpoint: bool,
    /// The resource `/`.
    pub root_id: String,
    pub tags: BTreeMap<String, String>,
    pub created_us: i64,
}

impl RestApi {
    pub(crate) fn shown(&self, id: &str) -> model::RestApi {
        let source =
            if self.keys_from_authorizer { ApiKeySourceType::Authorizer } else { ApiKeySourceType::Header };
        let types = self.binary_media_types.clone();
        let kind = self.endpoint_type.parse::<EndpointType>().unwrap_or_default();
        model::RestApi {
            id: Some(id.to_owned()),
            name: Some(self.name.clone()),
            description: self.description.clone(),
            created_date: Some(Timestamp::from_secs(self.created_us / 1_000_000)),
            version: self.version.clone(),
            warnings: None,
            binary_media_types: Some(types).filter(|types| !types.is_empty()),
            minimum_compression_size: None,
            api_key_source: Some(source),
            endpoint_configuration: Some(EndpointConfiguration {
                types: Some(vec![kind]),
                ip_address_type: Some(if self.dual_stack {
                    IpAddressType::Dualstack
                } else {
                    IpAddressType::Ipv4
                }),
                vpc_endpoint_ids: None,
            }),
            policy: None,
            tags: Some(self.tags.clone()).filter(|tags| !tags.is_empty()),
            disable_execute_api_endpoint: Some(self.disable_execute_api_endpoint),
            root_resource_id: Some(self.root_id.clone()),
            security_policy: None,
            endpoint_access_mode: None,
            api_status: None,
            api_status_message: None,
        }
    }

    /// # Errors
    /// 400 for a path that an API has not, 501 for one that is not honoured.
    pub(crate) fn patch(&mut self, patch: &Patch) -> Result<()> {
        match patch.segments()[..] {
            ["name"] => self.name = patch.text()?,
            ["description"] => self.description = patch.optional(),
            ["version"] => self.version = patch.optional(),
            ["apiKeySource"] => self.keys_from_authorizer = patch.text()? == "AUTHORIZER",
            ["disableExecuteApiEndpoint"] => self.disable_execute_api_endpoint = patch.flag()?,
            ["binaryMediaTypes", media_type] => patch.member(&mut self.binary_media_types, media_type)?,
            ["endpointConfiguration", "types", _] => {
                let kind = patch.text()?;
                kind.parse::<EndpointType>().map_err(|()| patch.invalid())?;
                check_endpoint("UpdateRestApi", &kind)?;
                self.endpoint_type = kind;
            }
            ["policy" | "minimumCompressionSize" | "securityPolicy" | "endpointAccessMode", ..] => {
                return Err(AwsError::parameter_not_implemented("UpdateRestApi", patch.segments()[0]));
            }
            _ => return Err(patch.invalid()),
        }
        Ok(())
    }
}

/// # Errors
/// 501 for an endpoint that only a VPC may reach.
pub(crate) fn check_endpoint(operation: &str, kind: &str) -> Result<()> {
    if kind == EndpointType::Private.as_str() {
        return Err(AwsError::parameter_not_implemented(operation, "endpointConfiguration PRIVATE"));
    }
    Ok(())
}

pub(crate) fn key(cx: &Ctx, id: &str) -> RootKey {
    (cx.caller.account.to_string(), cx.caller.region.to_string(), id.to_owned())
}

/// # Errors
/// 404 without such an API.
pub(crate) fn find(cx: &Ctx, reader: &impl Read, id: &str) -> Result<(RootKey, RestApi)> {
    let key = key(cx, id);
    let api = APIS.get(reader, &key)?.ok_or_else(|| no_api(cx, id))?;
    Ok((key, api))
}
