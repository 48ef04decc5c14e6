//! Topics and subscriptions over the wire: creating, listing, changing, confirming, deleting them.

use kv::{Direction, KeyRange, Read as _};
use testkit::{Answer, Ground, Wire};

const T: &str = "arn:aws:sns:us-east-1:000000000000:t";

fn wire() -> Wire {
    Ground::new().serve(vec![svc_sns::service()])
}

async fn form(wire: &Wire, form: &str) -> Answer {
    wire.form("sns", &format!("{form}&Version=2010-03-31")).await
}

async fn ok(wire: &Wire, text: &str) -> String {
    let answer = form(wire, text).await;
    assert_eq!(answer.status, 200, "{text}: {}", answer.text());
    answer.text().to_owned()
}

async fn refused(wire: &Wire, text: &str, status: u16, code: &str, message: &str) {
    let answer = form(wire, text).await;
    let expected = format!("<Code>{code}</Code><Message>{message}");
    assert_eq!(answer.status, status, "{}", answer.text());
    assert!(answer.text().contains(&expected), "{expected} in {}", answer.text());
}

#[tokio::test]
async fn a_topic_is_created_once_described_and_deleted() {
    let wire = wire();
    for _ in 0..2 {
        let text = ok(&wire, "Action=CreateTopic&Name=t").await;
        assert!(
            text.contains(&format!("<CreateTopicResult><TopicArn>{T}</TopicArn></CreateTopicResult>")),
            "{text}"
        );
    }
    let other = "Action=CreateTopic&Name=t&Attributes.entry.1.key=DisplayName&Attributes.entry.1.value=d";
    let message = "Invalid parameter: Attributes Reason: Topic already exists with different attributes";
    refused(&wire, other, 400, "InvalidParameter", message).await;
    ok(&wire, &format!("Action=SetTopicAttributes&TopicArn={T}&AttributeName=DisplayName&AttributeValue=d"))
        .await;
    let shown = ok(&wire, &format!("Action=GetTopicAttributes&TopicArn={T}")).await;
    for part in [
        "<entry><key>DisplayName</key><value>d</value></entry>",
        "<key>Owner</key><value>000000000000</value>",
        "<key>SubscriptionsConfirmed</key><value>0</value>",
    ] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    assert!(
        ok(&wire, "Action=ListTopics").await.contains(&format!("<member><TopicArn>{T}</TopicArn></member>"))
    );
    ok(&wire, &format!("Action=DeleteTopic&TopicArn={T}")).await;
    ok(&wire, &format!("Action=DeleteTopic&TopicArn={T}")).await;
    refused(
        &wire,
        &format!("Action=GetTopicAttributes&TopicArn={T}"),
        404,
        "NotFound",
        "Topic does not exist",
    )
    .await;
    refused(
        &wire,
        &format!("Action=Publish&TopicArn={T}&Message=x"),
        404,
        "NotFound",
        "Topic does not exist",
    )
    .await;
    refused(&wire, "Action=CreateTopic&Name=a+b", 400, "InvalidParameter", "Invalid parameter: Topic Name")
        .await;
    refused(&wire, "Action=DeleteTopic&TopicArn=t", 400, "InvalidParameter", "Invalid parameter: TopicArn")
        .await;
}

#[tokio::test]
async fn mail_waits_for_its_confirmation() {
    let wire = wire();
    ok(&wire, "Action=CreateTopic&Name=t").await;
    let text =
        ok(&wire, &format!("Action=Subscribe&TopicArn={T}&Protocol=email&Endpoint=a@example.com")).await;
    assert!(text.contains("<SubscriptionArn>pending confirmation</SubscriptionArn>"), "{text}");
    let listed = ok(&wire, &format!("Action=ListSubscriptionsByTopic&TopicArn={T}")).await;
    assert!(listed.contains("<SubscriptionArn>PendingConfirmation</SubscriptionArn>"), "{listed}");
    refused(
        &wire,
        &format!("Action=ConfirmSubscription&TopicArn={T}&Token=no"),
        400,
        "InvalidParameter",
        "Invalid parameter: Token",
    )
    .await;
    let shown = ok(&wire, &format!("Action=GetTopicAttributes&TopicArn={T}")).await;
    assert!(shown.contains("<key>SubscriptionsPending</key><value>1</value>"), "{shown}");
    // The log says the token to whoever runs the platform; here it is read from the store.
    let range = KeyRange::prefix(431u16.to_be_bytes().to_vec());
    let rows =
        wire.kv.snapshot().await.expect("memory").scan_bytes(&range, 2, Direction::Forward).expect("memory");
    let row = serde_json::from_slice::<serde_json::Value>(&rows[0].1).expect("JSON");
    let token = row["token"].as_str().expect("it is pending");
    ok(&wire, &format!("Action=ConfirmSubscription&TopicArn={T}&Token={token}")).await;
    let shown = ok(&wire, &format!("Action=GetTopicAttributes&TopicArn={T}")).await;
    assert!(shown.contains("<key>SubscriptionsConfirmed</key><value>1</value>"), "{shown}");
}

#[tokio::test]
async fn subscriptions_are_found_changed_and_removed() {
    let wire = wire();
    ok(&wire, "Action=CreateTopic&Name=t").await;
    let subscribe =
        format!("Action=Subscribe&TopicArn={T}&Protocol=sqs&Endpoint=arn:aws:sqs:us-east-1:000000000000:q");
    let text = ok(&wire, &subscribe).await;
    let arn = text
        .split("<SubscriptionArn>")
        .nth(1)
        .expect("an ARN")
        .split('<')
        .next()
        .expect("it ends")
        .to_owned();
    assert!(ok(&wire, &subscribe).await.contains(&arn), "the same again");
    let set = format!("Action=SetSubscriptionAttributes&SubscriptionArn={arn}");
    ok(&wire, &format!("{set}&AttributeName=RawMessageDelivery&AttributeValue=true")).await;
    refused(
        &wire,
        &format!("{set}&AttributeName=RawMessageDelivery&AttributeValue=yes"),
        400,
        "InvalidParameter",
        "Invalid parameter: RawMessageDelivery: Invalid value [yes]",
    )
    .await;
    refused(
        &wire,
        &format!("{set}&AttributeName=Color&AttributeValue=x"),
        400,
        "InvalidParameter",
        "Invalid parameter: AttributeName",
    )
    .await;
    let shown = ok(&wire, &format!("Action=GetSubscriptionAttributes&SubscriptionArn={arn}")).await;
    for part in [
        "<key>RawMessageDelivery</key><value>true</value>",
        "<key>PendingConfirmation</key><value>false</value>",
    ] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    assert!(ok(&wire, "Action=ListSubscriptions").await.contains(&arn));
    ok(&wire, &format!("Action=Unsubscribe&SubscriptionArn={arn}")).await;
    ok(&wire, &format!("Action=Unsubscribe&SubscriptionArn={arn}")).await;
    refused(
        &wire,
        &format!("Action=GetSubscriptionAttributes&SubscriptionArn={arn}"),
        404,
        "NotFound",
        "Subscription does not exist",
    )
    .await;
    for (protocol, endpoint, message) in [
        ("carrier", "x", "Invalid parameter: Amazon SNS does not support this protocol string: carrier"),
        ("sqs", "q", "Invalid parameter: Invalid parameter: Endpoint Reason: SQS endpoint ARN"),
    ] {
        refused(
            &wire,
            &format!("Action=Subscribe&TopicArn={T}&Protocol={protocol}&Endpoint={endpoint}"),
            400,
            "InvalidParameter",
            message,
        )
        .await;
    }
    for protocol in ["sms", "application", "firehose"] {
        let answer =
            form(&wire, &format!("Action=Subscribe&TopicArn={T}&Protocol={protocol}&Endpoint=http://x"))
                .await;
        assert_eq!(answer.status, 501, "{}", answer.text());
    }
}

#[tokio::test]
async fn topics_have_tags_and_permissions() {
    let wire = wire();
    ok(&wire, "Action=CreateTopic&Name=t&Tags.member.1.Key=a&Tags.member.1.Value=1").await;
    ok(&wire, &format!("Action=TagResource&ResourceArn={T}&Tags.member.1.Key=b&Tags.member.1.Value=2")).await;
    ok(&wire, &format!("Action=UntagResource&ResourceArn={T}&TagKeys.member.1=a")).await;
    let tags = ok(&wire, &format!("Action=ListTagsForResource&ResourceArn={T}")).await;
    assert!(
        tags.contains("<member><Key>b</Key><Value>2</Value></member>") && !tags.contains("<Key>a</Key>"),
        "{tags}"
    );
    let add = format!(
        "Action=AddPermission&TopicArn={T}&Label=l&AWSAccountId.member.1=111111111111&ActionName.member.1=Publish"
    );
    ok(&wire, &add).await;
    refused(&wire, &add, 400, "InvalidParameter", "Invalid parameter: Statement already exists").await;
    let policy = ok(&wire, &format!("Action=GetTopicAttributes&TopicArn={T}")).await;
    assert!(policy.contains("arn:aws:iam::111111111111:root"), "{policy}");
    ok(&wire, &format!("Action=RemovePermission&TopicArn={T}&Label=l")).await;
    let policy = ok(&wire, &format!("Action=GetTopicAttributes&TopicArn={T}")).await;
    assert!(!policy.contains("arn:aws:iam::111111111111:root"), "{policy}");
    refused(
        &wire,
        &format!("Action=ListTagsForResource&ResourceArn={T}x"),
        404,
        "ResourceNotFound",
        "Resource does not exist",
    )
    .await;
}
