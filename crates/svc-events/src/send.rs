//! Sending one event to one target, and what could not be sent to its dead letters.

use std::collections::BTreeMap;

use api_logs::{CreateLogStreamInput, InputLogEvent, PutLogEventsInput};
use aws_wire::{AwsError, Result, timestamp};
use env::Timestamp;
use event_input::Path;
use serde_json::Value as Json;
use service::{Attribute, Caller, Delivery, InOrder, Sender, TargetArn, Undelivered};

use crate::ingest::{Arrival, ingest};
use crate::input::{self, Known};
use crate::keys::{BusKey, RULES, TARGETS};
use crate::outbox::{Dead, Parcel, Recipient};
use crate::post::post;
use crate::rule::{self, Rule};
use crate::target::Target;
use crate::{Ctx, bus, policy};

/// Buses that an event may pass, one after the other: rules that send in a circle would never end.
const HOPS_MAX: u8 = 8;

/// Why a target did not take an event.
pub(crate) struct Failure {
    /// As dead letters have it.
    pub code: &'static str,
    pub message: String,
    pub is_worth_another_try: bool,
    /// When to come back at the earliest, in microseconds, where the target says.
    pub not_before_us: Option<i64>,
    /// Nothing was sent: it does not count among the tries.
    pub is_no_try: bool,
}

impl Failure {
    pub(crate) fn new(code: &'static str, message: String, is_worth_another_try: bool) -> Self {
        Self { code, message, is_worth_another_try, not_before_us: None, is_no_try: false }
    }
}

impl From<Undelivered> for Failure {
    fn from(error: Undelivered) -> Self {
        let code = match error {
            Undelivered::NotServed { .. } | Undelivered::Invalid(_) | Undelivered::TooLarge { .. } => {
                "INVALID_PARAMETER"
            }
            Undelivered::NotFound(_) => "NO_RESOURCE",
            Undelivered::Denied(_) => "NO_PERMISSIONS",
            Undelivered::Throttled => "THROTTLING",
            Undelivered::Failed(_) => "ERROR_FROM_TARGET",
        };
        Self::new(code, error.to_string(), error.is_worth_another_try())
    }
}

/// An answer of a service that was called.
impl From<AwsError> for Failure {
    fn from(error: AwsError) -> Self {
        let code = match error.status {
            404 => "NO_RESOURCE",
            403 => "NO_PERMISSIONS",
            429 => "THROTTLING",
            500.. => "ERROR_FROM_TARGET",
            _ if error.code == "ResourceNotFoundException" => "NO_RESOURCE",
            _ => "INVALID_PARAMETER",
        };
        let is_worth_another_try = (error.status >= 500 && error.status != 501) || error.status == 429;
        Self::new(code, error.message.unwrap_or_default(), is_worth_another_try)
    }
}

impl From<kv::Error> for Failure {
    fn from(error: kv::Error) -> Self {
        Undelivered::Failed(error.to_string()).into()
    }
}

/// The rule and the target as they are now.
///
/// # Errors
/// Those of the store.
pub(crate) async fn find(cx: &Ctx, bus: &BusKey, recipient: &Recipient) -> Result<Option<(Rule, Target)>> {
    let snapshot = cx.kv.snapshot().await?;
    let (account, region, bus) = (bus.0.as_str(), bus.1.as_str(), bus.2.as_str());
    let rule = RULES.get(&snapshot, &(account, region, bus, recipient.rule.as_str()))?;
    let key = (account, region, bus, recipient.rule.as_str(), recipient.target.as_str());
    Ok(rule.zip(TARGETS.get(&snapshot, &key)?))
}

/// # Errors
/// Why the target did not take it.
pub(crate) async fn send(
    cx: &Ctx,
    parcel: &Parcel,
    recipient: &Recipient,
    rule: &Rule,
    target: &Target,
) -> Result<(), Failure> {
    let invalid = || Undelivered::Invalid(target.arn.clone());
    let arn = TargetArn::parse(&target.arn).ok_or_else(invalid)?;
    let rule_arn = rule::arn(&rule::key(&parcel.bus, &recipient.rule));
    let text = parcel.event.get();
    let event =
        serde_json::from_str::<Json>(text).map_err(|error| Undelivered::Invalid(error.to_string()))?;
    if arn.resource().starts_with("event-bus/") {
        return forward(cx, parcel, &event, target.role.as_ref().or(rule.role.as_ref()), &arn).await;
    }
    let received = Timestamp::from_micros(parcel.received_us);
    let known = Known { rule_arn: &rule_arn, rule_name: &recipient.rule, received, text, event: &event };
    let payload = input::of_target(target, &known);
    if arn.resource().starts_with("api-destination/") {
        return post(cx, target, &arn, &event, payload).await;
    }
    if arn.service() == "logs" {
        return write_log(cx, parcel, &recipient.rule, &arn, payload).await;
    }
    let id = event["id"].as_str().unwrap_or_default().to_owned();
    let in_order = match (&target.message_group, arn.service()) {
        (Some(group), _) => Some(InOrder { group: group.clone(), deduplication: id }),
        (None, "kinesis") => Some(InOrder { group: partition_key(target, &event, &id), deduplication: id }),
        (None, _) => None,
    };
    let role = if arn.service() == "kinesis" {
        target.role.as_ref().or(rule.role.as_ref())
    } else {
        target.role.as_ref()
    };
    let delivery = Delivery {
        target: arn,
        payload: payload.into(),
        sender: sender(&parcel.bus, rule_arn, role.cloned()),
        attributes: BTreeMap::new(),
        in_order,
        bus: None,
        object_key: None,
        trace: parcel.trace.clone(),
    };
    Ok(cx.deliver(delivery).await?)
}

fn sender(bus: &BusKey, rule_arn: String, role: Option<String>) -> Sender {
    Sender {
        service: "events.amazonaws.com".to_owned(),
        source_arn: rule_arn,
        source_account: bus.0.clone(),
        role,
    }
}

/// What the event has at the target's path, else the event's id.
fn partition_key(target: &Target, event: &Json, id: &str) -> String {
    let path = target.partition_key_path.as_deref().and_then(Path::parse);
    match path.and_then(|path| path.find(event)) {
        Some(Json::String(key)) if !key.is_empty() => key,
        Some(key) if !key.is_null() && !key.is_string() => key.to_string(),
        _ => id.to_owned(),
    }
}

/// To another bus, as it is.
async fn forward(
    cx: &Ctx,
    parcel: &Parcel,
    event: &Json,
    role: Option<&String>,
    arn: &TargetArn,
) -> Result<(), Failure> {
    let key = bus::key_of_arn(arn.as_str()).ok_or_else(|| Undelivered::Invalid(arn.to_string()))?;
    let (own, other) = (&parcel.bus.0, &key.0);
    let came_from_another = event["account"].as_str().is_some_and(|account| account != own);
    let refuse = |code, message: &str| Failure::new(code, message.to_owned(), false);
    if came_from_another && own != other {
        return Err(refuse(
            "THIRD_ACCOUNT_HOP_DETECTED",
            "An event of another account is not sent to a third one.",
        ));
    }
    if parcel.hops >= HOPS_MAX {
        return Err(refuse(
            "INVALID_PARAMETER",
            "The event has passed too many buses: its rules send in a circle.",
        ));
    }
    let there = bus::get(&cx.kv.snapshot().await?, &key)?;
    let there = there.ok_or_else(|| Undelivered::NotFound(arn.to_string()))?;
    let root = format!("arn:aws:iam::{own}:root");
    if !policy::allows(cx, &key, &there, own, role.unwrap_or(&root)) {
        return Err(Undelivered::Denied(arn.to_string()).into());
    }
    let (event, trace) = (parcel.event.clone(), parcel.trace.clone());
    let arrival = Arrival { bus: key, event, trace, hops: parcel.hops + 1, replay: None };
    Ok(ingest(cx, &[arrival]).await?)
}

/// Into a log group, a stream for each rule and day. A payload that says `timestamp` and `message` is taken at its word.
async fn write_log(
    cx: &Ctx,
    parcel: &Parcel,
    rule: &str,
    arn: &TargetArn,
    payload: String,
) -> Result<(), Failure> {
    if arn.account() != parcel.bus.0 {
        return Err(Undelivered::Denied(arn.to_string()).into());
    }
    let group =
        arn.resource().strip_prefix("log-group:").unwrap_or_default().trim_end_matches(":*").to_owned();
    let received = Timestamp::from_micros(parcel.received_us);
    let stream = format!("{rule}/{}", &timestamp::iso8601(received)[..10]);
    let cx = cx.as_caller(Caller::root(arn.account(), arn.region()));
    let create = CreateLogStreamInput { log_group_name: group.clone(), log_stream_name: stream.clone() };
    match cx.call(create).await {
        Err(error) if error.code == "ResourceAlreadyExistsException" => {}
        created => created?,
    }
    let said = serde_json::from_str::<Json>(&payload).ok();
    let said = said.as_ref().and_then(|said| Some((said["timestamp"].as_i64()?, said["message"].as_str()?)));
    let (at, message) = said.unwrap_or((received.as_millis(), &payload));
    let put = PutLogEventsInput {
        log_group_name: group,
        log_stream_name: stream,
        log_events: vec![InputLogEvent { timestamp: at, message: message.to_owned() }],
        ..PutLogEventsInput::default()
    };
    cx.call(put).await?;
    Ok(())
}

/// # Errors
/// Why the queue did not take it.
pub(crate) async fn bury(
    cx: &Ctx,
    parcel: &Parcel,
    recipient: &Recipient,
    dead: &Dead,
) -> Result<(), Failure> {
    let invalid = || Undelivered::Invalid(dead.queue.clone());
    let queue = TargetArn::parse(&dead.queue).ok_or_else(invalid)?;
    let rule_arn = rule::arn(&rule::key(&parcel.bus, &recipient.rule));
    // The target may be gone by now; then its id stands for it.
    let found = find(cx, &parcel.bus, recipient).await?;
    let target_arn = found.map_or_else(|| recipient.target.clone(), |(_, target)| target.arn);
    let retries = dead.exhausted.as_ref().map(|_| dead.retries.to_string());
    let told = [
        ("RULE_ARN", Some(rule_arn.clone())),
        ("TARGET_ARN", Some(target_arn)),
        ("ERROR_CODE", Some(dead.code.clone())),
        ("ERROR_MESSAGE", Some(dead.message.clone())),
        ("EXHAUSTED_RETRY_CONDITION", dead.exhausted.clone()),
        ("RETRY_ATTEMPTS", retries),
    ];
    let attributes = told.into_iter().filter_map(|(name, value)| {
        Some((name.to_owned(), Attribute { data_type: "String".into(), value: value? }))
    });
    let delivery = Delivery {
        target: queue,
        payload: parcel.event.get().to_owned().into(),
        sender: sender(&parcel.bus, rule_arn, None),
        attributes: attributes.collect(),
        in_order: None,
        bus: None,
        object_key: None,
        trace: parcel.trace.clone(),
    };
    Ok(cx.deliver(delivery).await?)
}
