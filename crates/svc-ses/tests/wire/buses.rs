//! Events on an event bus, and targets that do not take them at once. The bus is the test's own: it stands for whoever
//! serves event buses.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value as Json, json};
use service::{Delivery, Service, TargetArn, Undelivered};
use testkit::Ground;

use crate::Mailer;

const BUS: &str = "arn:aws:events:us-east-1:000000000000:event-bus/default";

/// What came, and how it is answered; then everything is taken.
#[derive(Default)]
struct Bus {
    taken: Mutex<Vec<Delivery>>,
    answers: Mutex<Vec<Undelivered>>,
}

impl Bus {
    fn service(self: &Arc<Self>) -> Service {
        let check = |_, arn: TargetArn| async move {
            if arn.as_str() == BUS { Ok(()) } else { Err(Undelivered::NotFound(arn.to_string())) }
        };
        let deliver = |cx: service::Ctx<Self>, delivery: Delivery| async move {
            let mut answers = cx.state.answers.lock().expect("no panic while held");
            if !answers.is_empty() {
                return Err(answers.remove(0));
            }
            cx.state.taken.lock().expect("no panic while held").push(delivery);
            Ok(())
        };
        Service::new(&api_sts::SERVICE, Arc::clone(self)).target("events", check, deliver).done()
    }

    fn taken(&self) -> usize {
        self.taken.lock().expect("no panic while held").len()
    }
}

async fn listening(answers: Vec<Undelivered>) -> (Mailer, Arc<Bus>) {
    let bus = Arc::new(Bus { answers: answers.into(), ..Bus::default() });
    let mut services = vec![bus.service()];
    services.extend(svc_ses::services(svc_ses::Config::default()));
    let mailer = Mailer(Ground::new().serve(services));
    mailer.0.start_jobs();
    mailer.v1("VerifyEmailIdentity", "EmailAddress=me%40example.com").await;
    mailer.v2("POST", "configuration-sets", json!({ "ConfigurationSetName": "s" })).await.ok();
    let made = mailer.v2("POST", "configuration-sets/s/event-destinations", destination(BUS)).await;
    made.ok();
    (mailer, bus)
}

fn destination(bus: &str) -> Json {
    json!({ "EventDestinationName": "d", "EventDestination": {
        "Enabled": true, "MatchingEventTypes": ["SEND"], "EventBridgeDestination": { "EventBusArn": bus },
    } })
}

#[tokio::test]
async fn a_bus_gets_the_record_as_its_detail() {
    let (mailer, bus) = listening(Vec::new()).await;
    let id = mailer.send("me@example.com", &["a@b.c"], json!({ "ConfigurationSetName": "s" })).await;
    mailer.0.until("the event", || async { bus.taken() == 1 && mailer.0.rows(788).await == 0 }).await;
    let delivery = bus.taken.lock().expect("no panic while held").remove(0);
    let set = "arn:aws:ses:us-east-1:000000000000:configuration-set/s";
    let event = delivery.bus.expect("an event of a bus");
    assert_eq!((event.source.as_str(), event.detail_type.as_str()), ("aws.ses", "Email Sent"));
    assert_eq!(event.resources, [set]);
    assert_eq!(
        (delivery.sender.service.as_str(), delivery.sender.source_arn.as_str()),
        ("ses.amazonaws.com", set)
    );
    let detail = serde_json::from_slice::<Json>(&delivery.payload).expect("JSON");
    assert_eq!((&detail["eventType"], &detail["mail"]["messageId"]), (&json!("Send"), &json!(id)));
    let shown = mailer.v2("GET", "configuration-sets/s/event-destinations", json!(null)).await.ok();
    assert_eq!(shown["EventDestinations"][0]["EventBridgeDestination"]["EventBusArn"], BUS);
    let described = "ConfigurationSetName=s&ConfigurationSetAttributeNames.member.1=eventDestinations";
    assert!(
        mailer
            .v1("DescribeConfigurationSet", described)
            .await
            .contains("<EventDestinations></EventDestinations>")
    );
    let none = BUS.replace("default", "none");
    let refused = mailer.v2("PUT", "configuration-sets/s/event-destinations/d", destination(&none)).await;
    let said = format!("Could not publish to <{none}>: the target does not exist: {none}.");
    refused.refuses(400, "BadRequestException", &said);
}

#[tokio::test]
async fn an_event_that_is_not_taken_comes_again_or_is_given_up() {
    let (mailer, bus) = listening(vec![Undelivered::Throttled, Undelivered::Failed("x".into())]).await;
    let set = json!({ "ConfigurationSetName": "s" });
    mailer.send("me@example.com", &["a@b.c"], set.clone()).await;
    for tries in [1, 2] {
        mailer.tried(788, tries).await;
        assert_eq!(bus.taken(), 0);
        mailer.0.clock.advance(Duration::from_secs(1));
    }
    mailer.0.until("the event", || async { bus.taken() == 1 && mailer.0.rows(788).await == 0 }).await;
    *bus.answers.lock().expect("no panic while held") = vec![Undelivered::Denied("x".into())];
    mailer.send("me@example.com", &["a@b.c"], set).await;
    mailer.0.until("the event given up", || async { mailer.0.rows(788).await == 0 }).await;
    assert_eq!(bus.taken(), 1);
}
