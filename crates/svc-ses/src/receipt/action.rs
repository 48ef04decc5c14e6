//! One action of a receipt rule, taken.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_auth::policy::{Asker, Decision, Keys, Policy, Question};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use mail_builder::MessageBuilder;
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::date::Date;
use mail_builder::mime::MimePart;
use mail_parser::Message;
use serde_json::Value as Json;
use service::{Delivery, Sender, TargetArn, Undelivered};

use super::notice::{Notice, object_key};
use super::rule::{Action, Kind};
use super::{Received, Task};
use crate::refusal::Refusal;
use crate::send::{self, Content, Order};
use crate::{Ctx, mime};

const PRINCIPAL: &str = "ses.amazonaws.com";
/// The largest mail that a topic is given whole.
const TOLD_BYTES_MAX: usize = 150 * 1024;
/// How long a function that is waited for may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What an action came to.
pub(super) enum Outcome {
    Done,
    /// A header that is from now on the mail's first.
    Header(String, String),
    EndOfRule,
    End,
    /// It may go better later.
    Failed(String),
    Refused(String),
}

/// A mail on its road, where an action is to be taken.
pub(super) struct Scene<'a> {
    pub cx: &'a Ctx,
    pub task: &'a Task,
    pub received: &'a Received,
    pub content: &'a [u8],
    /// Those for whom the rule is.
    pub recipients: Vec<&'a str>,
}

impl Scene<'_> {
    pub(super) async fn take(&self, action: &Action) -> Outcome {
        let added = self.received.added.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
        let content = [added.collect::<String>().as_bytes(), self.content].concat();
        let Some(message) = mime::parse(&content) else {
            return Outcome::Refused("the mail can't be read".to_owned());
        };
        let notice = Notice {
            id: &self.task.mail.2,
            received: self.received,
            message: &message,
            recipients: &self.recipients,
            action,
            now: self.cx.env.now().as_micros(),
        };
        let outcome = match &action.kind {
            Kind::S3 { bucket, prefix } => self.store(bucket, prefix.as_deref(), &content).await,
            Kind::Sns { topic, base64 } => self.tell_whole(topic, *base64, &notice, &content).await,
            Kind::Lambda { function, waits: false } => self.send(function, notice.event().to_string()).await,
            Kind::Lambda { function, waits: true } => self.ask(function, notice.event().to_string()).await,
            Kind::Stop => Outcome::End,
            Kind::AddHeader { name, value } => Outcome::Header(name.clone(), value.clone()),
            Kind::Bounce { code, status, message: text, sender } => {
                self.bounce(sender, (code, status.as_deref(), text), &message).await
            }
        };
        if let (Some(topic), Outcome::Done | Outcome::End | Outcome::EndOfRule) = (&action.topic, &outcome)
            && let failed @ (Outcome::Failed(_) | Outcome::Refused(_)) =
                self.send(topic, notice.notification(None).to_string()).await
        {
            return failed;
        }
        outcome
    }

    async fn store(&self, bucket: &str, prefix: Option<&str>, content: &[u8]) -> Outcome {
        let put = api_s3::PutObjectInput {
            bucket: bucket.to_owned(),
            key: object_key(prefix, &self.task.mail.2),
            body: Some(Bytes::copy_from_slice(content).into()),
            ..api_s3::PutObjectInput::default()
        };
        match self.cx.call(put).await {
            Ok(_) => Outcome::Done,
            Err(error) if error.status >= 500 && error.status != 501 => Outcome::Failed(error.to_string()),
            Err(error) => Outcome::Refused(error.to_string()),
        }
    }

    async fn tell_whole(&self, topic: &str, base64: bool, notice: &Notice<'_>, content: &[u8]) -> Outcome {
        if content.len() > TOLD_BYTES_MAX {
            return Outcome::Refused(format!("a topic is told of mails up to {TOLD_BYTES_MAX} bytes"));
        }
        let text =
            if base64 { BASE64.encode(content) } else { String::from_utf8_lossy(content).into_owned() };
        self.send(topic, notice.notification(Some(&text)).to_string()).await
    }

    /// `aws:SourceArn` for whoever is asked to let SES in.
    fn source_arn(&self) -> String {
        let (account, region, _) = &self.task.mail;
        let rule = self.task.rules.get(self.task.rule).map_or("", |rule| rule.name.as_str());
        format!("arn:aws:ses:{region}:{account}:receipt-rule-set/{}:receipt-rule/{rule}", self.task.rule_set)
    }

    async fn send(&self, target: &str, payload: String) -> Outcome {
        let Some(target) = TargetArn::parse(target) else { return Outcome::Refused("no ARN".to_owned()) };
        let delivery = Delivery {
            target,
            payload: payload.into(),
            sender: Sender {
                service: PRINCIPAL.to_owned(),
                source_arn: self.source_arn(),
                source_account: self.task.mail.0.clone(),
                role: None,
            },
            attributes: BTreeMap::new(),
            in_order: None,
            bus: None,
            object_key: None,
            trace: None,
        };
        match self.cx.deliver(delivery).await {
            Ok(()) => Outcome::Done,
            Err(error) => failed(&error),
        }
    }

    /// Invokes a function and does as it says.
    async fn ask(&self, function: &str, payload: String) -> Outcome {
        if let Err(why) = self.check_policy(function).await {
            return Outcome::Refused(why);
        }
        let invoke = api_lambda::InvokeInput {
            function_name: function.to_owned(),
            payload: Some(payload.into()),
            ..api_lambda::InvokeInput::default()
        };
        // An invocation is named by its request, of which each needs its own.
        let cx = self.cx.clone().with_request_id(self.cx.env.uuid().to_string().into());
        let answer = tokio::select! {
            answer = cx.call(invoke) => answer,
            () = self.cx.env.sleep(PATIENCE) => return Outcome::Failed("the function takes too long".to_owned()),
        };
        match answer {
            Ok(answer) if answer.function_error.is_none() => disposition(&answer.payload.unwrap_or_default()),
            Ok(answer) => {
                let payload = answer.payload.unwrap_or_default();
                Outcome::Failed(format!("the function failed: {}", String::from_utf8_lossy(&payload)))
            }
            Err(error) if error.status >= 500 || error.status == 429 => Outcome::Failed(error.to_string()),
            Err(error) => Outcome::Refused(error.to_string()),
        }
    }

    /// Whether a function's policy lets SES in; a call from here would not ask.
    async fn check_policy(&self, function: &str) -> Result<(), String> {
        let denied = || format!("the policy of {function} does not let {PRINCIPAL} in");
        let asked = api_lambda::GetPolicyInput { function_name: function.to_owned(), qualifier: None };
        let found = self.cx.call(asked).await.map_err(|_| denied())?;
        let document = serde_json::from_str(&found.policy.unwrap_or_default()).map_err(|_| denied())?;
        let policy = Policy::parse(&document).map_err(|_| denied())?;
        let keys = Keys::default()
            .with("aws:SourceArn", self.source_arn())
            .with("aws:SourceAccount", self.task.mail.0.clone());
        let asker = Asker::Service(PRINCIPAL.to_owned());
        let question =
            Question { asker: &asker, action: "lambda:InvokeFunction", resource: function, keys: &keys };
        if policy.decide(question) == Decision::Allowed { Ok(()) } else { Err(denied()) }
    }

    /// Sends the mail back to where it came from, as a delivery report.
    async fn bounce(&self, sender: &str, why: (&str, Option<&str>, &str), message: &Message<'_>) -> Outcome {
        if self.received.source.is_empty() {
            // A report of a report would never end.
            return Outcome::End;
        }
        let order = Order {
            source: Some(sender.to_owned()),
            to: vec![self.received.source.clone()],
            content: Content::Raw(self.report(sender, why, message).into()),
            bytes_max: send::V2_BYTES_MAX,
            operation: "BounceAction",
            ..Order::default()
        };
        match send::send(self.cx, order).await {
            Ok(_) => Outcome::End,
            Err(Refusal::Other(error)) if error.status >= 500 => Outcome::Failed(error.to_string()),
            Err(refusal) => Outcome::Refused(refusal.message()),
        }
    }

    fn report(
        &self,
        sender: &str,
        (code, status, text): (&str, Option<&str>, &str),
        message: &Message<'_>,
    ) -> Vec<u8> {
        let status = status.unwrap_or("5.0.0");
        let recipients = self.recipients.iter().map(|recipient| {
            format!(
                "\r\nFinal-Recipient: rfc822;{recipient}\r\nAction: failed\r\nStatus: {status}\r\n\
                 Diagnostic-Code: smtp; {code} {text}\r\n"
            )
        });
        let report = format!(
            "Reporting-MTA: dns; inbound-smtp.{}.amazonaws.com\r\n{}",
            self.task.mail.1,
            recipients.collect::<String>()
        );
        let headers =
            message.headers_raw().map(|(name, value)| format!("{name}:{value}")).collect::<String>();
        let seven_bit = |kind: &'static str, content: String| {
            MimePart::new(ContentType::new(kind), content.into_bytes()).transfer_encoding("8bit")
        };
        let body = MimePart::new(
            ContentType::new("multipart/report")
                .attribute("report-type", "delivery-status")
                .attribute("boundary", format!("report_{}", self.task.mail.2)),
            vec![
                MimePart::new("text/plain", format!("{code} {status} {text}\r\n")),
                seven_bit("message/delivery-status", report),
                seven_bit("text/rfc822-headers", headers),
            ],
        );
        let mut out = Vec::new();
        MessageBuilder::new()
            .from(sender)
            .to(self.received.source.as_str())
            .subject("Delivery Status Notification (Failure)")
            .message_id(self.task.mail.2.as_str())
            .date(Date::from(self.cx.env.now().as_secs()))
            .body(body)
            .serialize(&mut out);
        out
    }
}

fn failed(error: &Undelivered) -> Outcome {
    if error.is_worth_another_try() {
        Outcome::Failed(error.to_string())
    } else {
        Outcome::Refused(error.to_string())
    }
}

/// What a function that was waited for wants: `CONTINUE` unless it says otherwise.
fn disposition(answer: &[u8]) -> Outcome {
    let answer = serde_json::from_slice::<Json>(answer).unwrap_or_default();
    match answer["disposition"].as_str().map(str::to_ascii_uppercase).as_deref() {
        Some("STOP_RULE") => Outcome::EndOfRule,
        Some("STOP_RULE_SET") => Outcome::End,
        _ => Outcome::Done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_says_how_to_go_on() {
        let is = |answer: &str| match disposition(answer.as_bytes()) {
            Outcome::Done => "go on",
            Outcome::EndOfRule => "rule",
            Outcome::End => "set",
            _ => "other",
        };
        assert_eq!(is(r#"{"disposition":"CONTINUE"}"#), "go on");
        assert_eq!(is(r#"{"disposition":"STOP_RULE"}"#), "rule");
        assert_eq!(is(r#"{"disposition":"stop_rule_set"}"#), "set");
        for answer in ["null", "", "[]", "no", r#"{"disposition":7}"#] {
            assert_eq!(is(answer), "go on", "{answer}");
        }
    }
}
