//! Health checks of functions.

use std::time::Duration;

use serde_json::json;
use testkit::soon;
use tokio::sync::mpsc;

use crate::{Elb, fixed, forward, function};

#[tokio::test]
async fn functions_are_asked_how_they_are() {
    let elb = Elb::new().await;
    let (asked, mut events) = mpsc::unbounded_channel();
    let (answers, give) = std::sync::mpsc::channel::<u16>();
    let give = std::sync::Arc::new(std::sync::Mutex::new(give));
    elb.lambda.sandboxes.on("checked", move |mut runtime: testkit::Runtime| {
        let (asked, give) = (asked.clone(), give.clone());
        async move {
            loop {
                let work = runtime.next().await;
                let status = give.lock().expect("nobody panics").recv().expect("a status");
                let answer = json!({ "statusCode": status }).to_string();
                runtime.respond(&work.id, answer.as_bytes()).await;
                let _ = asked.send(String::from_utf8(work.payload.clone()).expect("text"));
            }
        }
    });
    let group = elb.group_of("f", "checked").await;
    let of = format!("TargetGroupArn={group}");
    let state = async || elb.ok("DescribeTargetHealth", of.clone()).await;
    let (balancer, _) = elb.balancer("web").await;
    let listener = elb.listener(&balancer, 80, &forward("DefaultActions", &group)).await;
    assert!(state().await.contains("<State>unavailable</State><Reason>Target.HealthCheckDisabled</Reason>"));
    let until = async |wanted: &str| {
        soon("a state of health", async {
            while !state().await.contains(wanted) {
                tokio::task::yield_now().await;
            }
        })
        .await;
    };
    answers.send(200).expect("somebody waits");
    let checks = "HealthCheckEnabled=true&HealthCheckIntervalSeconds=10&HealthCheckTimeoutSeconds=5&HealthCheckPath=/h\
                  &HealthyThresholdCount=2&UnhealthyThresholdCount=2";
    elb.ok("ModifyTargetGroup", format!("{of}&{checks}")).await;
    until("<State>healthy</State>").await;
    let event = soon("a check", events.recv()).await.expect("it is there");
    let expected = json!({
        "requestContext": { "elb": { "targetGroupArn": group } },
        "httpMethod": "GET",
        "path": "/h",
        "queryStringParameters": {},
        "headers": { "user-agent": "ELB-HealthChecker/2.0" },
        "body": "",
        "isBase64Encoded": false,
    });
    assert_eq!(serde_json::from_str::<serde_json::Value>(&event).expect("JSON"), expected);
    for (status, wanted) in [
        (500, "<State>healthy</State>"),
        (500, "<State>unhealthy</State><Reason>Target.ResponseCodeMismatch</Reason>"),
        (200, "<State>unhealthy</State>"),
        (200, "<State>healthy</State>"),
    ] {
        answers.send(status).expect("somebody waits");
        let next = async {
            loop {
                tokio::select! {
                    event = events.recv() => break event,
                    () = tokio::task::yield_now() => elb.lambda.clock.advance(Duration::from_millis(100)),
                }
            }
        };
        soon("the next check", next).await.expect("it is there");
        until(wanted).await;
    }
    elb.ok("ModifyListener", format!("ListenerArn={listener}&{}", fixed("DefaultActions", "x"))).await;
    let unused = state().await;
    assert!(unused.contains(&function("f")) && unused.contains("Target.NotInUse"), "{unused}");
}
