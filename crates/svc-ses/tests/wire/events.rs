//! What becomes of mails, as topics hear it.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use crate::{Mailer, between, escaped};

/// A configuration set `s` all of whose events go to the topic `events`.
async fn listening() -> Mailer {
    let mailer = Mailer::verified().await;
    let topic = mailer.topic("events").await;
    mailer.v2("POST", "configuration-sets", json!({ "ConfigurationSetName": "s" })).await.ok();
    let all = ["SEND", "DELIVERY", "BOUNCE", "COMPLAINT", "REJECT", "RENDERING_FAILURE"];
    let destination = json!({ "EventDestinationName": "d", "EventDestination": {
        "Enabled": true, "MatchingEventTypes": all, "SnsDestination": { "TopicArn": topic },
    } });
    mailer.v2("POST", "configuration-sets/s/event-destinations", destination).await.ok();
    mailer
}

fn of<'a>(events: &'a [Json], kind: &str) -> &'a Json {
    events.iter().find(|event| event["eventType"] == kind).unwrap_or_else(|| panic!("{kind} in {events:?}"))
}

#[tokio::test]
async fn a_mail_is_sent_and_delivered() {
    let mailer = listening().await;
    let more = json!({ "ConfigurationSetName": "s", "EmailTags": [{ "Name": "k", "Value": "v" }] });
    let id = mailer.send("Me <me@example.com>", &["a@b.c"], more).await;
    let events = mailer.heard("events", 2).await;
    let expected = json!({
        "eventType": "Send",
        "mail": {
            "timestamp": "2026-11-23T10:11:12.345Z",
            "source": "Me <me@example.com>",
            "sourceArn": "arn:aws:ses:us-east-1:000000000000:identity/me@example.com",
            "sendingAccountId": "000000000000",
            "messageId": id,
            "destination": ["a@b.c"],
            "headersTruncated": false,
            "headers": [
                { "name": "Message-ID", "value": format!("<{id}@email.amazonses.com>") },
                { "name": "Date", "value": "Mon, 23 Nov 2026 10:11:12 +0000" },
                { "name": "From", "value": "\"Me\" <me@example.com>" },
                { "name": "To", "value": "<a@b.c>" },
                { "name": "Subject", "value": "s" },
                { "name": "MIME-Version", "value": "1.0" },
                { "name": "Content-Type", "value": "text/plain; charset=\"utf-8\"" },
                { "name": "Content-Transfer-Encoding", "value": "7bit" },
            ],
            "commonHeaders": {
                "from": ["Me <me@example.com>"], "to": ["a@b.c"], "date": "Mon, 23 Nov 2026 10:11:12 +0000",
                "messageId": id, "subject": "s",
            },
            "tags": {
                "ses:configuration-set": ["s"], "ses:source-ip": ["127.0.0.1"], "ses:from-domain": ["example.com"],
                "ses:caller-identity": ["root"], "k": ["v"],
            },
        },
        "send": {},
    });
    assert_eq!(of(&events, "Send"), &expected);
    let delivery = of(&events, "Delivery");
    assert_eq!(
        delivery["delivery"],
        json!({
            "timestamp": "2026-11-23T10:11:12.345Z", "processingTimeMillis": 0, "recipients": ["a@b.c"],
            "smtpResponse": "250 2.6.0 Message received", "remoteMtaIp": "127.0.0.1", "reportingMTA": "localhost",
        })
    );
    assert_eq!(delivery["mail"]["tags"]["ses:outgoing-ip"], json!(["127.0.0.1"]));
    mailer.0.until("the outbox to be empty", || async { mailer.0.rows(788).await == 0 }).await;
}

#[tokio::test]
async fn the_simulator_bounces_complains_and_suppresses() {
    let mailer = listening().await;
    let set = json!({ "ConfigurationSetName": "s" });
    let to = ["bounce", "complaint", "suppressionlist", "success"]
        .map(|name| format!("{name}@simulator.amazonses.com"));
    mailer
        .v2("PUT", "suppression/addresses", json!({ "EmailAddress": "bad@b.c", "Reason": "BOUNCE" }))
        .await
        .ok();
    let mut to = to.iter().map(String::as_str).collect::<Vec<_>>();
    to.push("bad@b.c");
    mailer.send("me@example.com", &to, set).await;
    let events = mailer.heard("events", 6).await;
    let delivered = json!(["complaint@simulator.amazonses.com", "success@simulator.amazonses.com"]);
    assert_eq!(of(&events, "Delivery")["delivery"]["recipients"], delivered);
    let complaint = &of(&events, "Complaint")["complaint"];
    assert_eq!(
        complaint["complainedRecipients"],
        json!([{ "emailAddress": "complaint@simulator.amazonses.com" }])
    );
    assert_eq!(complaint["complaintFeedbackType"], "abuse");
    assert_eq!(complaint["userAgent"], "Amazon SES Mailbox Simulator");
    let bounces = events.iter().filter(|event| event["eventType"] == "Bounce").map(|event| &event["bounce"]);
    let mut bounces = bounces.collect::<Vec<_>>();
    bounces.sort_by_key(|bounce| bounce["bounceSubType"].to_string());
    let kinds = bounces.iter().map(|bounce| {
        (bounce["bounceSubType"].clone(), bounce["bouncedRecipients"][0]["emailAddress"].clone())
    });
    let expected = [
        ("General", "bounce@simulator.amazonses.com"),
        ("OnAccountSuppressionList", "bad@b.c"),
        ("Suppressed", "suppressionlist@simulator.amazonses.com"),
    ];
    assert_eq!(kinds.collect::<Vec<_>>(), expected.map(|(kind, to)| (json!(kind), json!(to))));
    assert_eq!(bounces[0]["bounceType"], "Permanent");
    assert_eq!(
        bounces[0]["bouncedRecipients"][0],
        json!({
            "emailAddress": "bounce@simulator.amazonses.com", "action": "failed", "status": "5.1.1",
            "diagnosticCode": "smtp; 550 5.1.1 user unknown",
        })
    );
}

#[tokio::test]
async fn what_is_infected_or_not_rendered_is_told_and_not_delivered() {
    let mailer = listening().await;
    let file = [r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-", "ANTIVIRUS-TEST-FILE!$H+H*"].concat();
    let content = json!({ "ConfigurationSetName": "s", "Content": { "Simple": {
        "Subject": { "Data": "s" }, "Body": { "Text": { "Data": file } },
    } } });
    mailer.send("me@example.com", &["a@b.c"], content).await;
    let events = mailer.heard("events", 2).await;
    assert_eq!(of(&events, "Reject")["reject"], json!({ "reason": "Bad content" }));
    let template = "Template.TemplateName=t&Template.SubjectPart=%7B%7Bgone%7D%7D&Template.TextPart=t";
    mailer.v1("CreateTemplate", template).await;
    let fields = "Source=me%40example.com&Template=t&Destination.ToAddresses.member.1=a%40b.c&TemplateData=%7B%7D\
                  &ConfigurationSetName=s";
    let sent = mailer.v1("SendTemplatedEmail", fields).await;
    let [failure] = mailer.heard("events", 1).await.try_into().expect("one event");
    assert_eq!(
        failure,
        json!({
            "eventType": "Rendering Failure",
            "mail": {
                "timestamp": "2026-11-23T10:11:12.345Z", "source": "me@example.com",
                "sourceArn": "arn:aws:ses:us-east-1:000000000000:identity/me@example.com",
                "sendingAccountId": "000000000000", "messageId": between(&sent, "<MessageId>", "</MessageId>"),
                "destination": ["a@b.c"], "headersTruncated": false, "tags": { "ses:configuration-set": ["s"] },
            },
            "failure": {
                "errorMessage": "Attribute 'gone' is not present in the rendering data.", "templateName": "t",
            },
        })
    );
    let fates = mailer
        .mails("")
        .await
        .iter()
        .map(|mail| mail["Status"]["a@b.c"].to_string())
        .collect::<BTreeSet<_>>();
    assert_eq!(fates, BTreeSet::from([r#""NotRendered""#.to_owned(), r#""Rejected""#.to_owned()]));
}

#[tokio::test]
async fn an_identitys_topics_hear_of_its_mails() {
    let mailer = Mailer::verified().await;
    let topic = mailer.topic("notices").await;
    let fields = format!("Identity=me%40example.com&NotificationType=Bounce&SnsTopic={topic}");
    mailer.v1("SetIdentityNotificationTopic", &fields).await;
    let fields = format!("Identity=me%40example.com&NotificationType=Delivery&SnsTopic={topic}");
    mailer.v1("SetIdentityNotificationTopic", &fields).await;
    let fields = "Identity=me%40example.com&NotificationType=Delivery&Enabled=true";
    mailer.v1("SetIdentityHeadersInNotificationsEnabled", fields).await;
    let attributes =
        mailer.v1("GetIdentityNotificationAttributes", "Identities.member.1=me%40example.com").await;
    assert_eq!(between(&attributes, "<BounceTopic>", "</BounceTopic>"), topic);
    assert_eq!(between(&attributes, "<ComplaintTopic>", "</ComplaintTopic>"), "");
    assert_eq!(between(&attributes, "<HeadersInDeliveryNotificationsEnabled>", "</"), "true");
    let id = mailer.send("me@example.com", &["a@b.c", "bounce@simulator.amazonses.com"], json!({})).await;
    let heard = mailer.heard("notices", 2).await;
    let of = |kind: &str| heard.iter().find(|one| one["notificationType"] == kind).expect("such a notice");
    assert_eq!(
        of("Bounce")["mail"],
        json!({
            "timestamp": "2026-11-23T10:11:12.345Z", "source": "me@example.com",
            "sourceArn": "arn:aws:ses:us-east-1:000000000000:identity/me@example.com", "sourceIp": "127.0.0.1",
            "callerIdentity": "root", "sendingAccountId": "000000000000", "messageId": id,
            "destination": ["a@b.c", "bounce@simulator.amazonses.com"],
        })
    );
    assert_eq!(of("Delivery")["mail"]["commonHeaders"]["subject"], "s");
    mailer.v1("SetIdentityNotificationTopic", "Identity=me%40example.com&NotificationType=Bounce").await;
    mailer.v1("SetIdentityNotificationTopic", "Identity=me%40example.com&NotificationType=Delivery").await;
    mailer.send("me@example.com", &["bounce@simulator.amazonses.com"], json!({})).await;
    assert_eq!(mailer.0.rows(788).await, 0);
    let none = escaped("arn:aws:sns:us-east-1:000000000000:none");
    let fields = format!("Identity=me%40example.com&NotificationType=Bounce&SnsTopic={none}");
    let said = "Invalid SNS topic &lt;arn:aws:sns:us-east-1:000000000000:none&gt;.";
    mailer.v1_refuses("SetIdentityNotificationTopic", &fields, "InvalidParameterValue", said).await;
}

#[tokio::test]
async fn destinations_are_made_changed_and_deleted() {
    let mailer = Mailer::new();
    let topic = mailer.topic("t").await;
    mailer.v1("CreateConfigurationSet", "ConfigurationSet.Name=s").await;
    let fields = |name: &str, more: &str| {
        format!(
            "ConfigurationSetName=s&EventDestination.Name={name}&EventDestination.Enabled=true\
                 &EventDestination.MatchingEventTypes.member.1=send{more}"
        )
    };
    let to_topic = format!("&EventDestination.SNSDestination.TopicARN={topic}");
    mailer.v1("CreateConfigurationSetEventDestination", &fields("d", &to_topic)).await;
    let said = "Event destination &lt;d&gt; already exists in configuration set &lt;s&gt;.";
    let operation = "CreateConfigurationSetEventDestination";
    mailer.v1_refuses(operation, &fields("d", &to_topic), "EventDestinationAlreadyExists", said).await;
    let lost = format!("{to_topic}-none");
    let answer = mailer.form(operation, &fields("e", &lost)).await;
    assert_eq!(between(answer.text(), "<Code>", "</Code>"), "InvalidSNSDestination");
    let cloud = "&EventDestination.CloudWatchDestination.DimensionConfigurations.member.1.DimensionName=n\
                 &EventDestination.CloudWatchDestination.DimensionConfigurations.member.1.DimensionValueSource=messageTag\
                 &EventDestination.CloudWatchDestination.DimensionConfigurations.member.1.DefaultDimensionValue=v";
    assert_eq!(mailer.form(operation, &fields("e", cloud)).await.status, 501);
    let opened = format!("&EventDestination.MatchingEventTypes.member.2=open{to_topic}");
    assert_eq!(mailer.form(operation, &fields("e", &opened)).await.status, 501);
    let more = format!("&EventDestination.MatchingEventTypes.member.2=bounce{to_topic}");
    mailer.v1("UpdateConfigurationSetEventDestination", &fields("d", &more)).await;
    let shown = mailer.v2("GET", "configuration-sets/s/event-destinations", json!(null)).await.ok();
    assert_eq!(
        shown["EventDestinations"],
        json!([{
            "Name": "d", "Enabled": true, "MatchingEventTypes": ["BOUNCE", "SEND"], "SnsDestination": { "TopicArn": topic },
        }])
    );
    let fields = "ConfigurationSetName=s&ConfigurationSetAttributeNames.member.1=eventDestinations";
    let described = mailer.v1("DescribeConfigurationSet", fields).await;
    assert!(described.contains("<member>send</member><member>bounce</member>"), "{described}");
    let bus = "arn:aws:events:us-east-1:000000000000:event-bus/default";
    let to_bus = json!({ "EventDestinationName": "b", "EventDestination": {
        "MatchingEventTypes": ["SEND"], "EventBridgeDestination": { "EventBusArn": bus },
    } });
    assert_eq!(mailer.v2("POST", "configuration-sets/s/event-destinations", to_bus).await.status, 501);
    let off = json!({ "EventDestination": {
        "Enabled": false, "MatchingEventTypes": ["SEND"], "SnsDestination": { "TopicArn": topic },
    } });
    mailer.v2("PUT", "configuration-sets/s/event-destinations/d", off).await.ok();
    mailer
        .v1("DeleteConfigurationSetEventDestination", "ConfigurationSetName=s&EventDestinationName=d")
        .await;
    let gone = mailer.v2("DELETE", "configuration-sets/s/event-destinations/d", json!(null)).await;
    gone.refuses(404, "NotFoundException", "Event destination <d> does not exist in configuration set <s>.");
}

#[tokio::test]
async fn events_wait_for_a_restart() {
    let mailer = listening().await;
    mailer.0.stop_jobs().await;
    mailer.send("me@example.com", &["a@b.c"], json!({ "ConfigurationSetName": "s" })).await;
    assert_eq!(mailer.0.rows(788).await, 2);
    mailer.0.start_jobs();
    assert_eq!(mailer.heard("events", 2).await.len(), 2);
}

#[tokio::test]
async fn an_identity_names_the_set_of_mails_that_name_none() {
    let mailer = listening().await;
    let body = json!({ "ConfigurationSetName": "s" });
    mailer.v2("PUT", "identities/me%40example.com/configuration-set", body).await.ok();
    mailer.send("me@example.com", &["a@b.c"], json!({})).await;
    assert_eq!(mailer.heard("events", 2).await.len(), 2);
    let body = json!({ "ConfigurationSetName": "none" });
    let refused = mailer.v2("PUT", "identities/me%40example.com/configuration-set", body).await;
    refused.refuses(404, "NotFoundException", "Configuration set <none> does not exist.");
}
