//! Everything that load balancers store, one line each. Numbers and layouts are on disk for ever.

use kv::Table;

use crate::listener::Listener;
use crate::load_balancer::{LoadBalancer, Owner};
use crate::target_group::TargetGroup;

/// Account, region, name: of a load balancer or a target group.
pub(crate) type NameKey = (String, String, String);
/// Account, region, load balancer, the listener's id.
pub(crate) type ListenerKey = (String, String, String, String);

/// Every load balancer, until it is deleted; its listeners go with it.
pub(crate) const LOAD_BALANCERS: Table<NameKey, LoadBalancer> = Table::new(800, "load balancers");
/// Listeners with their rules.
pub(crate) const LISTENERS: Table<ListenerKey, Listener> = Table::new(801, "load balancer listeners");
/// With the function that is registered.
pub(crate) const TARGET_GROUPS: Table<NameKey, TargetGroup> = Table::new(802, "target groups");
/// Whose a name of a host is, by its first label.
pub(crate) const OWNERS: Table<String, Owner> = Table::new(803, "load balancer names");
/// The listeners of each port: port, account, region, load balancer; the listener's id.
pub(crate) const PORTS: Table<(u16, String, String, String), String> = Table::new(804, "load balancer ports");

pub(crate) fn listener((account, region, name): &NameKey, id: &str) -> ListenerKey {
    (account.clone(), region.clone(), name.clone(), id.to_owned())
}

/// Of the load balancer that has the listener.
pub(crate) fn load_balancer((account, region, name, _): &ListenerKey) -> NameKey {
    (account.clone(), region.clone(), name.clone())
}
