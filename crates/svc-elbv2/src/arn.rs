//! The ARNs of load balancers, listeners, rules and target groups: each names what it lies in, and ids that are never
//! used again.

use env::Env;
use service::Caller;

use crate::keys::{ListenerKey, NameKey};

const SERVICE: &str = "elasticloadbalancing";

/// What an ARN names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    LoadBalancer { key: NameKey, id: String },
    Listener { key: ListenerKey, balancer: String },
    Rule { listener: ListenerKey, balancer: String, id: String },
    TargetGroup { key: NameKey, id: String },
}

impl Named {
    /// `None` for what is no ARN of the caller's.
    pub(crate) fn parse(caller: &Caller, arn: &str) -> Option<Self> {
        let rest = arn.strip_prefix(&caller.arn(SERVICE, ""))?;
        let parts = rest.split('/').collect::<Vec<_>>();
        if parts.iter().any(|part| part.is_empty()) {
            return None;
        }
        let key = |name: &str| (caller.account.to_string(), caller.region.to_string(), name.to_owned());
        let listener = |name: &str, id: &str| crate::keys::listener(&key(name), id);
        match *parts.as_slice() {
            ["loadbalancer", "app", name, id] => {
                Some(Self::LoadBalancer { key: key(name), id: id.to_owned() })
            }
            ["listener", "app", name, balancer, id] => {
                Some(Self::Listener { key: listener(name, id), balancer: balancer.to_owned() })
            }
            ["listener-rule", "app", name, balancer, in_listener, id] => Some(Self::Rule {
                listener: listener(name, in_listener),
                balancer: balancer.to_owned(),
                id: id.to_owned(),
            }),
            ["targetgroup", name, id] => Some(Self::TargetGroup { key: key(name), id: id.to_owned() }),
            _ => None,
        }
    }
}

pub(crate) fn load_balancer((account, region, name): &NameKey, id: &str) -> String {
    format!("arn:aws:{SERVICE}:{region}:{account}:loadbalancer/app/{name}/{id}")
}

pub(crate) fn listener((account, region, name, id): &ListenerKey, balancer: &str) -> String {
    format!("arn:aws:{SERVICE}:{region}:{account}:listener/app/{name}/{balancer}/{id}")
}

pub(crate) fn rule((account, region, name, in_listener): &ListenerKey, balancer: &str, id: &str) -> String {
    format!("arn:aws:{SERVICE}:{region}:{account}:listener-rule/app/{name}/{balancer}/{in_listener}/{id}")
}

pub(crate) fn target_group((account, region, name): &NameKey, id: &str) -> String {
    format!("arn:aws:{SERVICE}:{region}:{account}:targetgroup/{name}/{id}")
}

/// Sixteen hexadecimal digits.
pub(crate) fn new_id(env: &Env) -> String {
    let mut random = [0; 8];
    env.fill(&mut random);
    format!("{:016x}", u64::from_be_bytes(random))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let caller = Caller::root("000000000000", "us-east-1");
        let key = ("000000000000".to_owned(), "us-east-1".to_owned(), "n".to_owned());
        let of_listener = crate::keys::listener(&key, "l");
        let check = |arn: String, expected: Option<Named>| {
            assert_eq!(Named::parse(&caller, &arn), expected, "{arn}");
        };
        check(load_balancer(&key, "i"), Some(Named::LoadBalancer { key: key.clone(), id: "i".into() }));
        check(target_group(&key, "i"), Some(Named::TargetGroup { key: key.clone(), id: "i".into() }));
        let balancer = || "b".to_owned();
        check(
            listener(&of_listener, "b"),
            Some(Named::Listener { key: of_listener.clone(), balancer: balancer() }),
        );
        check(
            rule(&of_listener, "b", "r"),
            Some(Named::Rule { listener: of_listener.clone(), balancer: balancer(), id: "r".into() }),
        );
        let elsewhere = ("000000000000".to_owned(), "eu-west-1".to_owned(), "n".to_owned());
        check(target_group(&elsewhere, "i"), None);
        check(caller.arn(SERVICE, "loadbalancer/net/n/i"), None);
        check(caller.arn(SERVICE, "targetgroup/n/"), None);
        check("n".to_owned(), None);
    }
}
