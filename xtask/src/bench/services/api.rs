//! How clients of the services speak, in requests that every server here takes.

use serde_json::Value as Json;

use super::super::http::Connection;
use crate::Error;

/// Peers find the service by the scope of a signature, which none of them checks, nor does the platform that is open.
fn authorization(service: &str) -> String {
    format!(
        "Authorization: AWS4-HMAC-SHA256 Credential=bench/20260101/us-east-1/{service}/aws4_request, \
         SignedHeaders=host;x-amz-date, Signature={:064}\r\nX-Amz-Date: 20260101T000000Z\r\n",
        0
    )
}

/// An operation of a service that speaks awsJson: the headers that its requests have.
pub struct Operation {
    name: &'static str,
    headers: String,
}

impl Operation {
    pub fn sqs(name: &'static str) -> Self {
        Self::new("sqs", "1.0", "AmazonSQS", name)
    }

    pub fn dynamodb(name: &'static str) -> Self {
        Self::new("dynamodb", "1.0", "DynamoDB_20120810", name)
    }

    pub fn kinesis(name: &'static str) -> Self {
        Self::new("kinesis", "1.1", "Kinesis_20131202", name)
    }

    fn new(service: &str, version: &str, target: &str, name: &'static str) -> Self {
        let headers = format!(
            "Content-Type: application/x-amz-json-{version}\r\nX-Amz-Target: {target}.{name}\r\n{}",
            authorization(service)
        );
        Self { name, headers }
    }

    /// The body of an answer, as it came.
    pub fn call(&self, connection: &mut Connection, body: &str) -> Result<Vec<u8>, Error> {
        match connection.call_with("POST", "/", &self.headers, body.as_bytes())? {
            (200, answer) => Ok(answer),
            (status, answer) => {
                Err(format!("{}: {status} {}", self.name, String::from_utf8_lossy(&answer)).into())
            }
        }
    }

    pub fn json(&self, connection: &mut Connection, body: &Json) -> Result<Json, Error> {
        Ok(serde_json::from_slice(&self.call(connection, &body.to_string())?)?)
    }
}

/// An operation of SNS, by a form: `fields` are as they go over the wire. Gives what stands in the element `wanted`.
pub fn sns(connection: &mut Connection, action: &str, fields: &str, wanted: &str) -> Result<String, Error> {
    let headers = format!("Content-Type: application/x-www-form-urlencoded\r\n{}", authorization("sns"));
    let form = format!("Action={action}&Version=2010-03-31&{fields}");
    let (status, answer) = connection.call_with("POST", "/", &headers, form.as_bytes())?;
    let answer = String::from_utf8(answer)?;
    let element = |text: &str| {
        let (_, rest) = text.split_once(&format!("<{wanted}>"))?;
        Some(rest.split_once('<')?.0.trim().to_owned())
    };
    element(&answer).filter(|_| status == 200).ok_or_else(|| format!("{action}: {status} {answer}").into())
}

/// As a form has it.
pub fn escaped(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}

/// Numbers that look drawn, the same in each run: splitmix64.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}
