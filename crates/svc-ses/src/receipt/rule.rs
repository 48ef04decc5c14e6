//! Receipt rules: for whom each is, and what it does.

use api_ses::{
    AddHeaderAction, BounceAction, InvocationType, LambdaAction, ReceiptAction, ReceiptRule, S3Action,
    SNSAction, SNSActionEncoding, StopAction, StopScope, TlsPolicy, errors,
};
use aws_wire::{AwsError, Result};
use serde::{Deserialize, Serialize};
use service::TargetArn;

use crate::refusal::invalid;
use crate::{Ctx, address};

/// Of a rule set, of an account and region, of a rule: AWS's quotas.
pub(crate) const RULES_MAX: usize = 200;
pub(crate) const SETS_MAX: usize = 40;
const ACTIONS_MAX: usize = 10;
const RECIPIENTS_MAX: usize = 500;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RuleSet {
    /// In milliseconds.
    pub created: i64,
    /// In the order in which they are followed.
    pub rules: Vec<Rule>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rule {
    pub name: String,
    pub enabled: bool,
    /// Addresses, domains, and `.domain` for those below; none means everybody.
    #[serde(default)]
    pub recipients: Vec<String>,
    #[serde(default)]
    pub actions: Vec<Action>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Action {
    pub kind: Kind,
    /// Who is told that it was taken.
    #[serde(default)]
    pub topic: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    S3 { bucket: String, prefix: Option<String> },
    Sns { topic: String, base64: bool },
    Lambda { function: String, waits: bool },
    Stop,
    AddHeader { name: String, value: String },
    Bounce { code: String, status: Option<String>, message: String, sender: String },
}

impl Rule {
    /// Those of `recipients` that the rule is for.
    pub(crate) fn matching<'a>(&self, recipients: &'a [String]) -> Vec<&'a str> {
        let wants = |recipient: &&'a str| {
            self.recipients.is_empty() || self.recipients.iter().any(|pattern| fits(pattern, recipient))
        };
        recipients.iter().map(String::as_str).filter(|_| self.enabled).filter(wants).collect()
    }
}

/// Whether an address is one that a pattern stands for. A label changes nothing.
fn fits(pattern: &str, recipient: &str) -> bool {
    let (pattern, recipient) = (pattern.to_lowercase(), recipient.to_lowercase());
    let domain = address::domain(&recipient);
    if pattern.starts_with('.') {
        return domain.ends_with(&pattern);
    }
    let Some((local, wanted_domain)) = pattern.rsplit_once('@') else { return domain == pattern };
    let given = recipient.rsplit_once('@').map_or("", |(local, _)| local);
    domain == wanted_domain && (given == local || given.split('+').next() == Some(local))
}

/// # Errors
/// 400 for what can't be the name of a rule or a set.
pub(crate) fn check_name(name: &str) -> Result<()> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if name.is_empty() || name.len() > 64 || !name.bytes().all(legal) {
        return Err(invalid(format!("Not a valid rule or rule set name: {name}")));
    }
    Ok(())
}

/// Reads a rule, and asks for everything that it names.
///
/// # Errors
/// 400 for what is not there or can't be; 501 for what is not honoured.
pub(crate) async fn check(cx: &Ctx, operation: &str, given: ReceiptRule) -> Result<Rule> {
    check_name(&given.name)?;
    if given.tls_policy == Some(TlsPolicy::Require) {
        return Err(AwsError::parameter_not_implemented(operation, "TlsPolicy Require"));
    }
    if given.scan_enabled == Some(true) {
        return Err(AwsError::parameter_not_implemented(operation, "ScanEnabled true"));
    }
    let (recipients, actions) = (given.recipients.unwrap_or_default(), given.actions.unwrap_or_default());
    if actions.len() > ACTIONS_MAX || recipients.len() > RECIPIENTS_MAX {
        let message = format!("A rule has at most {ACTIONS_MAX} actions and {RECIPIENTS_MAX} recipients.");
        return Err(errors::limit_exceeded_exception(message));
    }
    for recipient in &recipients {
        let checked = match recipient.strip_prefix('.') {
            Some(domain) => address::check_domain(domain),
            None if recipient.contains('@') => address::check(recipient),
            None => address::check_domain(recipient),
        };
        checked.map_err(|_| invalid(format!("Invalid recipient: {recipient}")))?;
    }
    let mut checked = Vec::with_capacity(actions.len());
    for action in actions {
        checked.push(check_action(cx, operation, action).await?);
    }
    Ok(Rule { name: given.name, enabled: given.enabled.unwrap_or(false), recipients, actions: checked })
}

async fn check_action(cx: &Ctx, operation: &str, given: ReceiptAction) -> Result<Action> {
    if given.workmail_action.is_some() {
        return Err(AwsError::parameter_not_implemented(operation, "WorkmailAction"));
    }
    if given.connect_action.is_some() {
        return Err(AwsError::parameter_not_implemented(operation, "ConnectAction"));
    }
    let (kind, topic) = read(operation, given)?;
    match &kind {
        Kind::S3 { bucket, .. } => {
            let head =
                api_s3::HeadBucketInput { bucket: bucket.clone(), ..api_s3::HeadBucketInput::default() };
            cx.call(head).await.map_err(|error| match error.status {
                501.. => error,
                _ => {
                    errors::invalid_s3_configuration_exception(format!("Could not write to bucket: {bucket}"))
                        .with("Bucket", bucket.as_str())
                }
            })?;
        }
        Kind::Sns { topic, .. } => check_topic(cx, topic).await?,
        Kind::Lambda { function, .. } => {
            let there = match TargetArn::parse(function).filter(|arn| arn.service() == "lambda") {
                Some(arn) => cx.check_target(&arn).await.is_ok(),
                None => false,
            };
            if !there {
                let message = format!("Could not invoke Lambda function: {function}");
                return Err(
                    errors::invalid_lambda_function_exception(message).with("FunctionArn", function.as_str())
                );
            }
        }
        Kind::AddHeader { name, value } => {
            let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            if name.is_empty() || name.len() > 50 || !name.bytes().all(legal) {
                return Err(invalid(format!("Invalid header name: {name}")));
            }
            if value.len() > 2048 || value.contains(['\r', '\n']) {
                return Err(invalid(format!("Invalid header value: {value}")));
            }
        }
        Kind::Bounce { sender, .. } => {
            address::check(sender).map_err(crate::refusal::Refusal::v1)?;
        }
        Kind::Stop => {}
    }
    if let Some(topic) = &topic {
        check_topic(cx, topic).await?;
    }
    Ok(Action { kind, topic })
}

/// The one action that is there, and its topic.
fn read(operation: &str, given: ReceiptAction) -> Result<(Kind, Option<String>)> {
    let mut found = Vec::new();
    if let Some(S3Action { topic_arn, bucket_name, object_key_prefix, kms_key_arn, iam_role_arn }) =
        given.s3_action
    {
        for (name, there) in [("KmsKeyArn", kms_key_arn.is_some()), ("IamRoleArn", iam_role_arn.is_some())] {
            if there {
                return Err(AwsError::parameter_not_implemented(operation, &format!("S3Action {name}")));
            }
        }
        found.push((Kind::S3 { bucket: bucket_name, prefix: object_key_prefix }, topic_arn));
    }
    if let Some(SNSAction { topic_arn, encoding }) = given.sns_action {
        let base64 = encoding == Some(SNSActionEncoding::Base64);
        found.push((Kind::Sns { topic: topic_arn, base64 }, None));
    }
    if let Some(LambdaAction { topic_arn, function_arn, invocation_type }) = given.lambda_action {
        let waits = invocation_type == Some(InvocationType::RequestResponse);
        found.push((Kind::Lambda { function: function_arn, waits }, topic_arn));
    }
    if let Some(StopAction { topic_arn, .. }) = given.stop_action {
        found.push((Kind::Stop, topic_arn));
    }
    if let Some(AddHeaderAction { header_name, header_value }) = given.add_header_action {
        found.push((Kind::AddHeader { name: header_name, value: header_value }, None));
    }
    if let Some(BounceAction { topic_arn, smtp_reply_code, status_code, message, sender }) =
        given.bounce_action
    {
        let kind = Kind::Bounce { code: smtp_reply_code, status: status_code, message, sender };
        found.push((kind, topic_arn));
    }
    match (found.pop(), found.is_empty()) {
        (Some(action), true) => Ok(action),
        _ => Err(invalid("An action must be exactly one of its kinds.")),
    }
}

async fn check_topic(cx: &Ctx, topic: &str) -> Result<()> {
    let there = match TargetArn::parse(topic).filter(|arn| arn.service() == "sns") {
        Some(arn) => cx.check_target(&arn).await.is_ok(),
        None => false,
    };
    if there {
        return Ok(());
    }
    Err(errors::invalid_sns_topic_exception(format!("Could not publish to SNS topic: {topic}"))
        .with("Topic", topic))
}

/// As the API shows it.
pub(crate) fn shown(rule: Rule) -> ReceiptRule {
    ReceiptRule {
        name: rule.name,
        enabled: Some(rule.enabled),
        tls_policy: Some(TlsPolicy::Optional),
        recipients: Some(rule.recipients),
        actions: Some(rule.actions.into_iter().map(shown_action).collect()),
        scan_enabled: Some(false),
    }
}

fn shown_action(action: Action) -> ReceiptAction {
    let (topic_arn, mut out) = (action.topic, ReceiptAction::default());
    match action.kind {
        Kind::S3 { bucket, prefix } => {
            out.s3_action = Some(S3Action {
                topic_arn,
                bucket_name: bucket,
                object_key_prefix: prefix,
                kms_key_arn: None,
                iam_role_arn: None,
            });
        }
        Kind::Sns { topic, base64 } => {
            let encoding = if base64 { SNSActionEncoding::Base64 } else { SNSActionEncoding::Utf8 };
            out.sns_action = Some(SNSAction { topic_arn: topic, encoding: Some(encoding) });
        }
        Kind::Lambda { function, waits } => {
            let kind = if waits { InvocationType::RequestResponse } else { InvocationType::Event };
            out.lambda_action =
                Some(LambdaAction { topic_arn, function_arn: function, invocation_type: Some(kind) });
        }
        Kind::Stop => out.stop_action = Some(StopAction { scope: StopScope::RuleSet, topic_arn }),
        Kind::AddHeader { name, value } => {
            out.add_header_action = Some(AddHeaderAction { header_name: name, header_value: value });
        }
        Kind::Bounce { code, status, message, sender } => {
            out.bounce_action =
                Some(BounceAction { topic_arn, smtp_reply_code: code, status_code: status, message, sender });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_for_addresses_domains_and_those_below() {
        let check = |pattern: &str, recipient: &str, expected| {
            assert_eq!(fits(pattern, recipient), expected, "{pattern} {recipient}");
        };
        check("a@b.c", "a@b.c", true);
        check("a@b.c", "A+label@B.c", true);
        check("a+x@b.c", "a@b.c", false);
        check("a@b.c", "a@x.b.c", false);
        check("b.c", "anybody@b.c", true);
        check("b.c", "a@x.b.c", false);
        check(".b.c", "a@x.b.c", true);
        check(".b.c", "a@b.c", false);
    }
}
