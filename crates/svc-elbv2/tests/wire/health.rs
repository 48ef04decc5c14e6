//! Health checks of functions.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use testkit::soon;
use tokio::sync::{Mutex, mpsc};

use crate::{Elb, fixed, forward, function};

#[tokio::test]
async fn functions_are_asked_how_they_are() {
    let elb = Elb::new().await;
    let (asked, mut events) = mpsc::unbounded_channel();
    let (answers, statuses) = mpsc::unbounded_channel::<u16>();
    let statuses = Arc::new(Mutex::new(statuses));
    elb.lambda.sandboxes.on("checked", move |mut runtime: testkit::Runtime| {
        let (asked, statuses) = (asked.clone(), Arc::clone(&statuses));
        async move {
            loop {
                let work = runtime.next().await;
                let _ = asked.send(String::from_utf8(work.payload.clone()).expect("text"));
                let Some(status) = statuses.lock().await.recv().await else {
                    return std::future::pending().await;
                };
                let answer = json!({ "statusCode": status }).to_string();
                runtime.respond(&work.id, answer.as_bytes()).await;
            }
        }
    });
    let group = elb.group_of("f", "checked").await;
    let of = format!("TargetGroupArn={group}");
    let state = async || elb.ok("DescribeTargetHealth", of.clone()).await;
    let (balancer, _) = elb.balancer("web").await;
    let listener = elb.listener(&balancer, 80, &forward("DefaultActions", &group)).await;
    assert!(state().await.contains("<State>unavailable</State><Reason>Target.HealthCheckDisabled</Reason>"));
    let checks = "HealthCheckEnabled=true&HealthCheckIntervalSeconds=10&HealthCheckTimeoutSeconds=5&HealthCheckPath=/h\
                  &HealthyThresholdCount=2&UnhealthyThresholdCount=2";
    elb.ok("ModifyTargetGroup", format!("{of}&{checks}")).await;
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
    let initial = state().await;
    assert!(
        initial.contains("<State>initial</State><Reason>Elb.InitialHealthChecking</Reason>"),
        "{initial}"
    );
    answers.send(200).expect("somebody waits");
    let first = async {
        while !state().await.contains("<State>healthy</State>") {
            tokio::task::yield_now().await;
        }
    };
    soon("the first success", first).await;
    // How often it has to be told is a rule, tested beside it: a check that is slow here counts as one that failed.
    for (status, wanted) in [(500, "<State>unhealthy</State>"), (200, "<State>healthy</State>")] {
        let change = async {
            while !state().await.contains(wanted) {
                // In small steps: what is under way has time, and what waits by the clock goes on.
                let next = loop {
                    tokio::select! {
                        biased;
                        next = events.recv() => break next,
                        () = tokio::task::yield_now() => elb.lambda.clock.advance(Duration::from_millis(10)),
                    }
                };
                next.expect("the next check");
                answers.send(status).expect("somebody waits");
            }
        };
        soon("a change of health", change).await;
    }
    elb.ok("ModifyListener", format!("ListenerArn={listener}&{}", fixed("DefaultActions", "x"))).await;
    let unused = state().await;
    assert!(unused.contains(&function("f")) && unused.contains("Target.NotInUse"), "{unused}");
}
