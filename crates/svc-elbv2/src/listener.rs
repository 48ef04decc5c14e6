//! A listener and its rules: one row, for a request needs all of it.

use api_elbv2::{ProtocolEnum, errors};
use aws_wire::{AwsError, Result};
use kv::Read;
use serde::{Deserialize, Serialize};

use crate::Ctx;
use crate::action::Action;
use crate::arn::{self, Named};
use crate::attributes::Attributes;
use crate::condition::{Condition, Sight};
use crate::keys::{self, LISTENERS, LOAD_BALANCERS, ListenerKey};
use crate::refusal::{no_listener, no_rule};
use crate::tags::Tags;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Listener {
    pub port: u16,
    /// Of its load balancer, as ARNs name it.
    pub balancer: String,
    /// What it does with a request that is no rule's.
    pub action: Action,
    /// The id of the rule that has this action.
    pub default_rule: String,
    /// By priority.
    pub rules: Vec<Rule>,
    #[serde(default)]
    pub attributes: Attributes,
    #[serde(default)]
    pub tags: Tags,
    /// The default rule's.
    #[serde(default)]
    pub default_tags: Tags,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rule {
    pub id: String,
    pub priority: u32,
    /// All have to fit.
    pub conditions: Vec<Condition>,
    pub action: Action,
    #[serde(default)]
    pub tags: Tags,
}

impl Listener {
    pub(crate) fn actions(&self) -> impl Iterator<Item = &Action> {
        std::iter::once(&self.action).chain(self.rules.iter().map(|rule| &rule.action))
    }

    /// What is to be done with a request.
    pub(crate) fn choose(&self, sight: &Sight<'_>) -> &Action {
        let fits = |rule: &&Rule| rule.conditions.iter().all(|condition| condition.matches(sight));
        self.rules.iter().find(fits).map_or(&self.action, |rule| &rule.action)
    }

    /// # Errors
    /// 400 where another rule has the priority.
    pub(crate) fn add(&mut self, rule: Rule) -> Result<()> {
        match self.rules.binary_search_by_key(&rule.priority, |known| known.priority) {
            Ok(_) => Err(priority_in_use(rule.priority)),
            Err(place) => {
                self.rules.insert(place, rule);
                Ok(())
            }
        }
    }

    pub(crate) fn show(&self, key: &ListenerKey) -> api_elbv2::Listener {
        api_elbv2::Listener {
            listener_arn: Some(arn::listener(key, &self.balancer)),
            load_balancer_arn: Some(arn::load_balancer(&keys::load_balancer(key), &self.balancer)),
            port: Some(self.port.into()),
            protocol: Some(ProtocolEnum::Http),
            certificates: None,
            ssl_policy: None,
            default_actions: Some(vec![self.action.show()]),
            alpn_policy: None,
            mutual_authentication: None,
        }
    }

    /// A rule as requests see it; `None` is the default rule.
    pub(crate) fn show_rule(&self, key: &ListenerKey, rule: Option<&Rule>) -> api_elbv2::Rule {
        let id = rule.map_or(&self.default_rule, |rule| &rule.id);
        let conditions = rule.map_or(&[][..], |rule| &rule.conditions);
        api_elbv2::Rule {
            rule_arn: Some(arn::rule(key, &self.balancer, id)),
            priority: Some(rule.map_or_else(|| "default".to_owned(), |rule| rule.priority.to_string())),
            conditions: Some(conditions.iter().map(Condition::show).collect()),
            actions: Some(vec![rule.map_or(&self.action, |rule| &rule.action).show()]),
            is_default: Some(rule.is_none()),
            transforms: None,
        }
    }
}

pub(crate) fn priority_in_use(priority: u32) -> AwsError {
    errors::priority_in_use_exception(format!("Priority '{priority}' is currently in use"))
}

/// The listener that an ARN names.
///
/// # Errors
/// 400 without it.
pub(crate) fn named(cx: &Ctx, reader: &impl Read, arn: &str) -> Result<(ListenerKey, Listener)> {
    let Some(Named::Listener { key, balancer }) = Named::parse(&cx.caller, arn) else {
        return Err(no_listener(arn));
    };
    find(reader, &key, &balancer)?.map(|found| (key, found)).ok_or_else(|| no_listener(arn))
}

/// The listener of the rule that an ARN names, and the rule's id.
///
/// # Errors
/// 400 without it.
pub(crate) fn of_rule(cx: &Ctx, reader: &impl Read, arn: &str) -> Result<(ListenerKey, Listener, String)> {
    let Some(Named::Rule { listener: key, balancer, id }) = Named::parse(&cx.caller, arn) else {
        return Err(no_rule(arn));
    };
    let found = find(reader, &key, &balancer)?;
    let found = found
        .filter(|listener| listener.default_rule == id || listener.rules.iter().any(|rule| rule.id == id));
    found.map(|listener| (key, listener, id)).ok_or_else(|| no_rule(arn))
}

fn find(reader: &impl Read, key: &ListenerKey, balancer: &str) -> Result<Option<Listener>> {
    let found = LISTENERS.get(reader, key)?.filter(|listener| listener.balancer == balancer);
    let owner = LOAD_BALANCERS.get(reader, &keys::load_balancer(key))?;
    Ok(found.filter(|listener| owner.is_some_and(|owner| owner.id == listener.balancer)))
}
