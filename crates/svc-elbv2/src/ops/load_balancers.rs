//! Load balancers: creating, listing, changing and deleting them.

use api_elbv2::{
    CreateLoadBalancerInput, CreateLoadBalancerOutput, DeleteLoadBalancerInput, DeleteLoadBalancerOutput,
    DescribeCapacityReservationInput, DescribeCapacityReservationOutput, DescribeLoadBalancerAttributesInput,
    DescribeLoadBalancerAttributesOutput, DescribeLoadBalancersInput, DescribeLoadBalancersOutput,
    LoadBalancerAttribute, LoadBalancerSchemeEnum, LoadBalancerTypeEnum, ModifyLoadBalancerAttributesInput,
    ModifyLoadBalancerAttributesOutput, errors,
};
use aws_wire::{AwsError, Result};
use kv::Span;

use super::account::LOAD_BALANCERS_MAX;
use crate::arn::{self, Named};
use crate::attributes::{self, Attributes, DELETION_PROTECTION, OF_LOAD_BALANCER};
use crate::keys::{LISTENERS, LOAD_BALANCERS, OWNERS, PORTS};
use crate::load_balancer::{self, LoadBalancer, Owner};
use crate::refusal::{check_name, invalid, no_load_balancer, not_honoured};
use crate::{Ctx, page, ports, tags};

pub(crate) async fn create_load_balancer(
    cx: Ctx,
    input: CreateLoadBalancerInput,
) -> Result<CreateLoadBalancerOutput> {
    const OPERATION: &str = "CreateLoadBalancer";
    if let Some(kind) = input.r#type.as_ref().filter(|kind| **kind != LoadBalancerTypeEnum::Application) {
        return Err(AwsError::parameter_not_implemented(OPERATION, &format!("Type {}", kind.as_str())));
    }
    let given = [
        ("CustomerOwnedIpv4Pool", input.customer_owned_ipv4_pool.is_some()),
        ("EnablePrefixForIpv6SourceNat", input.enable_prefix_for_ipv6_source_nat.is_some()),
        ("IpamPools", input.ipam_pools.is_some()),
    ];
    not_honoured(OPERATION, &given)?;
    load_balancer::check_ip_address_type(OPERATION, input.ip_address_type.as_ref())?;
    check_name("load balancer", &input.name)?;
    if input.name.to_ascii_lowercase().starts_with("internal-") {
        return Err(invalid(format!(
            "The load balancer name '{}' cannot begin with 'internal-'",
            input.name
        )));
    }
    let security_groups = input.security_groups.unwrap_or_default();
    load_balancer::check_security_groups(&security_groups)?;
    let internal = input.scheme == Some(LoadBalancerSchemeEnum::Internal);
    let made = LoadBalancer {
        id: arn::new_id(&cx.env),
        label: load_balancer::new_label(&cx.env, &input.name, internal),
        internal,
        subnets: load_balancer::subnets(OPERATION, input.subnets, input.subnet_mappings)?,
        security_groups,
        created: cx.env.now().as_millis(),
        attributes: Attributes::new(),
        tags: tags::read(input.tags)?,
    };
    let key = (cx.caller.account.to_string(), cx.caller.region.to_string(), input.name);
    let stored = cx
        .kv
        .transact(|tx| {
            if let Some(present) = LOAD_BALANCERS.get(tx, &key)? {
                return if same(&present, &made) { Ok(present) } else { Err(duplicate(&key.2)) };
            }
            let all = LOAD_BALANCERS.all(tx, &Span::prefix(&(key.0.as_str(), key.1.as_str())))?;
            if all.len() >= LOAD_BALANCERS_MAX {
                return Err(errors::too_many_load_balancers_exception(
                    "The maximum number of load balancers has been reached",
                ));
            }
            LOAD_BALANCERS.put(tx, &key, &made)?;
            OWNERS.put(tx, &made.label.to_ascii_lowercase(), &Owner::of(&key))?;
            Ok(made.clone())
        })
        .await?;
    let shown = stored.show_now(&cx, &cx.kv.snapshot().await?, &key).await?;
    Ok(CreateLoadBalancerOutput { load_balancers: Some(vec![shown]) })
}

/// Whether what is asked for is there already.
fn same(present: &LoadBalancer, asked: &LoadBalancer) -> bool {
    present.internal == asked.internal
        && present.subnets == asked.subnets
        && present.security_groups == asked.security_groups
        && present.tags == asked.tags
}

fn duplicate(name: &str) -> AwsError {
    errors::duplicate_load_balancer_name_exception(format!(
        "A load balancer with the same name '{name}' exists, but with different settings"
    ))
}

/// The load balancer and its listeners; one that is not there is no error.
pub(crate) async fn delete_load_balancer(
    cx: Ctx,
    input: DeleteLoadBalancerInput,
) -> Result<DeleteLoadBalancerOutput> {
    let arn = &input.load_balancer_arn;
    let Some(Named::LoadBalancer { key, id }) = Named::parse(&cx.caller, arn) else {
        return Err(no_load_balancer(arn));
    };
    let delete = cx.kv.transact(|tx| {
        let Some(found) = LOAD_BALANCERS.get(tx, &key)?.filter(|found| found.id == id) else {
            return Ok(());
        };
        if attributes::flag(&found.attributes, DELETION_PROTECTION, false) {
            return Err(errors::operation_not_permitted_exception(format!(
                "Load balancer '{arn}' cannot be deleted because deletion protection is enabled"
            )));
        }
        let (account, region, name) = &key;
        let all = Span::prefix(&(account.as_str(), region.as_str(), name.as_str()));
        for (_, listener) in LISTENERS.all(tx, &all)? {
            PORTS.delete(tx, &(listener.port, account.as_str(), region.as_str(), name.as_str()))?;
        }
        LISTENERS.delete_all(tx, &all)?;
        OWNERS.delete(tx, &found.label.to_ascii_lowercase())?;
        Ok::<_, AwsError>(LOAD_BALANCERS.delete(tx, &key)?)
    });
    ports::changing(&cx, None, delete).await?;
    cx.state.checks.news.raise();
    Ok(DeleteLoadBalancerOutput {})
}

pub(crate) async fn describe_load_balancers(
    cx: Ctx,
    input: DescribeLoadBalancersInput,
) -> Result<DescribeLoadBalancersOutput> {
    let snapshot = cx.kv.snapshot().await?;
    let (account, region) = (&*cx.caller.account, &*cx.caller.region);
    let mut found = Vec::new();
    match (input.load_balancer_arns, input.names) {
        (Some(_), Some(_)) => {
            return Err(invalid("Load balancer names and ARNs cannot be specified at the same time"));
        }
        (Some(arns), None) => {
            for arn in arns {
                found.push(load_balancer::named(&cx, &snapshot, &arn)?);
            }
        }
        (None, Some(names)) => {
            for name in names {
                let key = (account.to_owned(), region.to_owned(), name);
                let missing = || {
                    errors::load_balancer_not_found_exception(format!(
                        "Load balancers '[{}]' not found",
                        key.2
                    ))
                };
                let one = LOAD_BALANCERS.get(&snapshot, &key)?.ok_or_else(missing)?;
                found.push((key, one));
            }
        }
        (None, None) => found = LOAD_BALANCERS.all(&snapshot, &Span::prefix(&(account, region)))?,
    }
    let found = found.into_iter().map(|(key, one)| (key.2.clone(), (key, one))).collect();
    let (found, next_marker) = page::of(found, input.marker.as_deref(), input.page_size)?;
    let mut shown = Vec::new();
    for (key, one) in found {
        shown.push(one.show_now(&cx, &snapshot, &key).await?);
    }
    Ok(DescribeLoadBalancersOutput { load_balancers: Some(shown), next_marker })
}

fn show_attributes(set: &Attributes) -> Vec<LoadBalancerAttribute> {
    let all = attributes::all(OF_LOAD_BALANCER, set).into_iter();
    all.map(|(key, value)| LoadBalancerAttribute { key: Some(key), value: Some(value) }).collect()
}

pub(crate) async fn describe_load_balancer_attributes(
    cx: Ctx,
    input: DescribeLoadBalancerAttributesInput,
) -> Result<DescribeLoadBalancerAttributesOutput> {
    let (_, found) = load_balancer::named(&cx, &cx.kv.snapshot().await?, &input.load_balancer_arn)?;
    Ok(DescribeLoadBalancerAttributesOutput { attributes: Some(show_attributes(&found.attributes)) })
}

pub(crate) async fn modify_load_balancer_attributes(
    cx: Ctx,
    input: ModifyLoadBalancerAttributesInput,
) -> Result<ModifyLoadBalancerAttributesOutput> {
    let set = cx
        .kv
        .transact(|tx| {
            let (key, mut found) = load_balancer::named(&cx, tx, &input.load_balancer_arn)?;
            let given = input.attributes.iter().map(|one| (one.key.clone(), one.value.clone()));
            let operation = "ModifyLoadBalancerAttributes";
            attributes::set(operation, OF_LOAD_BALANCER, &mut found.attributes, given)?;
            LOAD_BALANCERS.put(tx, &key, &found)?;
            Ok::<_, AwsError>(found.attributes)
        })
        .await?;
    Ok(ModifyLoadBalancerAttributesOutput { attributes: Some(show_attributes(&set)) })
}

/// There is none: to ask for one answers 501.
pub(crate) async fn describe_capacity_reservation(
    cx: Ctx,
    input: DescribeCapacityReservationInput,
) -> Result<DescribeCapacityReservationOutput> {
    load_balancer::named(&cx, &cx.kv.snapshot().await?, &input.load_balancer_arn)?;
    Ok(DescribeCapacityReservationOutput {
        last_modified_time: None,
        decrease_requests_remaining: None,
        minimum_load_balancer_capacity: None,
        capacity_reservation_state: Some(Vec::new()),
    })
}
