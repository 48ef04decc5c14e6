//! The worker's hands: an event to a function, a record to its target.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_wire::AwsError;
use bytes::Bytes;
use env::Timestamp;
use execution::{Invocation, Refused};
use service::{Attribute, BusEvent, Caller, Delivery, Sender, TargetArn, Undelivered};

use crate::Ctx;
use crate::asynchronous::event::{Attempted, Event, Parcel, ParcelKind, Plan};
use crate::asynchronous::worker::{Doer, Fate};
use crate::asynchronous::{config, count, record};
use crate::function::Function;
use crate::keys::{EVENT_INVOKE_CONFIGS, FUNCTIONS, FunctionKey};
use crate::name::{FunctionName, LATEST};
use crate::segments;
use crate::trace::Trace;

/// The platform itself, as the worker uses it.
pub(crate) struct Platform(Ctx);

impl Platform {
    pub(crate) fn new(cx: Ctx) -> Self {
        Self(cx)
    }

    /// The surroundings of a request that the platform makes for a function's account.
    fn cx(&self, (account, region, _): &FunctionKey) -> Ctx {
        self.0.as_caller(Caller::root(account, region))
    }

    async fn try_attempt(&self, cx: &Ctx, name: &FunctionName, event: &Event) -> Result<Attempted, AwsError> {
        let target = cx.state.versions.get(cx, name).await?;
        let trace = Trace::parse(&event.trace);
        if let Some(trace) = &trace
            && config::is_loop(cx, name, trace).await?
        {
            return Ok(Attempted::Recursive);
        }
        let entered = trace.map(|trace| segments::enter(&cx.env, &trace, &target.sampler, &name.arn()));
        let (trace_id, sampled) = entered.map_or((None, None), |(id, sampled)| (Some(id), sampled));
        let invocation = Invocation {
            request_id: event.request_id.as_str().into(),
            invoked_function_arn: name.qualified_arn(),
            payload: Bytes::copy_from_slice(event.payload.as_bytes()),
            client_context: None,
            trace_id,
            sampled,
            sink: None,
        };
        let version = target.pick(&cx.env);
        let invoked = cx.state.pools.invoke(version, invocation).await;
        // Environments that are being ended end what runs in them: that is no failure of the function.
        if cx.state.pools.is_closing() {
            return Ok(Attempted::Interrupted);
        }
        Ok(match invoked {
            Ok(outcome) => Attempted::Answered {
                payload: outcome.payload,
                failed: outcome.failed,
                executed_version: version.version.clone(),
            },
            Err(Refused::Throttled(throttled)) if throttled.is_for_good() => Attempted::Barred,
            Err(Refused::Throttled(_)) => Attempted::Throttled,
            Err(Refused::Sandbox(_) | Refused::Restore(_)) => Attempted::Unavailable,
        })
    }
}

impl Doer for Platform {
    async fn plan(&self, function: &FunctionKey, event: &Event) -> Result<Option<Plan>, kv::Error> {
        let snapshot = self.0.kv.snapshot().await?;
        let Some(stored) = FUNCTIONS.get(&snapshot, function)? else { return Ok(None) };
        let (account, region, name) = function;
        let qualifier = event.qualifier.as_deref().unwrap_or(LATEST);
        let config = EVENT_INVOKE_CONFIGS.get(&snapshot, &(account, region, name, qualifier))?;
        let config = config.unwrap_or_default();
        // `$LATEST`'s dead-letter queue is that of all versions.
        let Function { live, wanted, .. } = stored;
        let settings = live.unwrap_or(wanted);
        Ok(Some(Plan {
            retries_max: config.retries_max(),
            age_max: Duration::from_secs(config.age_max_s().into()),
            on_success: config.on_success,
            on_failure: config.on_failure,
            dead_letter: settings.dead_letter_arn,
            role: settings.role,
        }))
    }

    async fn attempt(&self, function: &FunctionKey, event: &Event) -> Attempted {
        let cx = self.cx(function);
        let name = match FunctionName::parse(&cx.caller, &function.2, event.qualifier.as_deref()) {
            Ok(name) => name,
            Err(_) => return Attempted::Gone,
        };
        match self.try_attempt(&cx, &name, event).await {
            Ok(attempted) => attempted,
            Err(error) if error.status == 404 => Attempted::Gone,
            Err(error) => {
                tracing::debug!(%error, cause = ?error.cause, id = event.request_id, "an event can't be run now");
                Attempted::Unavailable
            }
        }
    }

    async fn send(&self, function: &FunctionKey, parcel: &Parcel) -> Result<(), Undelivered> {
        let target =
            TargetArn::parse(&parcel.target).ok_or_else(|| Undelivered::Invalid(parcel.target.clone()))?;
        let created = Timestamp::from_micros(parcel.created_us);
        let cx = self.cx(function).with_request_id(parcel.request_id.as_str().into());
        let within = format!("async/{}", function.2);
        let object_key = record::object_key(&target, &within, &self.0.env.uuid().to_string(), created);
        cx.deliver(Delivery {
            sender: Sender {
                service: "lambda.amazonaws.com".to_owned(),
                source_arn: parcel.function_arn.clone(),
                source_account: function.0.clone(),
                role: Some(parcel.role.clone()),
            },
            payload: Bytes::copy_from_slice(parcel.body.as_bytes()),
            attributes: attributes(parcel),
            in_order: None,
            bus: bus_event(parcel, &target),
            object_key,
            trace: Some(parcel.trace.clone()).filter(|trace| !trace.is_empty()),
            target,
        })
        .await
    }

    fn tell(&self, function: &FunctionKey, id: &str, fate: &Fate<'_>) {
        self.log(function, id, fate);
    }
}

impl Platform {
    /// A line in the log, with how many there were.
    fn log(&self, function: &FunctionKey, id: &str, fate: &Fate<'_>) {
        let counts = &self.0.state.events.counts;
        let function = &function.2;
        match fate {
            Fate::Handled => {
                count(&counts.handled);
            }
            Fate::Dropped(condition) => {
                let number = count(&counts.dropped);
                tracing::warn!(
                    function,
                    id,
                    ?condition,
                    number,
                    "an event failed and has no destination: dropped"
                );
            }
            Fate::Orphaned => {
                let number = count(&counts.orphaned);
                tracing::warn!(function, id, number, "an event's function is gone: dropped");
            }
            Fate::Recursive => {
                let number = count(&counts.recursive);
                tracing::warn!(function, id, number, "an event went round in a loop: stopped");
            }
            Fate::Undelivered(parcel, error) if matches!(parcel.kind, ParcelKind::DeadLetter { .. }) => {
                let (target, number) = (&parcel.target, count(&counts.dead_letter_errors));
                tracing::error!(function, id, target, %error, number, "a dead letter could not be delivered");
            }
            Fate::Undelivered(parcel, error) => {
                let (target, number) = (&parcel.target, count(&counts.destination_delivery_failures));
                tracing::error!(function, id, target, %error, number, "a record could not be delivered");
            }
        }
    }
}

fn attributes(parcel: &Parcel) -> BTreeMap<String, Attribute> {
    let ParcelKind::DeadLetter { error_code, error_message } = &parcel.kind else { return BTreeMap::new() };
    let attribute = |data_type: &'static str, value: String| Attribute { data_type: data_type.into(), value };
    BTreeMap::from([
        ("RequestID".to_owned(), attribute("String", parcel.request_id.clone())),
        ("ErrorCode".to_owned(), attribute("Number", error_code.to_string())),
        ("ErrorMessage".to_owned(), attribute("String", error_message.clone())),
    ])
}

fn bus_event(parcel: &Parcel, target: &TargetArn) -> Option<BusEvent> {
    let end = match parcel.kind {
        ParcelKind::OnSuccess => "Success",
        ParcelKind::OnFailure => "Failure",
        ParcelKind::DeadLetter { .. } => return None,
    };
    Some(BusEvent {
        source: "lambda".to_owned(),
        detail_type: format!("Lambda Function Invocation Result - {end}"),
        resources: vec![target.to_string(), parcel.qualified_arn.clone()],
    })
}

/// Functions as targets of everybody's events.
pub(crate) mod target {
    use super::{Arc, Caller, Ctx, Delivery, FunctionName, Sender, TargetArn, Undelivered};
    use crate::asynchronous::config::goes_round;
    use crate::asynchronous::{EVENT_BYTES_MAX, accept};
    use crate::policy;
    use crate::published::find_qualified;
    use crate::trace::Trace;

    /// How often a chain of log lines passes a function that they come from.
    const LOG_PASSES_MAX: u32 = 4;

    fn named(cx: &Ctx, arn: &TargetArn) -> Result<(Ctx, FunctionName), Undelivered> {
        let invalid = || Undelivered::Invalid(arn.to_string());
        let resource = arn.resource().strip_prefix("function:").filter(|name| !name.is_empty());
        let resource = resource.ok_or_else(invalid)?;
        let cx = cx.as_caller(Caller::root(arn.account(), arn.region()));
        let (name, qualifier) = match resource.split_once(':') {
            Some((name, qualifier)) => (name, Some(qualifier)),
            None => (resource, None),
        };
        let name = FunctionName::parse(&cx.caller, name, qualifier).map_err(|_| invalid())?;
        Ok((cx, name))
    }

    pub(crate) async fn check(cx: Ctx, arn: TargetArn) -> Result<(), Undelivered> {
        let (cx, name) = named(&cx, &arn)?;
        find_qualified(&cx, &name).await.map(drop).map_err(|error| undelivered(&error))
    }

    /// Whether a service would be let in.
    pub(crate) async fn admit(cx: Ctx, arn: TargetArn, sender: Sender) -> Result<(), Undelivered> {
        let (cx, name) = named(&cx, &arn)?;
        match policy::lets_in(&cx, &name, &sender, "lambda:InvokeFunction").await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Undelivered::Denied(arn.to_string())),
            Err(error) => Err(undelivered(&error)),
        }
    }

    pub(crate) async fn deliver(cx: Ctx, delivery: Delivery) -> Result<(), Undelivered> {
        let (cx, name) = named(&cx, &delivery.target)?;
        if delivery.payload.len() > EVENT_BYTES_MAX {
            return Err(Undelivered::TooLarge { bytes: delivery.payload.len(), bytes_max: EVENT_BYTES_MAX });
        }
        find_qualified(&cx, &name).await.map_err(|error| undelivered(&error))?;
        let let_in = policy::lets_in(&cx, &name, &delivery.sender, "lambda:InvokeFunction").await;
        if !let_in.map_err(|error| undelivered(&error))? {
            return Err(Undelivered::Denied(delivery.target.to_string()));
        }
        let request_id = cx.env.uuid().to_string();
        let cx = cx.with_trace(delivery.trace.as_deref().map(Arc::from));
        let trace = Trace::of(&cx);
        // A function that hears its own log lines writes several for each that it hears: its chains branch, and are
        // stopped long before those that do not.
        let is_log = delivery.sender.service.starts_with("logs.");
        let goes_round = is_log
            && goes_round(&cx, &name, &trace, LOG_PASSES_MAX).await.map_err(|error| undelivered(&error))?;
        if goes_round {
            return Err(Undelivered::Denied(format!("{} goes round in a loop", delivery.target)));
        }
        let accepted = accept(&cx, &name, &request_id, &delivery.payload, &trace).await;
        accepted.map_err(|error| undelivered(&error))
    }

    fn undelivered(error: &aws_wire::AwsError) -> Undelivered {
        let message = error.message.clone().unwrap_or_default();
        match error.status {
            404 => Undelivered::NotFound(message),
            403 => Undelivered::Denied(message),
            429 => Undelivered::Throttled,
            400..500 if error.status != 409 => Undelivered::Invalid(message),
            _ => Undelivered::Failed(message),
        }
    }
}
