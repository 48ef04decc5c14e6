//! Rules: creating, listing, changing, ordering and deleting them.

use std::collections::BTreeMap;

use api_elbv2::{
    CreateRuleInput, CreateRuleOutput, DeleteRuleInput, DeleteRuleOutput, DescribeRulesInput,
    DescribeRulesOutput, ModifyRuleInput, ModifyRuleOutput, SetRulePrioritiesInput, SetRulePrioritiesOutput,
    errors,
};
use aws_wire::{AwsError, Result};
use kv::{Read, Span};

use super::account::RULES_MAX;
use crate::arn;
use crate::keys::{self, LISTENERS, ListenerKey};
use crate::listener::{self, Listener, Rule, priority_in_use};
use crate::refusal::{invalid, not_honoured};
use crate::{Ctx, action, condition, page, tags};

const PRIORITY_MAX: u32 = 50_000;

pub(crate) async fn create_rule(cx: Ctx, input: CreateRuleInput) -> Result<CreateRuleOutput> {
    const OPERATION: &str = "CreateRule";
    not_honoured(OPERATION, &[("Transforms", input.transforms.is_some_and(|all| !all.is_empty()))])?;
    let rule = Rule {
        id: arn::new_id(&cx.env),
        priority: priority(input.priority)?,
        conditions: condition::read(OPERATION, input.conditions)?,
        action: action::read(OPERATION, input.actions)?,
        tags: tags::read(input.tags)?,
    };
    let (key, stored) = cx
        .kv
        .transact(|tx| {
            let (key, mut found) = listener::named(&cx, tx, &input.listener_arn)?;
            action::check_groups(&cx, tx, &balancer_arn(&key, &found), &rule.action)?;
            if rules_beside(tx, &key, &found)? >= RULES_MAX {
                return Err(errors::too_many_rules_exception(
                    "The maximum number of rules has been reached on the load balancer",
                ));
            }
            found.add(rule.clone())?;
            LISTENERS.put(tx, &key, &found)?;
            Ok::<_, AwsError>((key, found))
        })
        .await?;
    cx.state.checks.news.raise();
    Ok(CreateRuleOutput { rules: Some(vec![stored.show_rule(&key, Some(&rule))]) })
}

fn priority(given: i32) -> Result<u32> {
    let priority = u32::try_from(given).ok().filter(|priority| (1..=PRIORITY_MAX).contains(priority));
    priority.ok_or_else(|| invalid(format!("Priority must be between '1' and '{PRIORITY_MAX}'")))
}

fn balancer_arn(key: &ListenerKey, listener: &Listener) -> String {
    arn::load_balancer(&keys::load_balancer(key), &listener.balancer)
}

/// How many rules the load balancer of a listener has.
fn rules_beside(reader: &impl Read, key: &ListenerKey, listener: &Listener) -> Result<usize> {
    let (account, region, name, id) = key;
    let all = LISTENERS.all(reader, &Span::prefix(&(account, region, name.as_str())))?;
    let others = all.iter().filter(|((.., other), _)| other != id).map(|(_, other)| other.rules.len());
    Ok(others.sum::<usize>() + listener.rules.len())
}

pub(crate) async fn delete_rule(cx: Ctx, input: DeleteRuleInput) -> Result<DeleteRuleOutput> {
    cx.kv
        .transact(|tx| {
            let (key, mut found, id) = listener::of_rule(&cx, tx, &input.rule_arn)?;
            if found.default_rule == id {
                return Err(errors::operation_not_permitted_exception(format!(
                    "Default rule '{}' cannot be deleted",
                    input.rule_arn
                )));
            }
            found.rules.retain(|rule| rule.id != id);
            Ok::<_, AwsError>(LISTENERS.put(tx, &key, &found)?)
        })
        .await?;
    cx.state.checks.news.raise();
    Ok(DeleteRuleOutput {})
}

pub(crate) async fn describe_rules(cx: Ctx, input: DescribeRulesInput) -> Result<DescribeRulesOutput> {
    let snapshot = cx.kv.snapshot().await?;
    let mut shown = Vec::new();
    match (input.listener_arn, input.rule_arns) {
        (Some(arn), None) => {
            let (key, found) = listener::named(&cx, &snapshot, &arn)?;
            let rules = found.rules.iter().map(Some).chain([None]);
            shown.extend(rules.map(|rule| found.show_rule(&key, rule)));
        }
        (None, Some(arns)) => {
            for arn in arns {
                let (key, found, id) = listener::of_rule(&cx, &snapshot, &arn)?;
                shown.push(found.show_rule(&key, found.rules.iter().find(|rule| rule.id == id)));
            }
        }
        _ => return Err(invalid("You must specify either listener rule ARNs or a listener ARN")),
    }
    let ordered = shown.into_iter().enumerate().map(|(at, rule)| (format!("{at:05}"), rule)).collect();
    let (rules, next_marker) = page::of(ordered, input.marker.as_deref(), input.page_size)?;
    Ok(DescribeRulesOutput { rules: Some(rules), next_marker })
}

pub(crate) async fn modify_rule(cx: Ctx, input: ModifyRuleInput) -> Result<ModifyRuleOutput> {
    const OPERATION: &str = "ModifyRule";
    not_honoured(OPERATION, &[("Transforms", input.transforms.is_some_and(|all| !all.is_empty()))])?;
    let given = |empty: bool| !empty;
    let conditions = input.conditions.filter(|all| given(all.is_empty()));
    let conditions = conditions.map(|all| condition::read(OPERATION, all)).transpose()?;
    let action = input.actions.filter(|all| given(all.is_empty()));
    let action = action.map(|all| action::read(OPERATION, all)).transpose()?;
    if conditions.is_none() && action.is_none() && input.reset_transforms != Some(true) {
        return Err(invalid("Either conditions or actions must be specified"));
    }
    let (key, stored, id) = cx
        .kv
        .transact(|tx| {
            let (key, mut found, id) = listener::of_rule(&cx, tx, &input.rule_arn)?;
            let balancer = balancer_arn(&key, &found);
            let Some(rule) = found.rules.iter_mut().find(|rule| rule.id == id) else {
                return Err(errors::operation_not_permitted_exception(format!(
                    "Default rule '{}' cannot be modified",
                    input.rule_arn
                )));
            };
            if let Some(conditions) = &conditions {
                rule.conditions.clone_from(conditions);
            }
            if let Some(action) = &action {
                action::check_groups(&cx, tx, &balancer, action)?;
                rule.action = action.clone();
            }
            LISTENERS.put(tx, &key, &found)?;
            Ok::<_, AwsError>((key, found, id))
        })
        .await?;
    cx.state.checks.news.raise();
    let rule = stored.rules.iter().find(|rule| rule.id == id);
    Ok(ModifyRuleOutput { rules: Some(vec![stored.show_rule(&key, rule)]) })
}

pub(crate) async fn set_rule_priorities(
    cx: Ctx,
    input: SetRulePrioritiesInput,
) -> Result<SetRulePrioritiesOutput> {
    let mut wanted = BTreeMap::new();
    for pair in input.rule_priorities {
        let (Some(arn), Some(given)) = (pair.rule_arn, pair.priority) else {
            return Err(invalid("A rule ARN and a priority must be specified"));
        };
        let given = priority(given)?;
        if wanted.values().any(|other| *other == given) {
            return Err(invalid(format!("Priority '{given}' was provided multiple times")));
        }
        wanted.insert(arn, given);
    }
    let listeners = cx
        .kv
        .transact(|tx| {
            let mut changed = BTreeMap::<ListenerKey, Listener>::new();
            for (arn, priority) in &wanted {
                let (key, found, id) = listener::of_rule(&cx, tx, arn)?;
                let found = changed.entry(key).or_insert(found);
                let Some(rule) = found.rules.iter_mut().find(|rule| rule.id == id) else {
                    return Err(errors::operation_not_permitted_exception(format!(
                        "Priority of the default rule '{arn}' cannot be modified"
                    )));
                };
                rule.priority = *priority;
            }
            for (key, found) in &mut changed {
                found.rules.sort_by_key(|rule| rule.priority);
                if let Some(pair) = found.rules.windows(2).find(|pair| pair[0].priority == pair[1].priority) {
                    return Err(priority_in_use(pair[0].priority));
                }
                LISTENERS.put(tx, key, found)?;
            }
            Ok::<_, AwsError>(changed)
        })
        .await?;
    let rules = listeners.iter().flat_map(|(key, found)| {
        let named = |rule: &&Rule| wanted.contains_key(&arn::rule(key, &found.balancer, &rule.id));
        found.rules.iter().filter(named).map(|rule| found.show_rule(key, Some(rule))).collect::<Vec<_>>()
    });
    Ok(SetRulePrioritiesOutput { rules: Some(rules.collect()) })
}
