//! Application Load Balancers: listeners at ports of this machine, with rules that forward requests to functions
//! and servers, redirect them or answer them.
//!
//! Start with `site.rs`, the road of a request, and `listener.rs`, which chooses the rule; `ports.rs` opens and closes
//! ports.

mod action;
mod arn;
mod attributes;
mod condition;
mod health;
mod keys;
mod listener;
mod load_balancer;
mod ops;
mod page;
mod pattern;
mod ports;
mod refusal;
mod server;
mod site;
mod tags;
mod target_group;

use std::sync::Arc;

use service::Service;

pub use ports::{OpenPort, Ports};

/// Of the sites that ports are opened for.
pub const API: &aws_wire::schema::Service = &api_elbv2::SERVICE;
/// Who invokes, for the policies of functions.
pub(crate) const PRINCIPAL: &str = "elasticloadbalancing.amazonaws.com";

/// The settings.
#[derive(Default)]
pub struct Config {
    /// Who opens listeners' ports; without one, load balancers are called by name alone.
    pub ports: Option<Arc<dyn Ports>>,
}

/// What load balancers hold in memory; all of it can be made anew.
pub(crate) struct Balancers {
    doors: ports::Doors,
    checks: health::Checks,
    turns: server::Turns,
    client: http_client::Client,
}

pub(crate) type Ctx = service::Ctx<Balancers>;

/// The service and its operations.
pub fn service(config: Config) -> Service {
    let state = Arc::new(Balancers {
        doors: ports::Doors::new(config.ports),
        checks: health::Checks::default(),
        turns: server::Turns::default(),
        client: http_client::Client::default(),
    });
    Service::new(API, state)
        .op(ops::account::describe_account_limits)
        .op(ops::listeners::create_listener)
        .op(ops::listeners::delete_listener)
        .op(ops::listeners::describe_listener_attributes)
        .op(ops::listeners::describe_listeners)
        .op(ops::listeners::modify_listener)
        .op(ops::listeners::modify_listener_attributes)
        .op(ops::load_balancers::create_load_balancer)
        .op(ops::load_balancers::delete_load_balancer)
        .op(ops::load_balancers::describe_capacity_reservation)
        .op(ops::load_balancers::describe_load_balancer_attributes)
        .op(ops::load_balancers::describe_load_balancers)
        .op(ops::load_balancers::modify_load_balancer_attributes)
        .op(ops::networks::set_ip_address_type)
        .op(ops::networks::set_security_groups)
        .op(ops::networks::set_subnets)
        .op(ops::rules::create_rule)
        .op(ops::rules::delete_rule)
        .op(ops::rules::describe_rules)
        .op(ops::rules::modify_rule)
        .op(ops::rules::set_rule_priorities)
        .op(ops::tags::add_tags)
        .op(ops::tags::describe_tags)
        .op(ops::tags::remove_tags)
        .op(ops::target_groups::create_target_group)
        .op(ops::target_groups::delete_target_group)
        .op(ops::target_groups::describe_target_group_attributes)
        .op(ops::target_groups::describe_target_groups)
        .op(ops::target_groups::modify_target_group)
        .op(ops::target_groups::modify_target_group_attributes)
        .op(ops::targets::deregister_targets)
        .op(ops::targets::describe_target_health)
        .op(ops::targets::register_targets)
        .site(site::NamedSite)
        .edge(refusal::ElbEdge)
        .job("open load balancers' ports", ports::run)
        .job("check the health of targets", health::run)
        .done()
}
