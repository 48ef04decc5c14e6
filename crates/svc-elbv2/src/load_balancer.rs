//! A load balancer: its record, its names, and what requests see of it.

use api_elbv2::{
    AvailabilityZone, IpAddressType, LoadBalancerSchemeEnum, LoadBalancerState, LoadBalancerStateEnum,
    LoadBalancerTypeEnum, SubnetMapping, errors,
};
use aws_wire::Result;
use env::{Env, Timestamp};
use kv::Read;
use serde::{Deserialize, Serialize};

use crate::arn::{self, Named};
use crate::attributes::Attributes;
use crate::keys::{LOAD_BALANCERS, NameKey};
use crate::refusal::{invalid, no_load_balancer, not_honoured};
use crate::tags::Tags;
use crate::{Ctx, ports};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LoadBalancer {
    /// Of its ARN.
    pub id: String,
    /// The first label of its host, such as `name-1234567890`.
    pub label: String,
    pub internal: bool,
    /// Kept and shown: there is no network here whose they could be.
    pub subnets: Vec<String>,
    pub security_groups: Vec<String>,
    /// In milliseconds.
    pub created: i64,
    #[serde(default)]
    pub attributes: Attributes,
    #[serde(default)]
    pub tags: Tags,
}

/// Whose a host's name is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Owner {
    pub account: String,
    pub region: String,
    pub name: String,
}

impl Owner {
    pub(crate) fn of((account, region, name): &NameKey) -> Self {
        Self { account: account.clone(), region: region.clone(), name: name.clone() }
    }

    pub(crate) fn key(self) -> NameKey {
        (self.account, self.region, self.name)
    }
}

impl LoadBalancer {
    pub(crate) fn dns_name(&self, region: &str) -> String {
        format!("{}.{region}.elb.localhost", self.label)
    }

    /// Where `impaired` says which of its ports nobody listens at.
    pub(crate) fn show(&self, key: &NameKey, impaired: Option<String>) -> api_elbv2::LoadBalancer {
        let scheme = if self.internal {
            LoadBalancerSchemeEnum::Internal
        } else {
            LoadBalancerSchemeEnum::InternetFacing
        };
        let code = match impaired {
            None => LoadBalancerStateEnum::Active,
            Some(_) => LoadBalancerStateEnum::ActiveImpaired,
        };
        api_elbv2::LoadBalancer {
            load_balancer_arn: Some(arn::load_balancer(key, &self.id)),
            dns_name: Some(self.dns_name(&key.1)),
            canonical_hosted_zone_id: None,
            created_time: Some(Timestamp::from_millis(self.created)),
            load_balancer_name: Some(key.2.clone()),
            scheme: Some(scheme),
            vpc_id: None,
            state: Some(LoadBalancerState { code: Some(code), reason: impaired }),
            r#type: Some(LoadBalancerTypeEnum::Application),
            availability_zones: Some(zones(&self.subnets)),
            security_groups: Some(self.security_groups.clone()),
            ip_address_type: Some(IpAddressType::Ipv4),
            customer_owned_ipv4_pool: None,
            enforce_security_group_inbound_rules_on_private_link_traffic: None,
            enable_prefix_for_ipv6_source_nat: None,
            ipam_pools: None,
        }
    }

    /// As [`LoadBalancer::show`], with what is wrong with its ports.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) async fn show_now(
        &self,
        cx: &Ctx,
        reader: &impl Read,
        key: &NameKey,
    ) -> Result<api_elbv2::LoadBalancer> {
        Ok(self.show(key, ports::impaired(cx, reader, key).await?))
    }
}

/// In which zone a subnet lies is not known here.
pub(crate) fn zones(subnets: &[String]) -> Vec<AvailabilityZone> {
    let zone = |subnet: &String| AvailabilityZone {
        zone_name: None,
        subnet_id: Some(subnet.clone()),
        outpost_id: None,
        load_balancer_addresses: None,
        source_nat_ipv6_prefixes: None,
    };
    subnets.iter().map(zone).collect()
}

/// The first label of a new load balancer's host.
pub(crate) fn new_label(env: &Env, name: &str, internal: bool) -> String {
    let mut random = [0; 8];
    env.fill(&mut random);
    let number = u64::from_be_bytes(random) % 9_000_000_000 + 1_000_000_000;
    format!("{}{name}-{number}", if internal { "internal-" } else { "" })
}

/// The load balancer that an ARN names.
///
/// # Errors
/// 400 without it.
pub(crate) fn named(cx: &Ctx, reader: &impl Read, arn: &str) -> Result<(NameKey, LoadBalancer)> {
    let Some(Named::LoadBalancer { key, id }) = Named::parse(&cx.caller, arn) else {
        return Err(no_load_balancer(arn));
    };
    match LOAD_BALANCERS.get(reader, &key)? {
        Some(found) if found.id == id => Ok((key, found)),
        _ => Err(no_load_balancer(arn)),
    }
}

/// The subnets that a request names, in either form: two at least.
///
/// # Errors
/// 400 for other numbers of them and for what is none, 501 for addresses of one's own.
pub(crate) fn subnets(
    operation: &str,
    subnets: Option<Vec<String>>,
    mappings: Option<Vec<SubnetMapping>>,
) -> Result<Vec<String>> {
    let mut all = match (subnets.filter(|all| !all.is_empty()), mappings.filter(|all| !all.is_empty())) {
        (Some(_), Some(_)) => {
            return Err(invalid("You can specify either 'Subnets' or 'SubnetMappings', not both"));
        }
        (Some(subnets), None) => subnets,
        (None, mappings) => {
            let mut subnets = Vec::new();
            for mapping in mappings.unwrap_or_default() {
                let given = [
                    ("AllocationId", mapping.allocation_id.is_some()),
                    ("PrivateIPv4Address", mapping.private_i_pv4_address.is_some()),
                    ("IPv6Address", mapping.i_pv6_address.is_some()),
                    ("SourceNatIpv6Prefix", mapping.source_nat_ipv6_prefix.is_some()),
                ];
                not_honoured(operation, &given)?;
                subnets.extend(mapping.subnet_id);
            }
            subnets
        }
    };
    if let Some(other) = all.iter().find(|subnet| !subnet.starts_with("subnet-")) {
        return Err(errors::subnet_not_found_exception(format!("The subnet ID '{other}' does not exist")));
    }
    all.sort();
    all.dedup();
    if all.len() < 2 {
        return Err(invalid("At least two subnets in two different Availability Zones must be specified"));
    }
    Ok(all)
}

/// # Errors
/// 400 for what is no security group.
pub(crate) fn check_security_groups(groups: &[String]) -> Result<()> {
    match groups.iter().find(|group| !group.starts_with("sg-")) {
        Some(other) => Err(errors::invalid_security_group_exception(format!(
            "One or more security groups are invalid: '{other}'"
        ))),
        None => Ok(()),
    }
}

/// # Errors
/// 501 for what has IPv6.
pub(crate) fn check_ip_address_type(operation: &str, kind: Option<&IpAddressType>) -> Result<()> {
    let other = kind.is_some_and(|kind| *kind != IpAddressType::Ipv4);
    not_honoured(operation, &[("IpAddressType other than ipv4", other)])
}
