//! `PutBucketNotificationConfiguration`: who is to hear of what; each target must be there, and let S3 in
//! for this bucket.

use api_s3::{
    Event, GetBucketNotificationConfigurationInput, NotificationConfiguration,
    PutBucketNotificationConfigurationInput,
};
use aws_wire::{AwsError, Result};
use service::{TargetArn, Undelivered};

use crate::bucket::Bucket;
use crate::{Ctx, bridge, bucket, document, errors, notify};

pub(crate) async fn put_bucket_notification_configuration(
    cx: Ctx,
    input: PutBucketNotificationConfigurationInput,
) -> Result<()> {
    let owner = input.expected_bucket_owner.as_deref();
    let bucket = bucket::find(&cx, &cx.kv.snapshot().await?, &input.bucket, owner)?;
    let mut set = input.notification_configuration;
    if set.event_bridge_configuration.is_some() {
        check_bus(&cx, &bucket).await?;
    }
    name(&cx, &mut set);
    for (service, target, events) in targets(&set) {
        if events.is_empty() {
            return Err(errors::malformed_xml());
        }
        let arn = TargetArn::parse(target)
            .filter(|arn| arn.service() == service)
            .ok_or_else(|| errors::invalid_argument(target, "null", "The ARN could not be parsed"))?;
        if input.skip_destination_validation == Some(true) {
            continue;
        }
        let sender = notify::sender(bucket.arn(), bucket.account.clone());
        if let Err(error) = cx.check_sender(&arn, sender).await {
            let message = "Unable to validate the following destination configurations";
            return Err(errors::invalid_argument(target, &error.to_string(), message));
        }
    }
    document::put::<GetBucketNotificationConfigurationInput>(&cx, &input.bucket, owner, set).await
}

/// The account's default bus is always there, if buses are.
async fn check_bus(cx: &Ctx, bucket: &Bucket) -> Result<()> {
    let bus = TargetArn::parse(&bridge::bus(bucket)).expect("the ARN of a bus is one");
    match cx.check_target(&bus).await {
        Ok(()) => Ok(()),
        Err(Undelivered::NotServed { .. }) => Err(AwsError::parameter_not_implemented(
            "PutBucketNotificationConfiguration",
            "EventBridgeConfiguration",
        )),
        Err(error) => Err(AwsError::internal(error)),
    }
}

/// Gives each configuration an id that has none.
fn name(cx: &Ctx, set: &mut NotificationConfiguration) {
    let functions = set.lambda_function_configurations.iter_mut().flatten().map(|one| &mut one.id);
    let queues = set.queue_configurations.iter_mut().flatten().map(|one| &mut one.id);
    let topics = set.topic_configurations.iter_mut().flatten().map(|one| &mut one.id);
    for id in functions.chain(queues).chain(topics).filter(|id| id.is_none()) {
        *id = Some(cx.env.uuid().to_string());
    }
}

fn targets(set: &NotificationConfiguration) -> Vec<(&'static str, &str, &[Event])> {
    let functions = set.lambda_function_configurations.iter().flatten();
    let functions = functions.map(|one| ("lambda", one.lambda_function_arn.as_str(), one.events.as_slice()));
    let queues = set.queue_configurations.iter().flatten();
    let queues = queues.map(|one| ("sqs", one.queue_arn.as_str(), one.events.as_slice()));
    let topics = set.topic_configurations.iter().flatten();
    let topics = topics.map(|one| ("sns", one.topic_arn.as_str(), one.events.as_slice()));
    functions.chain(queues).chain(topics).collect()
}
