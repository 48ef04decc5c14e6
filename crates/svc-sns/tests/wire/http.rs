//! Subscriptions by HTTP: questions, notifications and their signatures, retries, dead letters, links.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rsa::pkcs1v15::{Signature, VerifyingKey};
use rsa::pkcs8::DecodePublicKey as _;
use rsa::signature::Verifier as _;
use serde_json::{Value as Json, json};
use testkit::{Answer, Got, Ground, Hook, Wire, request};
use x509_cert::der::{DecodePem as _, Encode as _};

const T: &str = "arn:aws:sns:us-east-1:000000000000:t";

struct Sns(Wire);

impl Sns {
    /// A topic `t`, and a queue `dead` that lets it in.
    async fn new() -> Self {
        let sns = Self(Ground::new().serve(vec![svc_sns::service(), svc_sqs::service()]));
        sns.0.start_jobs();
        sns.ask("Action=CreateTopic&Name=t").await;
        let policy = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": { "Service": "sns.amazonaws.com" }, "Action": "sqs:SendMessage",
            "Resource": "*",
        }] });
        let body = json!({ "QueueName": "dead", "Attributes": { "Policy": policy.to_string() } });
        sns.0.json("sqs", "CreateQueue", &body).await.ok();
        sns
    }

    async fn form(&self, form: &str) -> Answer {
        self.0.form("sns", &format!("{form}&Version=2010-03-31")).await
    }

    async fn ask(&self, form: &str) -> String {
        let answer = self.form(form).await;
        assert_eq!(answer.status, 200, "{form}: {}", answer.text());
        answer.text().to_owned()
    }

    /// Subscribes `hook`, with these attributes.
    async fn subscribe(&self, hook: &Hook, attributes: &[(&str, &str)]) {
        let mut form =
            format!("Action=Subscribe&TopicArn={T}&Protocol=http&Endpoint=http://{}/a", hook.address);
        for (number, (name, value)) in (1..).zip(attributes) {
            let entry = format!("Attributes.entry.{number}");
            form += &format!("&{entry}.key={name}&{entry}.value={}", escaped(value));
        }
        let text = self.ask(&form).await;
        assert!(text.contains("<SubscriptionArn>pending confirmation</SubscriptionArn>"), "{text}");
    }

    /// Subscribes `hook`, and confirms as it would; gives the subscription's ARN.
    async fn subscribed(&self, hook: &Hook, attributes: &[(&str, &str)]) -> String {
        self.subscribe(hook, attributes).await;
        let question = hook.got(1).await[0].json();
        let text = self.follow(&question["SubscribeURL"]).await.text().to_owned();
        between(&text, "<SubscriptionArn>", "</SubscriptionArn>")
    }

    async fn publish(&self, fields: &str) {
        self.ask(&format!("Action=Publish&TopicArn={T}&{fields}")).await;
    }

    /// Follows a link, as somebody without a key.
    async fn follow(&self, url: &Json) -> Answer {
        let url = url.as_str().expect("a URL");
        let path = url.strip_prefix("http://localhost:4566").unwrap_or_else(|| panic!("{url}"));
        self.0.send(request("GET", path, "", &[], "")).await
    }

    /// Checks the signature of an envelope with the certificate that it names.
    async fn check_signature(&self, envelope: &Json, members: &[&str]) {
        let pem = self.follow(&envelope["SigningCertURL"]).await;
        assert_eq!((pem.status, pem.header("content-type")), (200, "application/x-pem-file"));
        let certificate = x509_cert::Certificate::from_pem(pem.text()).expect("a certificate");
        let public = certificate.tbs_certificate().subject_public_key_info().to_der().expect("a key");
        let text = members.iter().filter(|name| !envelope[**name].is_null());
        let text = text.map(|name| format!("{name}\n{}\n", envelope[*name].as_str().expect("text")));
        let text = text.collect::<String>();
        let signature = BASE64.decode(envelope["Signature"].as_str().expect("text")).expect("Base64");
        let signature = Signature::try_from(signature.as_slice()).expect("a signature");
        let key = rsa::PublicKey::from_public_key_der(&public).expect("a key");
        let verified = match envelope["SignatureVersion"].as_str() {
            Some("1") => VerifyingKey::<sha1::Sha1>::new(key).verify(text.as_bytes(), &signature),
            _ => VerifyingKey::<sha2::Sha256>::new(key).verify(text.as_bytes(), &signature),
        };
        verified.expect("it is signed so");
    }

    async fn settled(&self) {
        self.0.until("no letter is left", || async { self.0.rows(436).await == 0 }).await;
    }

    async fn dead_letter(&self) -> Json {
        let body = json!({
            "QueueUrl": "http://localhost/000000000000/dead", "MessageAttributeNames": ["All"],
        });
        let found = std::sync::Mutex::new(Json::Null);
        self.0
            .until("a dead letter", || async {
                let answer = self.0.json("sqs", "ReceiveMessage", &body).await.ok();
                let mut found = found.lock().expect("no panic while held");
                *found = answer["Messages"][0].clone();
                !found.is_null()
            })
            .await;
        found.into_inner().expect("no panic while held")
    }
}

const NOTIFICATION: &[&str] = &["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"];
const CONFIRMATION: &[&str] =
    &["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"];
const RAW: (&str, &str) = ("RawMessageDelivery", "true");

fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn between(text: &str, start: &str, end: &str) -> String {
    let rest = text.split_once(start).unwrap_or_else(|| panic!("{start} in {text}")).1;
    rest.split_once(end).expect("it ends").0.to_owned()
}

fn bodies(got: &[Got]) -> Vec<&str> {
    got.iter().map(|got| got.body.as_str()).collect()
}

#[tokio::test]
async fn an_endpoint_confirms_hears_and_leaves_by_links() {
    let sns = Sns::new().await;
    let hook = Hook::new(&sns.0, &[]).await;
    sns.subscribe(&hook, &[]).await;
    let question = &hook.got(1).await[0];
    for (name, value) in [
        ("x-amz-sns-message-type", "SubscriptionConfirmation"),
        ("x-amz-sns-topic-arn", T),
        ("x-amz-sns-subscription-arn", ""),
        ("content-type", "text/plain; charset=UTF-8"),
        ("user-agent", "Amazon Simple Notification Service Agent"),
        ("host", &hook.address),
    ] {
        assert_eq!(question.header(name), value, "{name}");
    }
    assert_eq!(question.path, "/a");
    let body = question.json();
    assert_eq!(body["Type"], "SubscriptionConfirmation");
    assert_eq!(body["MessageId"], question.header("x-amz-sns-message-id"));
    sns.check_signature(&body, CONFIRMATION).await;
    sns.publish("Message=unheard").await;
    let mut arn = String::new();
    for _ in 0..2 {
        let confirmed = sns.follow(&body["SubscribeURL"]).await;
        assert_eq!(confirmed.status, 200, "{}", confirmed.text());
        arn = between(confirmed.text(), "<SubscriptionArn>", "</SubscriptionArn>");
    }
    let shown = sns.ask(&format!("Action=GetSubscriptionAttributes&SubscriptionArn={arn}")).await;
    assert!(shown.contains("<key>ConfirmationWasAuthenticated</key><value>false</value>"), "{shown}");
    sns.publish("Message=hello&Subject=s").await;
    let heard = &hook.got(2).await[1];
    assert_eq!(heard.header("x-amz-sns-message-type"), "Notification");
    assert_eq!(heard.header("x-amz-sns-subscription-arn"), arn);
    let envelope = heard.json();
    assert_eq!((&envelope["Message"], &envelope["Subject"]), (&json!("hello"), &json!("s")));
    sns.check_signature(&envelope, NOTIFICATION).await;
    let left = sns.follow(&envelope["UnsubscribeURL"]).await;
    assert_eq!(left.status, 200, "{}", left.text());
    let farewell = hook.got(3).await[2].json();
    assert_eq!(farewell["Type"], "UnsubscribeConfirmation");
    sns.check_signature(&farewell, CONFIRMATION).await;
    let listed = sns.ask(&format!("Action=ListSubscriptionsByTopic&TopicArn={T}")).await;
    assert!(listed.contains("<SubscriptionArn>Deleted</SubscriptionArn>"), "{listed}");
    sns.publish("Message=unheard").await;
    sns.settled().await;
    assert_eq!(sns.follow(&farewell["SubscribeURL"]).await.status, 200);
    sns.publish("Message=again").await;
    assert_eq!(hook.got(4).await[3].json()["Message"], "again");
    let wrong = body["SubscribeURL"].as_str().expect("a URL").replace("Token=", "Token=0");
    let refused = sns.follow(&wrong.into()).await;
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("Invalid parameter: Token"), "{}", refused.text());
}

#[tokio::test]
async fn a_topic_chooses_the_hash_of_its_signatures() {
    let sns = Sns::new().await;
    let set = format!("Action=SetTopicAttributes&TopicArn={T}&AttributeName=SignatureVersion");
    sns.ask(&format!("{set}&AttributeValue=2")).await;
    assert_eq!(sns.form(&format!("{set}&AttributeValue=3")).await.status, 400);
    let hook = Hook::new(&sns.0, &[]).await;
    sns.subscribed(&hook, &[]).await;
    sns.publish("Message=m").await;
    let envelope = hook.got(2).await[1].json();
    assert_eq!(envelope["SignatureVersion"], "2");
    sns.check_signature(&envelope, NOTIFICATION).await;
    let other = json!("http://localhost:4566/SimpleNotificationService-00.pem");
    assert_eq!(sns.follow(&other).await.status, 404);
}

#[tokio::test]
async fn raw_messages_come_without_an_envelope() {
    let sns = Sns::new().await;
    let hook = Hook::new(&sns.0, &[]).await;
    let policy = r#"{"requestPolicy":{"headerContentType":"text/csv"}}"#;
    sns.subscribed(&hook, &[RAW, ("DeliveryPolicy", policy)]).await;
    let message = escaped(r#"{"default":"d","http":"a,b"}"#);
    sns.publish(&format!("MessageStructure=json&Message={message}")).await;
    let heard = &hook.got(2).await[1];
    assert_eq!((heard.body.as_str(), heard.header("content-type")), ("a,b", "text/csv"));
    assert_eq!(heard.header("x-amz-sns-rawdelivery"), "true");
}

#[tokio::test]
async fn what_fails_comes_again_and_then_is_a_dead_letter() {
    let sns = Sns::new().await;
    let hook = Hook::new(&sns.0, &["200 OK", "500 Oops", "429 Slow Down", "200 OK"]).await;
    let redrive = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead"}"#;
    sns.subscribed(&hook, &[RAW, ("RedrivePolicy", redrive)]).await;
    sns.publish("Message=m").await;
    let got = hook.got_later(&sns.0, 4).await;
    assert_eq!(bodies(&got[1..]), ["m", "m", "m"]);
    let apart = |a: &Got, b: &Got| b.at_ms - a.at_ms;
    assert!(apart(&got[1], &got[2]) >= 20_000 && apart(&got[2], &got[3]) >= 20_000, "{got:?}");
    sns.settled().await;
    let hook = Hook::new(&sns.0, &["200 OK", "404 Not Found"]).await;
    sns.subscribed(&hook, &[("RedrivePolicy", redrive)]).await;
    sns.publish("Message=gone").await;
    let dead = sns.dead_letter().await;
    assert_eq!(dead["MessageAttributes"]["ErrorCode"]["StringValue"], "404");
    let body = serde_json::from_str::<Json>(dead["Body"].as_str().expect("text")).expect("an envelope");
    assert_eq!(body["Message"], "gone");
    sns.settled().await;
}

#[tokio::test]
async fn a_delivery_policy_says_when_and_how_often() {
    let sns = Sns::new().await;
    let hook = Hook::new(&sns.0, &["200 OK", "500 Oops", "500 Oops", "500 Oops", "500 Oops"]).await;
    let redrive = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead"}"#;
    let policy = r#"{"healthyRetryPolicy":{"numRetries":2,"numNoDelayRetries":1,"minDelayTarget":7,"maxDelayTarget":7}}"#;
    let arn = sns.subscribed(&hook, &[RAW, ("DeliveryPolicy", policy), ("RedrivePolicy", redrive)]).await;
    let shown = sns.ask(&format!("Action=GetSubscriptionAttributes&SubscriptionArn={arn}")).await;
    let effective = between(&shown, "<key>EffectiveDeliveryPolicy</key><value>", "</value>");
    assert!(effective.contains(r#""minDelayTarget":7"#), "{effective}");
    sns.publish("Message=m").await;
    let got = hook.got_later(&sns.0, 4).await;
    assert!(got[3].at_ms - got[2].at_ms >= 7000, "{got:?}");
    let dead = sns.dead_letter().await;
    assert_eq!(dead["MessageAttributes"]["ErrorCode"]["StringValue"], "500");
    sns.settled().await;
    assert_eq!(hook.got(4).await.len(), 4);
}

#[tokio::test]
async fn a_silent_endpoint_holds_up_nobody_else() {
    let sns = Sns::new().await;
    let silent = Hook::new(&sns.0, &["200 OK", Hook::SILENCE]).await;
    let lively = Hook::new(&sns.0, &[]).await;
    sns.subscribed(&silent, &[RAW]).await;
    sns.subscribed(&lively, &[RAW]).await;
    sns.publish("Message=1").await;
    silent.got(2).await;
    for number in 2..30 {
        sns.publish(&format!("Message={number}")).await;
    }
    let got = lively.got(30).await;
    let mut numbers =
        bodies(&got[1..]).into_iter().filter_map(|body| body.parse().ok()).collect::<Vec<i32>>();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..30).collect::<Vec<_>>());
    // Fifteen seconds are AWS's patience; then it is tried again.
    let got = silent.got_later(&sns.0, 31).await;
    assert_eq!(got.iter().filter(|got| got.body == "1").count(), 2);
    sns.settled().await;
}

#[tokio::test]
async fn a_throttle_spaces_requests_out() {
    let sns = Sns::new().await;
    let hook = Hook::new(&sns.0, &[]).await;
    let policy = r#"{"throttlePolicy":{"maxReceivesPerSecond":1}}"#;
    sns.subscribed(&hook, &[RAW, ("DeliveryPolicy", policy)]).await;
    for number in 0..3 {
        sns.publish(&format!("Message={number}")).await;
    }
    let got = hook.got_later(&sns.0, 4).await;
    assert!(got[3].at_ms - got[1].at_ms >= 1990, "{got:?}");
}

#[tokio::test]
async fn an_endpoint_that_asks_is_given_the_password_of_its_address() {
    let sns = Sns::new().await;
    let ask = "401 Unauthorized\r\nwww-authenticate: Basic realm=\"x\"";
    let hook = Hook::new(&sns.0, &[ask]).await;
    let form = format!(
        "Action=Subscribe&TopicArn={T}&Protocol=http&Endpoint={}",
        escaped(&format!("http://me:s%40id@{}/a", hook.address))
    );
    sns.ask(&form).await;
    let got = hook.got(2).await;
    assert_eq!((got[0].header("authorization"), got[1].header("authorization")), ("", "Basic bWU6c0BpZA=="));
    let listed = sns.ask(&format!("Action=ListSubscriptionsByTopic&TopicArn={T}")).await;
    assert!(listed.contains(&format!("http://me:****@{}/a", hook.address)), "{listed}");
}

#[tokio::test]
async fn letters_survive_a_crash() {
    let sns = Sns::new().await;
    let hook = Hook::new(&sns.0, &[]).await;
    sns.subscribed(&hook, &[RAW]).await;
    sns.settled().await;
    sns.0.stop_jobs().await;
    for number in 0..20 {
        sns.publish(&format!("Message={number}")).await;
    }
    assert_eq!(sns.0.rows(436).await, 20);
    sns.0.start_jobs();
    assert_eq!(hook.got(21).await.len(), 21);
    sns.settled().await;
}

#[tokio::test]
async fn a_token_lapses_after_two_days_and_the_subscription_with_it() {
    let sns = Sns::new().await;
    let hook = Hook::new(&sns.0, &[]).await;
    sns.subscribe(&hook, &[]).await;
    let first = hook.got(1).await[0].json();
    sns.subscribe(&hook, &[]).await;
    let second = hook.got(2).await[1].json();
    assert_ne!(first["Token"], second["Token"]);
    assert_eq!(sns.follow(&first["SubscribeURL"]).await.status, 400, "whoever asks again gets another token");
    sns.settled().await;
    sns.0.clock.advance(std::time::Duration::from_secs(2 * 24 * 3600 + 61));
    assert_eq!(sns.follow(&second["SubscribeURL"]).await.status, 400);
    sns.0.until("the sweep", || async { sns.0.rows(431).await == 0 && sns.0.rows(437).await == 0 }).await;
}

#[tokio::test]
async fn a_guarded_subscription_is_ended_with_a_signature_only() {
    let sns = Sns::new().await;
    let hook = Hook::new(&sns.0, &[]).await;
    sns.subscribe(&hook, &[]).await;
    let token = hook.got(1).await[0].json()["Token"].as_str().expect("a token").to_owned();
    let form =
        format!("Action=ConfirmSubscription&TopicArn={T}&Token={token}&AuthenticateOnUnsubscribe=true");
    let arn = between(&sns.ask(&form).await, "<SubscriptionArn>", "</SubscriptionArn>");
    let shown = sns.ask(&format!("Action=GetSubscriptionAttributes&SubscriptionArn={arn}")).await;
    assert!(shown.contains("<key>ConfirmationWasAuthenticated</key><value>true</value>"), "{shown}");
    let link = format!("http://localhost:4566/?Action=Unsubscribe&SubscriptionArn={arn}");
    let refused = sns.follow(&link.into()).await;
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("<Code>AuthorizationError</Code>"), "{}", refused.text());
    sns.ask(&format!("Action=Unsubscribe&SubscriptionArn={arn}")).await;
    let listed = sns.ask(&format!("Action=ListSubscriptionsByTopic&TopicArn={T}")).await;
    assert!(!listed.contains("<member>"), "{listed}");
}

#[tokio::test]
async fn what_is_no_endpoint_or_policy_is_refused() {
    let sns = Sns::new().await;
    for (protocol, endpoint, attribute, message) in [
        ("http", "https://x/", "", "Invalid parameter: Endpoint must match the specified protocol"),
        ("https", "x", "", "Invalid parameter: Endpoint must match the specified protocol"),
        ("http", "http:///x", "", "Invalid parameter: Endpoint"),
        (
            "http",
            "http://x/",
            r#"{"healthyRetryPolicy":{"numRetries":1,"minDelayTarget":0,"maxDelayTarget":1}}"#,
            "Invalid parameter: Attributes Reason: DeliveryPolicy: healthyRetryPolicy.minDelayTarget must be greater \
             than or equal to 1",
        ),
        (
            "sqs",
            "arn:aws:sqs:us-east-1:000000000000:dead",
            "{}",
            "Invalid parameter: Attributes Reason: DeliveryPolicy: protocol sqs has no delivery policy",
        ),
    ] {
        let mut form = format!("Action=Subscribe&TopicArn={T}&Protocol={protocol}&Endpoint={endpoint}");
        if !attribute.is_empty() {
            let value = escaped(attribute);
            form += &format!("&Attributes.entry.1.key=DeliveryPolicy&Attributes.entry.1.value={value}");
        }
        let answer = sns.form(&form).await;
        assert_eq!(answer.status, 400, "{endpoint}");
        let expected = format!("<Code>InvalidParameter</Code><Message>{message}</Message>");
        assert!(answer.text().contains(&expected), "{expected} in {}", answer.text());
    }
}
