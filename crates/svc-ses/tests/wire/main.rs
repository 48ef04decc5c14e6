//! Both APIs over the wire: raw requests in, answers out, a theme a file. One program for all: to link one for each
//! would take longer than to run them.

mod buses;
mod events;
mod identities;
mod mailbox;
mod receipt;
mod relay;
mod sending;
mod settings;
mod templates;

use kv::{Span, Table};
use serde_json::{Value as Json, json};
use testkit::{Answer, Ground, Wire, request};

/// A platform with SES, topics and queues.
pub(crate) struct Mailer(Wire);

impl Mailer {
    pub(crate) fn new() -> Self {
        let mut services = vec![svc_sns::service(), svc_sqs::service()];
        services.extend(svc_ses::services(svc_ses::Config::default()));
        let mailer = Self(Ground::new().serve(services));
        mailer.0.start_jobs();
        mailer
    }

    /// With `me@example.com` and all of `example.org`.
    pub(crate) async fn verified() -> Self {
        let mailer = Self::new();
        mailer.v1("VerifyEmailIdentity", "EmailAddress=me%40example.com").await;
        mailer.v1("VerifyDomainIdentity", "Domain=example.org").await;
        mailer
    }

    pub(crate) async fn form(&self, operation: &str, fields: &str) -> Answer {
        self.0.form("ses", &format!("Action={operation}&Version=2010-12-01&{fields}")).await
    }

    /// What an operation of 2010 answers when it does what was asked.
    pub(crate) async fn v1(&self, operation: &str, fields: &str) -> String {
        let answer = self.form(operation, fields).await;
        assert_eq!(answer.status, 200, "{operation} {fields}: {}", answer.text());
        answer.text().to_owned()
    }

    /// That an operation of 2010 refuses, in these words.
    pub(crate) async fn v1_refuses(&self, operation: &str, fields: &str, code: &str, message: &str) {
        let answer = self.form(operation, fields).await;
        let found =
            (between(answer.text(), "<Code>", "</Code>"), between(answer.text(), "<Message>", "</Message>"));
        assert_eq!(
            (answer.status, found.0.as_str(), found.1.as_str()),
            (400, code, message),
            "{operation} {fields}"
        );
    }

    /// An operation of 2019.
    pub(crate) async fn v2(&self, method: &str, path: &str, body: Json) -> Answer {
        self.0.rest(method, &format!("/v2/email/{path}"), "ses", &body).await
    }

    /// Sends a small mail with the API of 2019; gives its id.
    pub(crate) async fn send(&self, from: &str, to: &[&str], more: Json) -> String {
        let mut body = json!({
            "FromEmailAddress": from,
            "Destination": { "ToAddresses": to },
            "Content": { "Simple": { "Subject": { "Data": "s" }, "Body": { "Text": { "Data": "t" } } } },
        });
        for (name, value) in more.as_object().expect("an object") {
            body[name] = value.clone();
        }
        let sent = self.v2("POST", "outbound-emails", body).await.ok();
        sent["MessageId"].as_str().expect("an id").to_owned()
    }

    /// Waits until the one row of a queue was tried so often.
    pub(crate) async fn tried(&self, queue: u16, tries: u64) {
        let table = Table::<(i64, [u8; 16]), Json>::new(queue, "a queue");
        let tried = || async {
            let snapshot = self.0.kv.snapshot().await.expect("memory has no failures");
            let rows = table.all(&snapshot, &Span::all()).expect("memory has no failures");
            rows.iter().map(|(_, row)| row["tries"].as_u64()).collect::<Vec<_>>() == [Some(tries)]
        };
        self.0.until("another try", tried).await;
    }

    pub(crate) async fn visit(&self, method: &str, query: &str) -> Answer {
        self.0.send(request(method, &format!("/_aws/ses{query}"), "", &[], "")).await
    }

    /// Everything in the mailbox that a query finds.
    pub(crate) async fn mails(&self, query: &str) -> Vec<Json> {
        let answer = self.visit("GET", query).await.ok();
        answer["messages"].as_array().expect("a list").clone()
    }

    /// A topic, and a queue that hears it raw.
    pub(crate) async fn topic(&self, name: &str) -> String {
        let sns = |form: String| async move {
            let answer = self.0.form("sns", &format!("{form}&Version=2010-03-31")).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
        };
        let queue = format!("arn:aws:sqs:us-east-1:000000000000:{name}");
        let topic = format!("arn:aws:sns:us-east-1:000000000000:{name}");
        let policy = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": { "Service": "sns.amazonaws.com" }, "Action": "sqs:SendMessage",
            "Resource": queue,
        }] });
        let body = json!({ "QueueName": name, "Attributes": { "Policy": policy.to_string() } });
        self.0.json("sqs", "CreateQueue", &body).await.ok();
        sns(format!("Action=CreateTopic&Name={name}")).await;
        sns(format!(
            "Action=Subscribe&TopicArn={topic}&Protocol=sqs&Endpoint={queue}&Attributes.entry.1.key=RawMessageDelivery\
             &Attributes.entry.1.value=true"
        ))
        .await;
        topic
    }

    /// What a topic's queue has, once there are so many.
    pub(crate) async fn heard(&self, name: &str, count: usize) -> Vec<Json> {
        let found = self.heard_at_least(name, count).await;
        assert_eq!(found.len(), count);
        found
    }

    /// What a topic's queue has, where a restart may have sent some of it again.
    pub(crate) async fn heard_at_least(&self, name: &str, count: usize) -> Vec<Json> {
        let url = format!("http://localhost/000000000000/{name}");
        let body = json!({ "QueueUrl": url, "MaxNumberOfMessages": 10 });
        let found = std::sync::Mutex::new(Vec::new());
        self.0
            .until("the events", || async {
                let answer = self.0.json("sqs", "ReceiveMessage", &body).await.ok();
                let mut found = found.lock().expect("no panic while held");
                found.extend(answer["Messages"].as_array().cloned().unwrap_or_default());
                found.len() >= count
            })
            .await;
        let found = found.into_inner().expect("no panic while held");
        let read =
            |message: &Json| serde_json::from_str(message["Body"].as_str().expect("text")).expect("JSON");
        found.iter().map(read).collect()
    }
}

pub(crate) fn between(text: &str, start: &str, end: &str) -> String {
    let rest = text.split_once(start).unwrap_or_else(|| panic!("{start} in {text}")).1;
    rest.split_once(end).expect("it ends").0.to_owned()
}

pub(crate) fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
