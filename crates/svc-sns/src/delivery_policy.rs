//! Delivery policies: when an HTTP endpoint is tried again, how fast it is sent to, and with which content type.

use std::time::Duration;

use aws_wire::Result;
use serde_json::{Map, Value as Json, json};

use crate::refusal::invalid;

const RETRIES_MAX: u64 = 100;
/// Seconds: of one pause, and of all pauses of a policy.
const PAUSE_MAX_S: u64 = 3600;
const TEXT: &str = "text/plain; charset=UTF-8";
/// Content types of envelopes.
const TYPES: &[&str] = &["application/json", "text/plain"];
/// Content types of what is delivered raw.
const RAW_TYPES: &[&str] = &[
    "application/atom+xml",
    "application/json",
    "application/octet-stream",
    "application/soap+xml",
    "application/x-www-form-urlencoded",
    "application/xhtml+xml",
    "application/xml",
    "text/css",
    "text/csv",
    "text/html",
    "text/plain",
    "text/xml",
];

/// How the pauses of the backoff phase grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Growth {
    Linear,
    Arithmetic,
    Geometric,
    Exponential,
}

/// What holds for a subscription.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DeliveryPolicy {
    retries: Retries,
    per_second_max: Option<f64>,
    content_type: String,
}

/// Four phases: at once, at the shortest pause, growing, at the longest.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Retries {
    all: u64,
    at_once: u64,
    shortest: u64,
    longest: u64,
    min_s: u64,
    max_s: u64,
    growth: Growth,
}

impl Default for Retries {
    fn default() -> Self {
        Self { all: 3, at_once: 0, shortest: 0, longest: 0, min_s: 20, max_s: 20, growth: Growth::Linear }
    }
}

impl DeliveryPolicy {
    /// What a topic's policy and a subscription's come to; both were checked when they were set.
    pub(crate) fn effective(topic: Option<&str>, subscription: Option<&str>) -> Self {
        let read = |text: Option<&str>| text.and_then(|text| serde_json::from_str::<Json>(text).ok());
        let topic = read(topic).map(|topic| topic["http"].clone()).unwrap_or_default();
        let overridden = topic["disableSubscriptionOverrides"] != Json::Bool(true);
        let own = read(subscription).filter(|_| overridden).unwrap_or_default();
        let first = |name: &str, default: &str| {
            if own[name].is_null() { topic[default].clone() } else { own[name].clone() }
        };
        let retries = first("healthyRetryPolicy", "defaultHealthyRetryPolicy");
        let throttle = first("throttlePolicy", "defaultThrottlePolicy");
        let request = first("requestPolicy", "defaultRequestPolicy");
        Self {
            retries: retries.as_object().and_then(|given| retry(given).ok()).unwrap_or_default(),
            per_second_max: throttle["maxReceivesPerSecond"].as_f64().filter(|rate| *rate > 0.0),
            content_type: request["headerContentType"].as_str().unwrap_or(TEXT).to_owned(),
        }
    }

    /// How long to wait before the try of this number; the first retry is 1. `None` when there is none any more.
    pub(crate) fn pause(&self, number: u64) -> Option<Duration> {
        self.retries.pause(number).map(Duration::from_secs_f64)
    }

    /// Between one request and the next.
    pub(crate) fn spacing(&self) -> Option<Duration> {
        self.per_second_max.map(|rate| Duration::from_secs_f64(1.0 / rate))
    }

    pub(crate) fn content_type(&self) -> &str {
        &self.content_type
    }

    /// A topic's as `GetTopicAttributes` shows it.
    pub(crate) fn show_of_topic(topic: Option<&str>) -> String {
        let own = topic.and_then(|text| serde_json::from_str::<Json>(text).ok()).unwrap_or_default();
        let policy = Self::effective(topic, None);
        let mut http = json!({
            "defaultHealthyRetryPolicy": policy.retries.show(),
            "disableSubscriptionOverrides": own["http"]["disableSubscriptionOverrides"] == Json::Bool(true),
            "defaultRequestPolicy": { "headerContentType": policy.content_type },
        });
        if let Some(rate) = policy.per_second_max {
            http["defaultThrottlePolicy"] = json!({ "maxReceivesPerSecond": rate });
        }
        json!({ "http": http }).to_string()
    }

    /// As `GetSubscriptionAttributes` shows it.
    pub(crate) fn show(&self) -> String {
        let throttle = self.per_second_max.map(|rate| json!({ "maxReceivesPerSecond": rate }));
        json!({
            "healthyRetryPolicy": self.retries.show(),
            "sicklyRetryPolicy": null,
            "throttlePolicy": throttle,
            "requestPolicy": { "headerContentType": self.content_type },
            "guaranteed": false,
        })
        .to_string()
    }
}

impl Retries {
    fn pause(&self, number: u64) -> Option<f64> {
        let growing = self.all - self.at_once - self.shortest - self.longest;
        if number > self.all {
            return None;
        }
        let after = |phase: u64| number.saturating_sub(phase);
        if after(self.at_once) == 0 {
            return Some(0.0);
        }
        if after(self.at_once + self.shortest) == 0 {
            return Some(seconds(self.min_s));
        }
        let step = after(self.at_once + self.shortest);
        if step > growing {
            return Some(seconds(self.max_s));
        }
        Some(self.grown(step, growing))
    }

    /// The pause of a step of the growing phase: from the shortest at the first to the longest at the last.
    fn grown(&self, step: u64, steps: u64) -> f64 {
        let (min, max) = (seconds(self.min_s), seconds(self.max_s));
        let along = if steps < 2 { 0.0 } else { seconds(step - 1) / seconds(steps - 1) };
        match self.growth {
            Growth::Linear => min + (max - min) * along,
            // The increments grow by the same amount each time.
            Growth::Arithmetic => min + (max - min) * along * (along + 1.0) / 2.0,
            Growth::Geometric => min * (max / min).powf(along),
            // Doubles until it is the longest.
            Growth::Exponential => (min * 2f64.powi(i32::try_from(step - 1).unwrap_or(i32::MAX))).min(max),
        }
    }

    fn show(&self) -> Json {
        let growth = match self.growth {
            Growth::Linear => "linear",
            Growth::Arithmetic => "arithmetic",
            Growth::Geometric => "geometric",
            Growth::Exponential => "exponential",
        };
        json!({
            "minDelayTarget": self.min_s, "maxDelayTarget": self.max_s, "numRetries": self.all,
            "numMaxDelayRetries": self.longest, "numNoDelayRetries": self.at_once,
            "numMinDelayRetries": self.shortest, "backoffFunction": growth,
        })
    }
}

fn seconds(count: u64) -> f64 {
    Duration::from_secs(count).as_secs_f64()
}

/// Checks a topic's policy.
///
/// # Errors
/// 400 for what is none.
pub(crate) fn check_of_topic(text: &str) -> Result<()> {
    let document = parse(text)?;
    only(&document, "", &["http"])?;
    let Some(http) = object(&document, "", "http")? else { return Ok(()) };
    let names = [
        "defaultHealthyRetryPolicy",
        "defaultThrottlePolicy",
        "defaultRequestPolicy",
        "disableSubscriptionOverrides",
    ];
    only(http, "http.", &names)?;
    if http.get("disableSubscriptionOverrides").is_some_and(|value| !value.is_boolean()) {
        return Err(refuse("http.disableSubscriptionOverrides must be a boolean"));
    }
    if let Some(given) = object(http, "http.", "defaultHealthyRetryPolicy")? {
        retry(given).map_err(|reason| refuse(&format!("http.defaultHealthyRetryPolicy{reason}")))?;
    }
    check_throttle(object(http, "http.", "defaultThrottlePolicy")?, "http.defaultThrottlePolicy")?;
    check_request(object(http, "http.", "defaultRequestPolicy")?, "http.defaultRequestPolicy", TYPES)
}

/// Checks a subscription's policy.
///
/// # Errors
/// 400 for what is none.
pub(crate) fn check_of_subscription(text: &str, raw: bool) -> Result<()> {
    let document = parse(text)?;
    // `sicklyRetryPolicy` and `guaranteed` come back from those who read a policy, change and write it.
    let names = ["healthyRetryPolicy", "throttlePolicy", "requestPolicy", "sicklyRetryPolicy", "guaranteed"];
    only(&document, "", &names)?;
    if document.get("sicklyRetryPolicy").is_some_and(|value| !value.is_null()) {
        return Err(refuse("sicklyRetryPolicy is not supported"));
    }
    if document.get("guaranteed").is_some_and(|value| *value != Json::Bool(false)) {
        return Err(refuse("guaranteed must be false"));
    }
    if let Some(given) = object(&document, "", "healthyRetryPolicy")? {
        retry(given).map_err(|reason| refuse(&format!("healthyRetryPolicy{reason}")))?;
    }
    check_throttle(object(&document, "", "throttlePolicy")?, "throttlePolicy")?;
    let types = if raw { RAW_TYPES } else { TYPES };
    check_request(object(&document, "", "requestPolicy")?, "requestPolicy", types)
}

fn refuse(reason: &str) -> aws_wire::AwsError {
    invalid(format!("Attributes Reason: DeliveryPolicy: {reason}"))
}

fn parse(text: &str) -> Result<Map<String, Json>> {
    match serde_json::from_str::<Json>(text) {
        Ok(Json::Object(document)) => Ok(document),
        _ => Err(refuse("failed to parse JSON")),
    }
}

fn only(given: &Map<String, Json>, path: &str, names: &[&str]) -> Result<()> {
    match given.keys().find(|name| !names.contains(&name.as_str())) {
        Some(name) => Err(refuse(&format!("unexpected JSON member: {path}{name}"))),
        None => Ok(()),
    }
}

fn object<'j>(given: &'j Map<String, Json>, path: &str, name: &str) -> Result<Option<&'j Map<String, Json>>> {
    match given.get(name) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::Object(found)) => Ok(Some(found)),
        Some(_) => Err(refuse(&format!("{path}{name} must be an object"))),
    }
}

/// Reads a retry policy; what is wrong with it is said without its name.
fn retry(given: &Map<String, Json>) -> std::result::Result<Retries, String> {
    let known = [
        "numRetries",
        "numNoDelayRetries",
        "numMinDelayRetries",
        "numMaxDelayRetries",
        "minDelayTarget",
        "maxDelayTarget",
        "backoffFunction",
    ];
    if let Some(name) = given.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(format!(" has an unexpected JSON member: {name}"));
    }
    let number = |name: &str, least: u64, most: u64, default: Option<u64>| {
        let value = match given.get(name) {
            None | Some(Json::Null) => default.ok_or_else(|| format!(".{name} must be specified"))?,
            Some(value) => value.as_u64().ok_or_else(|| format!(".{name} must be a non-negative integer"))?,
        };
        match value {
            value if value < least => Err(format!(".{name} must be greater than or equal to {least}")),
            value if value > most => Err(format!(".{name} must be less than or equal to {most}")),
            value => Ok(value),
        }
    };
    let min_s = number("minDelayTarget", 1, PAUSE_MAX_S, None)?;
    let max_s = number("maxDelayTarget", 1, PAUSE_MAX_S, None)?;
    if max_s < min_s {
        return Err(".maxDelayTarget must be greater than or equal to minDelayTarget".to_owned());
    }
    let growth = match given.get("backoffFunction").and_then(Json::as_str) {
        None if given.get("backoffFunction").is_none_or(Json::is_null) => Growth::Linear,
        Some("linear") => Growth::Linear,
        Some("arithmetic") => Growth::Arithmetic,
        Some("geometric") => Growth::Geometric,
        Some("exponential") => Growth::Exponential,
        _ => return Err(".backoffFunction must be arithmetic, exponential, geometric or linear".to_owned()),
    };
    let retries = Retries {
        all: number("numRetries", 0, RETRIES_MAX, None)?,
        at_once: number("numNoDelayRetries", 0, RETRIES_MAX, Some(0))?,
        shortest: number("numMinDelayRetries", 0, RETRIES_MAX, Some(0))?,
        longest: number("numMaxDelayRetries", 0, RETRIES_MAX, Some(0))?,
        min_s,
        max_s,
        growth,
    };
    if retries.at_once + retries.shortest + retries.longest > retries.all {
        return Err(
            ".numRetries must be greater than or equal to the sum of numMinDelayRetries, numNoDelayRetries \
                    and numMaxDelayRetries"
                .to_owned(),
        );
    }
    let whole = (1..=retries.all).filter_map(|number| retries.pause(number)).sum::<f64>();
    if whole > seconds(PAUSE_MAX_S) {
        return Err(format!(" has a total retry time of more than {PAUSE_MAX_S} seconds"));
    }
    Ok(retries)
}

fn check_throttle(given: Option<&Map<String, Json>>, path: &str) -> Result<()> {
    let Some(given) = given else { return Ok(()) };
    only(given, &format!("{path}."), &["maxReceivesPerSecond"])?;
    match given.get("maxReceivesPerSecond") {
        None | Some(Json::Null) => Ok(()),
        Some(rate) if rate.as_f64().is_some_and(|rate| rate >= 1.0) => Ok(()),
        Some(_) => Err(refuse(&format!("{path}.maxReceivesPerSecond must be greater than or equal to 1"))),
    }
}

fn check_request(given: Option<&Map<String, Json>>, path: &str, types: &[&str]) -> Result<()> {
    let Some(given) = given else { return Ok(()) };
    only(given, &format!("{path}."), &["headerContentType"])?;
    let Some(value) = given.get("headerContentType").filter(|value| !value.is_null()) else { return Ok(()) };
    let named = value.as_str().filter(|value| value.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
    let kind = named.and_then(|value| value.split(';').next()).map(str::trim);
    match kind.filter(|kind| types.contains(kind)) {
        Some(_) => Ok(()),
        None => Err(refuse(&format!("{path}.headerContentType is not a supported content type"))),
    }
}

#[cfg(test)]
mod tests;
