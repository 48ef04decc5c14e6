//! `PutSubscriptionFilter`: a group's matching events go to a function or a stream from now on.

use api_logs::{Distribution, PutSubscriptionFilterInput, errors};
use aws_wire::{AwsError, Result};
use service::{TargetArn, Undelivered};

use crate::keys::{GROUPS, SHIPMENTS};
use crate::pattern::Pattern;
use crate::subscription::{Filter, Shipment, regional, sender};
use crate::{Ctx, group};

const FILTERS_MAX: usize = 2;
const OPERATION: &str = "PutSubscriptionFilter";

pub(crate) async fn put_subscription_filter(cx: Ctx, input: PutSubscriptionFilterInput) -> Result<()> {
    let unhonoured = [
        ("applyOnTransformedLogs", input.apply_on_transformed_logs == Some(true)),
        ("fieldSelectionCriteria", input.field_selection_criteria.as_ref().is_some_and(|it| !it.is_empty())),
        ("emitSystemFields", input.emit_system_fields.as_ref().is_some_and(|it| !it.is_empty())),
    ];
    if let Some((parameter, _)) = unhonoured.iter().find(|(_, asked)| *asked) {
        return Err(AwsError::parameter_not_implemented(OPERATION, parameter));
    }
    Pattern::parse(&input.filter_pattern)?;
    let key = group::key(&cx, &input.log_group_name);
    group::find(&cx.kv.snapshot().await?, &key)?;
    let is_stream = check_destination(&cx, &input).await?;
    let (now, row) = (cx.env.now(), cx.env.uuid().into_bytes());
    let filter = Filter {
        name: input.filter_name,
        pattern: input.filter_pattern,
        destination: input.destination_arn,
        role: input.role_arn,
        spread: input.distribution == Some(Distribution::Random),
        created_ms: now.as_millis(),
    };
    cx.kv
        .transact(|tx| {
            let mut group = group::find(tx, &key)?;
            match group.filters.iter().position(|known| known.name == filter.name) {
                Some(at) => {
                    let created_ms = group.filters[at].created_ms;
                    group.filters[at] = Filter { created_ms, ..filter.clone() };
                }
                None if group.filters.len() == FILTERS_MAX => {
                    return Err(errors::limit_exceeded_exception("Resource limit exceeded."));
                }
                None => group.filters.push(filter.clone()),
            }
            group.filters.sort_by(|a, b| a.name.cmp(&b.name));
            if is_stream {
                let (account, region, group) = key.clone();
                let question = Shipment {
                    account,
                    region,
                    group,
                    stream: String::new(),
                    filter: filter.clone(),
                    events: Vec::new(),
                    trace: None,
                    since_ms: now.as_millis(),
                    tries: 0,
                };
                SHIPMENTS.put(tx, &(now.as_micros(), row), &question)?;
            }
            Ok::<_, AwsError>(GROUPS.put(tx, &key, &group)?)
        })
        .await?;
    if is_stream {
        cx.state.agenda.added(now.as_micros());
    }
    Ok(())
}

/// Whether a destination that can be sent to is a stream.
async fn check_destination(cx: &Ctx, input: &PutSubscriptionFilterInput) -> Result<bool> {
    let refuse = |message: &str| errors::invalid_parameter_exception(message);
    let arn = TargetArn::parse(&input.destination_arn);
    let arn = arn.ok_or_else(|| refuse("Invalid destinationArn"))?;
    let service = arn.service();
    let is_function = service == "lambda";
    if is_function && input.role_arn.is_some() {
        return Err(refuse("destinationArn for vendor lambda cannot be used with roleArn"));
    }
    if matches!(service, "kinesis" | "firehose") && input.role_arn.is_none() {
        return Err(refuse(&format!("destinationArn for vendor {service} cannot be used without roleArn")));
    }
    if !matches!(service, "lambda" | "kinesis" | "firehose" | "logs") {
        let message =
            format!("PutSubscriptionFilter operation cannot work with destinationArn for vendor {service}");
        return Err(refuse(&message));
    }
    if arn.account() != &*cx.caller.account || arn.region() != &*cx.caller.region {
        return Err(refuse("destinationArn must be in the account and region of the log group"));
    }
    let (account, region) = (&*cx.caller.account, &*cx.caller.region);
    let sender = sender(account, region, &input.log_group_name, input.role_arn.clone());
    let mut checked = cx.check_sender(&arn, sender.clone()).await;
    if matches!(checked, Err(Undelivered::Denied(_))) {
        checked = cx.check_sender(&arn, regional(&sender, region)).await;
    }
    match checked {
        Ok(()) => Ok(!is_function),
        Err(Undelivered::NotServed { service }) => {
            Err(AwsError::parameter_not_implemented(OPERATION, &format!("destinationArn of {service}")))
        }
        Err(Undelivered::Failed(reason)) => Err(AwsError::internal(reason)),
        Err(_) if is_function => Err(refuse(
            "Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to execute your \
             function.",
        )),
        Err(_) => Err(refuse(&format!(
            "Could not deliver test message to specified {} stream. Check if the given {} stream is in ACTIVE state.",
            service[..1].to_uppercase() + &service[1..],
            service
        ))),
    }
}
