//! Servers behind load balancers: what a target group of addresses has, which of its servers a request goes to, and
//! which cookies keep a client with one.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::Mutex;

use api_elbv2::{TargetDescription, errors};
use aws_wire::{AwsError, Result, timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use env::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::attributes;
use crate::refusal::invalid;
use crate::target_group::TargetGroup;

pub(crate) const SERVERS_MAX: usize = 1000;
/// Of a client that stays with a server; the second is for other sites' pages.
pub(crate) const COOKIES: [(&str, &str); 2] = [("AWSALB", ""), ("AWSALBCORS", "; SameSite=None; Secure")];

/// What a target group has whose targets are addresses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Servers {
    /// Of those that say none.
    pub port: u16,
    /// Shown, and no network.
    pub vpc: String,
    /// Where health checks go; without one, where requests go.
    pub check_port: Option<u16>,
    /// By address and port.
    pub all: BTreeMap<String, Server>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Server {
    pub address: SocketAddr,
    pub zone: Option<String>,
    /// Until when it is still told that it was taken out, in milliseconds since the epoch; no request goes there.
    #[serde(default)]
    pub leaving_ms: Option<i64>,
}

impl Servers {
    /// The server that a target is.
    ///
    /// # Errors
    /// 400 for what is no address.
    pub(crate) fn read(&self, target: &TargetDescription) -> Result<Server> {
        let id = &target.id;
        let refused = |what: String| Err(errors::invalid_target_exception(what));
        let Ok(address) = id.parse::<IpAddr>() else {
            return Err(invalid(format!("The IP address '{id}' is not a valid IPv4 or IPv6 address")));
        };
        if target.quic_server_id.is_some() {
            return refused(format!("A QUIC server ID cannot be specified for the target '{id}'"));
        }
        let port = target.port.map_or(Ok(self.port), u16::try_from).ok().filter(|port| *port > 0);
        let Some(port) = port else {
            return Err(invalid(format!("The port of the target '{id}' must be between '1' and '65535'")));
        };
        Ok(Server {
            address: SocketAddr::new(address, port),
            zone: target.availability_zone.clone(),
            leaving_ms: None,
        })
    }

    /// Those that requests may go to.
    pub(crate) fn in_service(&self) -> impl Iterator<Item = (&String, &Server)> {
        self.all.iter().filter(|(_, server)| server.leaving_ms.is_none())
    }

    /// Adds servers, or adds them again.
    ///
    /// # Errors
    /// 400 for too many.
    pub(crate) fn add(&mut self, servers: &[Server], now: Timestamp) -> Result<()> {
        self.forget_left(now);
        self.all.extend(servers.iter().map(|server| (server.id(), server.clone())));
        if self.all.len() > SERVERS_MAX {
            return Err(errors::too_many_targets_exception(format!(
                "A target group can have at most '{SERVERS_MAX}' targets"
            )));
        }
        Ok(())
    }

    /// Takes servers out; they are told of as draining for a while.
    ///
    /// # Errors
    /// 400 for one that is not there.
    pub(crate) fn remove(&mut self, servers: &[Server], now: Timestamp, delay_s: u32) -> Result<()> {
        self.forget_left(now);
        for server in servers {
            let id = server.id();
            let known = self.all.get_mut(&id).filter(|known| known.leaving_ms.is_none());
            let Some(known) = known else {
                return Err(errors::invalid_target_exception(format!(
                    "The following targets are not in the target group: '{}'",
                    server.address.ip()
                )));
            };
            known.leaving_ms = Some(now.as_millis() + i64::from(delay_s) * 1000);
        }
        self.forget_left(now);
        Ok(())
    }

    fn forget_left(&mut self, now: Timestamp) {
        self.all.retain(|_, server| !server.has_left(now));
    }
}

impl Server {
    /// How it is known in its group.
    pub(crate) fn id(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn has_left(&self, now: Timestamp) -> bool {
        self.leaving_ms.is_some_and(|leaving_ms| leaving_ms <= now.as_millis())
    }

    pub(crate) fn shown(&self) -> TargetDescription {
        TargetDescription {
            id: self.address.ip().to_string(),
            port: Some(self.address.port().into()),
            availability_zone: self.zone.clone(),
            quic_server_id: None,
        }
    }
}

/// Whose turn it is in each group.
#[derive(Default)]
pub(crate) struct Turns(Mutex<HashMap<String, usize>>);

/// When more groups are remembered, all begin anew.
const GROUPS_MAX: usize = 10_000;

impl Turns {
    /// The next of `count`, one after the other.
    pub(crate) fn next(&self, group: &str, count: usize) -> usize {
        let mut turns = self.0.lock().expect("nothing panics while it is held");
        if turns.len() >= GROUPS_MAX && !turns.contains_key(group) {
            turns.clear();
        }
        let turn = turns.entry(group.to_owned()).or_default();
        let chosen = *turn % count.max(1);
        *turn = chosen + 1;
        chosen
    }
}

/// What a client shows that is to stay with a server.
pub(crate) fn ticket(group: &str, server: &str) -> String {
    BASE64.encode(Sha256::digest(format!("{group} {server}")))
}

/// The cookies that keep a client with a server, for as long as the group says.
pub(crate) fn cookies(group_arn: &str, group: &TargetGroup, server: &str, now: Timestamp) -> Vec<String> {
    let Some(seconds) = attributes::sticky_for(&group.attributes) else { return Vec::new() };
    let until = timestamp::http_date(Timestamp::from_millis(now.as_millis() + i64::from(seconds) * 1000));
    let ticket = ticket(group_arn, server);
    let cookie = |(name, more): (&str, &str)| format!("{name}={ticket}; Expires={until}; Path=/{more}");
    COOKIES.into_iter().map(cookie).collect()
}

/// The ticket that a request shows.
pub(crate) fn shown_ticket(cookies: &str) -> Option<&str> {
    let fields = || cookies.split(';').filter_map(|field| field.trim().split_once('='));
    COOKIES.iter().find_map(|(name, _)| fields().find(|(known, _)| known == name).map(|(_, value)| value))
}

/// 501 for a protocol that no server is spoken to with, 400 for what is missing.
///
/// # Errors
/// As said.
pub(crate) fn check(
    protocol: Option<&str>,
    version: Option<&str>,
    port: Option<i32>,
    vpc: Option<String>,
) -> Result<Servers> {
    let operation = "CreateTargetGroup";
    match protocol {
        Some("HTTP") => {}
        Some(other) => {
            return Err(AwsError::parameter_not_implemented(operation, &format!("Protocol {other}")));
        }
        None => return Err(invalid("A protocol must be specified")),
    }
    if let Some(other) = version.filter(|version| *version != "HTTP1") {
        return Err(AwsError::parameter_not_implemented(operation, &format!("ProtocolVersion {other}")));
    }
    let port = port.ok_or_else(|| invalid("A port must be specified"))?;
    let port = u16::try_from(port).ok().filter(|port| *port > 0);
    let port = port.ok_or_else(|| invalid("The port must be between '1' and '65535'"))?;
    let vpc = vpc.ok_or_else(|| invalid("A VPC ID must be specified"))?;
    Ok(Servers { port, vpc, check_port: None, all: BTreeMap::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_go_round() {
        let turns = Turns::default();
        let drawn = (0..5).map(|_| turns.next("a", 3)).collect::<Vec<_>>();
        assert_eq!(drawn, [0, 1, 2, 0, 1]);
        assert_eq!((turns.next("b", 3), turns.next("a", 1), turns.next("a", 0)), (0, 0, 0));
    }

    #[test]
    fn servers_come_drain_and_go() {
        let at = Timestamp::from_secs;
        let mut servers = Servers { port: 80, vpc: String::new(), check_port: None, all: BTreeMap::new() };
        let target = |id: &str, port: Option<i32>| TargetDescription {
            id: id.to_owned(),
            port,
            availability_zone: None,
            quic_server_id: None,
        };
        let one = servers.read(&target("127.0.0.1", None)).expect("a server");
        let two = servers.read(&target("::1", Some(81))).expect("a server");
        assert_eq!((one.id().as_str(), two.id().as_str()), ("127.0.0.1:80", "[::1]:81"));
        assert!(servers.read(&target("host", None)).is_err());
        assert!(servers.read(&target("127.0.0.1", Some(0))).is_err());
        servers.add(&[one.clone(), two.clone()], at(0)).expect("room");
        servers.remove(std::slice::from_ref(&one), at(0), 10).expect("it is there");
        assert!(servers.remove(std::slice::from_ref(&one), at(0), 10).is_err());
        assert_eq!((servers.all.len(), servers.in_service().count()), (2, 1));
        servers.remove(&[two], at(10), 0).expect("it is there");
        assert!(servers.all.is_empty(), "both have left");
    }

    #[test]
    fn tickets_are_found_among_cookies() {
        assert_eq!(shown_ticket("a=1; AWSALB=x; AWSALBCORS=y"), Some("x"));
        assert_eq!(shown_ticket("AWSALBCORS=y"), Some("y"));
        assert_eq!(shown_ticket("AWSALBX=y"), None);
        assert_ne!(ticket("g", "1"), ticket("g", "2"));
    }
}
