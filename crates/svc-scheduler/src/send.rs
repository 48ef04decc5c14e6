//! Invoking one target, and sending what could not be sent to its dead letters.

use std::collections::BTreeMap;

use aws_wire::timestamp;
use env::Timestamp;
use serde_json::json;
use service::{Attribute, BusEvent, Delivery, InOrder, Sender, TargetArn, Undelivered};

use crate::Ctx;
use crate::outbox::{Dead, Parcel};
use crate::schedules;

/// Why a target was not invoked.
pub(crate) struct Failure {
    /// As dead letters have it.
    pub code: &'static str,
    pub message: String,
    pub is_worth_another_try: bool,
}

impl Failure {
    /// In the codes of the service that did not take it, which is whose error the Scheduler tells.
    fn of(service: &str, error: &Undelivered) -> Self {
        let code = match (error, service) {
            (Undelivered::NotFound(_), "sqs") => "AWS.SimpleQueueService.NonExistentQueue",
            (Undelivered::NotFound(_), "sns") => "NotFound",
            (Undelivered::NotFound(_), _) => "ResourceNotFoundException",
            (Undelivered::Denied(_), _) => "AccessDeniedException",
            (Undelivered::Throttled, _) => "ThrottlingException",
            (Undelivered::Failed(_), _) => "InternalServerException",
            (Undelivered::NotServed { .. } | Undelivered::Invalid(_) | Undelivered::TooLarge { .. }, _) => {
                "ValidationException"
            }
        };
        Self { code, message: error.to_string(), is_worth_another_try: error.is_worth_another_try() }
    }
}

fn moment(parcel: &Parcel) -> String {
    timestamp::iso8601(Timestamp::from_secs(parcel.at))
}

/// The input, with what the Scheduler knows in the place of its keywords; else an event that says what was due.
fn payload(parcel: &Parcel) -> String {
    let (account, region, ..) = &parcel.schedule;
    let arn = schedules::arn(&parcel.schedule);
    match &parcel.target.input {
        Some(input) => input
            .replace("<aws.scheduler.schedule-arn>", &arn)
            .replace("<aws.scheduler.scheduled-time>", &moment(parcel))
            .replace("<aws.scheduler.execution-id>", &parcel.execution)
            .replace("<aws.scheduler.attempt-number>", &(parcel.tries + 1).to_string()),
        None if parcel.target.event.is_some() => "{}".to_owned(),
        // Its detail is a text, as AWS has it.
        None => json!({
            "version": "0",
            "id": parcel.execution,
            "detail-type": "Scheduled Event",
            "source": "aws.scheduler",
            "account": account,
            "time": moment(parcel),
            "region": region,
            "resources": [arn],
            "detail": "{}",
        })
        .to_string(),
    }
}

fn delivery(parcel: &Parcel, target: TargetArn) -> Delivery {
    Delivery {
        target,
        payload: payload(parcel).into(),
        sender: Sender {
            service: "scheduler.amazonaws.com".to_owned(),
            source_arn: schedules::arn(&parcel.schedule),
            source_account: parcel.schedule.0.clone(),
            role: Some(parcel.target.role.clone()),
        },
        attributes: BTreeMap::new(),
        in_order: None,
        bus: None,
        object_key: None,
        trace: None,
    }
}

/// # Errors
/// Why the target was not invoked.
pub(crate) async fn send(cx: &Ctx, parcel: &Parcel) -> Result<(), Failure> {
    let target = &parcel.target;
    let invalid = || Failure::of("", &Undelivered::Invalid(target.arn.clone()));
    let arn = TargetArn::parse(&target.arn).ok_or_else(invalid)?;
    let service = arn.service().to_owned();
    let group = target.message_group.as_ref().or(target.partition_key.as_ref());
    let in_order =
        group.map(|group| InOrder { group: group.clone(), deduplication: parcel.execution.clone() });
    let bus = target.event.clone().map(|(source, detail_type)| BusEvent {
        source,
        detail_type,
        resources: vec![schedules::arn(&parcel.schedule)],
    });
    let delivery = Delivery { in_order, bus, ..delivery(parcel, arn) };
    cx.deliver(delivery).await.map_err(|error| Failure::of(&service, &error))
}

/// # Errors
/// Why the queue did not take it.
pub(crate) async fn bury(cx: &Ctx, parcel: &Parcel, dead: &Dead) -> Result<(), Failure> {
    let invalid = || Failure::of("sqs", &Undelivered::Invalid(dead.queue.clone()));
    let queue = TargetArn::parse(&dead.queue).ok_or_else(invalid)?;
    let told = [
        ("ERROR_CODE", Some(dead.code.clone())),
        ("ERROR_MESSAGE", Some(dead.message.clone())),
        ("EXECUTION_ID", Some(parcel.execution.clone())),
        ("EXHAUSTED_RETRY_CONDITION", dead.exhausted.clone()),
        ("IS_PAYLOAD_TRUNCATED", Some("false".to_owned())),
        ("RETRY_ATTEMPTS", Some(dead.retries.to_string())),
        ("SCHEDULED_TIME", Some(moment(parcel))),
        ("SCHEDULE_ARN", Some(schedules::arn(&parcel.schedule))),
        ("TARGET_ARN", Some(parcel.target.arn.clone())),
    ];
    let attributes = told.into_iter().filter_map(|(name, value)| {
        Some((name.to_owned(), Attribute { data_type: "String".into(), value: value? }))
    });
    let delivery = Delivery { attributes: attributes.collect(), ..delivery(parcel, queue) };
    cx.deliver(delivery).await.map_err(|error| Failure::of("sqs", &error))
}
