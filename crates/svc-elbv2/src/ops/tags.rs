//! Tags of load balancers, listeners, rules and target groups.

use api_elbv2::{
    AddTagsInput, AddTagsOutput, DescribeTagsInput, DescribeTagsOutput, RemoveTagsInput, RemoveTagsOutput,
    TagDescription,
};
use aws_wire::Result;
use kv::{Read, Tx};

use crate::arn::Named;
use crate::keys::{LISTENERS, LOAD_BALANCERS, TARGET_GROUPS};
use crate::listener::Listener;
use crate::refusal::invalid;
use crate::tags::{self, Tags};
use crate::{Ctx, listener, load_balancer, target_group};

pub(crate) async fn add_tags(cx: Ctx, input: AddTagsInput) -> Result<AddTagsOutput> {
    let given = tags::read(Some(input.tags))?;
    let add = |tags: &mut Tags| {
        tags.extend(given.clone());
        tags::check(tags)
    };
    change(&cx, &input.resource_arns, add).await?;
    Ok(AddTagsOutput {})
}

pub(crate) async fn remove_tags(cx: Ctx, input: RemoveTagsInput) -> Result<RemoveTagsOutput> {
    let remove = |tags: &mut Tags| {
        tags.retain(|key, _| !input.tag_keys.contains(key));
        Ok(())
    };
    change(&cx, &input.resource_arns, remove).await?;
    Ok(RemoveTagsOutput {})
}

pub(crate) async fn describe_tags(cx: Ctx, input: DescribeTagsInput) -> Result<DescribeTagsOutput> {
    let snapshot = cx.kv.snapshot().await?;
    let mut descriptions = Vec::new();
    for arn in input.resource_arns {
        let tags = of(&cx, &snapshot, &arn)?;
        descriptions.push(TagDescription { resource_arn: Some(arn), tags: Some(tags::shown(&tags)) });
    }
    Ok(DescribeTagsOutput { tag_descriptions: Some(descriptions) })
}

fn of(cx: &Ctx, reader: &impl Read, arn: &str) -> Result<Tags> {
    match parse(cx, arn)? {
        Named::LoadBalancer { .. } => Ok(load_balancer::named(cx, reader, arn)?.1.tags),
        Named::TargetGroup { .. } => Ok(target_group::named(cx, reader, arn)?.1.tags),
        Named::Listener { .. } => Ok(listener::named(cx, reader, arn)?.1.tags),
        Named::Rule { .. } => {
            let (_, mut found, id) = listener::of_rule(cx, reader, arn)?;
            Ok(std::mem::take(of_rule(&mut found, &id)))
        }
    }
}

async fn change(
    cx: &Ctx,
    arns: &[String],
    change: impl Fn(&mut Tags) -> Result<()> + Send + Sync,
) -> Result<()> {
    cx.kv.transact(|tx| arns.iter().try_for_each(|arn| change_one(cx, tx, arn, &change))).await
}

fn change_one(cx: &Ctx, tx: &mut Tx, arn: &str, change: impl Fn(&mut Tags) -> Result<()>) -> Result<()> {
    match parse(cx, arn)? {
        Named::LoadBalancer { .. } => {
            let (key, mut found) = load_balancer::named(cx, tx, arn)?;
            change(&mut found.tags)?;
            Ok(LOAD_BALANCERS.put(tx, &key, &found)?)
        }
        Named::TargetGroup { .. } => {
            let (key, mut found) = target_group::named(cx, tx, arn)?;
            change(&mut found.tags)?;
            Ok(TARGET_GROUPS.put(tx, &key, &found)?)
        }
        Named::Listener { .. } => {
            let (key, mut found) = listener::named(cx, tx, arn)?;
            change(&mut found.tags)?;
            Ok(LISTENERS.put(tx, &key, &found)?)
        }
        Named::Rule { .. } => {
            let (key, mut found, id) = listener::of_rule(cx, tx, arn)?;
            change(of_rule(&mut found, &id))?;
            Ok(LISTENERS.put(tx, &key, &found)?)
        }
    }
}

fn of_rule<'a>(listener: &'a mut Listener, id: &str) -> &'a mut Tags {
    match listener.rules.iter_mut().find(|rule| rule.id == id) {
        Some(rule) => &mut rule.tags,
        None => &mut listener.default_tags,
    }
}

fn parse(cx: &Ctx, arn: &str) -> Result<Named> {
    Named::parse(&cx.caller, arn)
        .ok_or_else(|| invalid(format!("'{arn}' is not a valid load balancing resource ARN")))
}
