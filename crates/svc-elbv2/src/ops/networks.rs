//! Where a load balancer is on a network that does not exist here: subnets and security groups are kept and shown.

use api_elbv2::{
    IpAddressType, SetIpAddressTypeInput, SetIpAddressTypeOutput, SetSecurityGroupsInput,
    SetSecurityGroupsOutput, SetSubnetsInput, SetSubnetsOutput,
};
use aws_wire::{AwsError, Result};

use crate::Ctx;
use crate::keys::LOAD_BALANCERS;
use crate::load_balancer::{self, LoadBalancer};
use crate::refusal::not_honoured;

async fn change(cx: &Ctx, arn: &str, change: impl Fn(&mut LoadBalancer) + Send + Sync) -> Result<()> {
    cx.kv
        .transact(|tx| {
            let (key, mut found) = load_balancer::named(cx, tx, arn)?;
            change(&mut found);
            Ok::<_, AwsError>(LOAD_BALANCERS.put(tx, &key, &found)?)
        })
        .await
}

pub(crate) async fn set_subnets(cx: Ctx, input: SetSubnetsInput) -> Result<SetSubnetsOutput> {
    const OPERATION: &str = "SetSubnets";
    let given = [("EnablePrefixForIpv6SourceNat", input.enable_prefix_for_ipv6_source_nat.is_some())];
    not_honoured(OPERATION, &given)?;
    load_balancer::check_ip_address_type(OPERATION, input.ip_address_type.as_ref())?;
    let subnets = load_balancer::subnets(OPERATION, input.subnets, input.subnet_mappings)?;
    change(&cx, &input.load_balancer_arn, |found| found.subnets.clone_from(&subnets)).await?;
    Ok(SetSubnetsOutput {
        availability_zones: Some(load_balancer::zones(&subnets)),
        ip_address_type: Some(IpAddressType::Ipv4),
        enable_prefix_for_ipv6_source_nat: None,
    })
}

pub(crate) async fn set_security_groups(
    cx: Ctx,
    input: SetSecurityGroupsInput,
) -> Result<SetSecurityGroupsOutput> {
    let private_link = input.enforce_security_group_inbound_rules_on_private_link_traffic.is_some();
    let given = [("EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic", private_link)];
    not_honoured("SetSecurityGroups", &given)?;
    load_balancer::check_security_groups(&input.security_groups)?;
    let groups = input.security_groups;
    change(&cx, &input.load_balancer_arn, |found| found.security_groups.clone_from(&groups)).await?;
    Ok(SetSecurityGroupsOutput {
        security_group_ids: Some(groups),
        enforce_security_group_inbound_rules_on_private_link_traffic: None,
    })
}

pub(crate) async fn set_ip_address_type(
    cx: Ctx,
    input: SetIpAddressTypeInput,
) -> Result<SetIpAddressTypeOutput> {
    load_balancer::named(&cx, &cx.kv.snapshot().await?, &input.load_balancer_arn)?;
    load_balancer::check_ip_address_type("SetIpAddressType", Some(&input.ip_address_type))?;
    Ok(SetIpAddressTypeOutput { ip_address_type: Some(input.ip_address_type) })
}
