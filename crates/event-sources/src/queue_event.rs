//! Messages of a queue as a function sees them.

use std::collections::BTreeMap;

use api_sqs::{Message, MessageAttributeValue};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Serialize;
use serde_json::Value as Json;

use crate::filter;

#[derive(Serialize)]
struct Record<'a> {
    #[serde(rename = "messageId")]
    message_id: &'a str,
    #[serde(rename = "receiptHandle")]
    receipt_handle: &'a str,
    body: &'a str,
    attributes: &'a BTreeMap<String, String>,
    #[serde(rename = "messageAttributes")]
    message_attributes: BTreeMap<&'a str, Attribute<'a>>,
    #[serde(rename = "md5OfMessageAttributes", skip_serializing_if = "Option::is_none")]
    md5_of_message_attributes: Option<&'a str>,
    #[serde(rename = "md5OfBody")]
    md5_of_body: &'a str,
    #[serde(rename = "eventSource")]
    event_source: &'static str,
    #[serde(rename = "eventSourceARN")]
    event_source_arn: &'a str,
    #[serde(rename = "awsRegion")]
    aws_region: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Attribute<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    string_value: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    binary_value: Option<String>,
    string_list_values: [&'a str; 0],
    binary_list_values: [&'a str; 0],
    data_type: &'a str,
}

/// The record of a message, as JSON.
pub(crate) fn record(message: &Message, queue_arn: &str, region: &str) -> String {
    let none = BTreeMap::new();
    fn text(text: &Option<String>) -> &str {
        text.as_deref().unwrap_or_default()
    }
    let attributes = message.message_attributes.iter().flatten();
    let record = Record {
        message_id: text(&message.message_id),
        receipt_handle: text(&message.receipt_handle),
        body: text(&message.body),
        attributes: message.attributes.as_ref().unwrap_or(&none),
        message_attributes: attributes.map(|(name, value)| (name.as_str(), attribute(value))).collect(),
        md5_of_message_attributes: message.md5_of_message_attributes.as_deref(),
        md5_of_body: text(&message.md5_of_body),
        event_source: "aws:sqs",
        event_source_arn: queue_arn,
        aws_region: region,
    };
    serde_json::to_string(&record).expect("texts are JSON")
}

fn attribute(value: &MessageAttributeValue) -> Attribute<'_> {
    Attribute {
        string_value: value.string_value.as_deref(),
        binary_value: value.binary_value.as_ref().map(|bytes| BASE64.encode(bytes)),
        string_list_values: [],
        binary_list_values: [],
        data_type: &value.data_type,
    }
}

/// What filter criteria see of a record.
pub(crate) fn seen(record: &str) -> Json {
    let mut seen = serde_json::from_str::<Json>(record).unwrap_or_default();
    let body = seen["body"].as_str().map(filter::payload);
    seen["body"] = body.unwrap_or_default();
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_reads_as_awss() {
        let attribute = MessageAttributeValue {
            string_value: Some("v".to_owned()),
            data_type: "String".to_owned(),
            ..MessageAttributeValue::default()
        };
        let message = Message {
            message_id: Some("m".to_owned()),
            receipt_handle: Some("r".to_owned()),
            md5_of_body: Some("d".to_owned()),
            body: Some("{\"n\":1}".to_owned()),
            attributes: Some(BTreeMap::from([("SentTimestamp".to_owned(), "1".to_owned())])),
            md5_of_message_attributes: None,
            message_attributes: Some(BTreeMap::from([("a".to_owned(), attribute)])),
        };
        let record = record(&message, "arn:aws:sqs:eu-west-1:1:q", "eu-west-1");
        let expected = concat!(
            r#"{"messageId":"m","receiptHandle":"r","body":"{\"n\":1}","attributes":{"SentTimestamp":"1"},"#,
            r#""messageAttributes":{"a":{"stringValue":"v","stringListValues":[],"binaryListValues":[],"dataType":"String"}},"#,
            r#""md5OfBody":"d","eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:eu-west-1:1:q","awsRegion":"eu-west-1"}"#
        );
        assert_eq!(record, expected);
        assert_eq!(seen(&record)["body"]["n"], 1);
    }
}
