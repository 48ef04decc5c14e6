//! HTTP requests as events of functions, and what functions return as HTTP answers: what function URLs, HTTP APIs,
//! REST APIs and load balancers have in common.
//!
//! [`format_2`] is payload format 2.0, which URLs and HTTP APIs speak; [`format_1`] is 1.0, which REST APIs speak, and
//! HTTP APIs that are told to; [`websocket`] is what WebSocket APIs tell. [`load_balancer`] has a form of its own.

pub mod answer;
pub mod format_1;
pub mod format_2;
pub mod load_balancer;
pub mod parts;
pub mod websocket;

use std::net::IpAddr;

use env::Timestamp;

/// Room for most events without a body.
const PAYLOAD_BYTES: usize = 2048;
/// Room for the members of events and their parts.
const MEMBERS: usize = 24;

/// An event as a function is sent it.
///
/// # Panics
/// Never: JSON's values can be written.
pub fn payload(event: &serde_json::Value) -> Vec<u8> {
    let mut payload = Vec::with_capacity(PAYLOAD_BYTES);
    serde_json::to_writer(&mut payload, event).expect("JSON's values can be written");
    payload
}

/// Who came, how and when: what the gateway knows of a request beside the request.
#[derive(Clone, Copy)]
pub struct Arrival<'a> {
    /// The host that the request was for, without a port.
    pub domain_name: &'a str,
    pub request_id: &'a str,
    pub trace_id: &'a str,
    pub port: u16,
    pub peer: IpAddr,
    pub now: Timestamp,
}

impl Arrival<'_> {
    /// The address of whoever came.
    pub fn source_ip(&self) -> String {
        self.peer.to_canonical().to_string()
    }

    /// The first label of the host.
    pub fn domain_prefix(&self) -> &str {
        self.domain_name.split('.').next().unwrap_or_default()
    }
}
