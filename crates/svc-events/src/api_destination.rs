//! An API destination: an HTTP endpoint that rules send events to, and how fast.

use api_events::{ApiDestinationState, ConnectionState, errors};
use aws_wire::Result;
use env::Timestamp;
use http::Uri;
use kv::Read;
use serde::{Deserialize, Serialize};

use crate::connection;
use crate::keys::{API_DESTINATIONS, ApiDestinationKey};

/// Of an account in a region; AWS's quota.
pub(crate) const API_DESTINATIONS_MAX: usize = 3000;
/// AWS's default.
const RATE: u32 = 300;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ApiDestination {
    /// The end of its ARN.
    pub id: String,
    #[serde(default)]
    pub description: Option<String>,
    /// The connection's ARN.
    pub connection: String,
    pub endpoint: String,
    pub method: String,
    /// Requests in a second.
    #[serde(default)]
    pub rate: Option<u32>,
    pub created_ms: i64,
    pub modified_ms: i64,
}

impl ApiDestination {
    pub(crate) fn rate(&self) -> u32 {
        self.rate.unwrap_or(RATE).max(1)
    }

    pub(crate) fn shown_rate(&self) -> Option<i32> {
        i32::try_from(self.rate()).ok()
    }

    /// Whether its connection lets it send.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) fn state(&self, reader: &impl Read) -> Result<ApiDestinationState> {
        let connection = connection::by_arn(reader, &self.connection)?;
        let is_active =
            connection.is_some_and(|connection| connection.state() == ConnectionState::Authorized);
        Ok(if is_active { ApiDestinationState::Active } else { ApiDestinationState::Inactive })
    }

    pub(crate) fn created(&self) -> Option<Timestamp> {
        Some(Timestamp::from_millis(self.created_ms))
    }

    pub(crate) fn modified(&self) -> Option<Timestamp> {
        Some(Timestamp::from_millis(self.modified_ms))
    }
}

pub(crate) fn arn((account, region, name): &ApiDestinationKey, id: &str) -> String {
    format!("arn:aws:events:{region}:{account}:api-destination/{name}/{id}")
}

/// # Errors
/// 400 without it.
pub(crate) fn find(reader: &impl Read, key: &ApiDestinationKey) -> Result<ApiDestination> {
    API_DESTINATIONS.get(reader, key)?.ok_or_else(|| {
        let message = format!(
            "Failed to describe the api-destination(s). An api-destination '{}' does not exist.",
            key.2
        );
        errors::resource_not_found_exception(message)
    })
}

/// Whether events can be sent to this endpoint. AWS takes `https` alone; here `http` goes too, for servers nearby.
pub(crate) fn is_endpoint(endpoint: &str) -> bool {
    let uri = endpoint.replace('*', "x").parse::<Uri>();
    uri.is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("https" | "http")) && uri.host().is_some_and(|host| !host.is_empty())
    })
}
