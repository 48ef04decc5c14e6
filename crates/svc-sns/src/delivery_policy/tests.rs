//! Delivery policies: which are taken, and the pauses they come to.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::{DeliveryPolicy, check_of_subscription, check_of_topic};

fn pauses(policy: &Json) -> Vec<f64> {
    let text = json!({ "healthyRetryPolicy": policy }).to_string();
    check_of_subscription(&text, false).expect("a policy");
    let policy = DeliveryPolicy::effective(None, Some(&text));
    (1..).map_while(|number| policy.pause(number)).map(|pause| pause.as_secs_f64()).collect()
}

#[test]
fn pauses_follow_the_four_phases() {
    let default = DeliveryPolicy::effective(None, None);
    let twenty = Some(Duration::from_secs(20));
    assert_eq!((1..5).map(|n| default.pause(n)).collect::<Vec<_>>(), [twenty, twenty, twenty, None]);
    let phases = |growth: &str| {
        pauses(&json!({
            "numRetries": 9, "numNoDelayRetries": 1, "numMinDelayRetries": 2, "numMaxDelayRetries": 1,
            "minDelayTarget": 1, "maxDelayTarget": 16, "backoffFunction": growth,
        }))
    };
    assert_eq!(phases("linear"), [0.0, 1.0, 1.0, 1.0, 4.75, 8.5, 12.25, 16.0, 16.0]);
    assert_eq!(phases("geometric"), [0.0, 1.0, 1.0, 1.0, 2.0, 4.0, 8.0, 16.0, 16.0]);
    assert_eq!(phases("exponential"), [0.0, 1.0, 1.0, 1.0, 2.0, 4.0, 8.0, 16.0, 16.0]);
    assert_eq!(phases("arithmetic"), [0.0, 1.0, 1.0, 1.0, 3.34375, 6.625, 10.84375, 16.0, 16.0]);
    assert_eq!(pauses(&json!({ "numRetries": 0, "minDelayTarget": 1, "maxDelayTarget": 1 })), [0.0; 0]);
    let short = json!({ "numRetries": 3, "minDelayTarget": 1, "maxDelayTarget": 3, "backoffFunction": "exponential" });
    assert_eq!(pauses(&short), [1.0, 2.0, 3.0]);
}

#[test]
fn a_subscription_overrides_its_topic_unless_the_topic_says_no() {
    let topic = |disable: bool| {
        let retries = json!({ "numRetries": 1, "minDelayTarget": 5, "maxDelayTarget": 5 });
        json!({ "http": {
            "defaultHealthyRetryPolicy": retries, "disableSubscriptionOverrides": disable,
            "defaultThrottlePolicy": { "maxReceivesPerSecond": 4 },
            "defaultRequestPolicy": { "headerContentType": "application/json" },
        } })
        .to_string()
    };
    let own = json!({ "healthyRetryPolicy": { "numRetries": 1, "minDelayTarget": 7, "maxDelayTarget": 7 } });
    let own = own.to_string();
    let overridden = DeliveryPolicy::effective(Some(&topic(false)), Some(&own));
    assert_eq!(overridden.pause(1), Some(Duration::from_secs(7)));
    assert_eq!(overridden.content_type(), "application/json");
    assert_eq!(overridden.spacing(), Some(Duration::from_millis(250)));
    let kept = DeliveryPolicy::effective(Some(&topic(true)), Some(&own));
    assert_eq!(kept.pause(1), Some(Duration::from_secs(5)));
    check_of_topic(&topic(true)).expect("a policy");
}

#[test]
fn what_is_no_policy_is_refused() {
    let retry = |name: &str, value: u64| {
        let mut given = json!({ "numRetries": 3, "minDelayTarget": 1, "maxDelayTarget": 1 });
        given[name] = value.into();
        json!({ "healthyRetryPolicy": given }).to_string()
    };
    for (text, words) in [
        ("{".to_owned(), "failed to parse JSON"),
        (r#"{"x":1}"#.to_owned(), "unexpected JSON member: x"),
        (r#"{"healthyRetryPolicy":{}}"#.to_owned(), "healthyRetryPolicy.minDelayTarget must be specified"),
        (retry("minDelayTarget", 0), "healthyRetryPolicy.minDelayTarget must be greater than or equal to 1"),
        (retry("minDelayTarget", 2), "maxDelayTarget must be greater than or equal to minDelayTarget"),
        (retry("numRetries", 101), "healthyRetryPolicy.numRetries must be less than or equal to 100"),
        (retry("maxDelayTarget", 3600), "total retry time of more than 3600 seconds"),
        (retry("numNoDelayRetries", 4), "numRetries must be greater than or equal to the sum"),
        (
            r#"{"throttlePolicy":{"maxReceivesPerSecond":0}}"#.to_owned(),
            "maxReceivesPerSecond must be greater than or equal to 1",
        ),
        (r#"{"requestPolicy":{"headerContentType":"text/csv"}}"#.to_owned(), "not a supported content type"),
    ] {
        let error = check_of_subscription(&text, false).expect_err(&text);
        let message = error.message.unwrap_or_default();
        assert!(message.contains(words), "{text}: {message}");
    }
    let csv = r#"{"requestPolicy":{"headerContentType":"text/csv; charset=UTF-8"}}"#;
    check_of_subscription(csv, true).expect("raw messages may be CSV");
}
