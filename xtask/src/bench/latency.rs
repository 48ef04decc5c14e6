//! How long an event takes from the write that is acknowledged to the first line of the handler, source by source.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value as Json, json};

use super::{Connection, Platform, Samples, deploy, python_runtime};
use crate::Error;

/// Tells when it began, and with which event: all sources' events have the number somewhere.
const HANDLER: &str = r#"
import json, re, time
def lambda_handler(event, context):
    began = time.time_ns()
    print("BEGAN", began, *sorted(set(re.findall(r"event-(\d+)", json.dumps(event)))))
"#;
const EVENTS: u32 = 300;
/// The first events start environments and open what is opened once.
const WARMING: u32 = 20;
const FUNCTION: &str = "latency-python";
const FUNCTION_ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:latency-python";
const GOAL_MS: f64 = 10.0;

/// A source: its name, what makes it, and what sends it an event.
struct Source {
    name: &'static str,
    send: fn(&mut Connection, u32) -> Result<(), Error>,
}

const SOURCES: &[Source] = &[
    Source {
        name: "SQS queue",
        send: |connection, number| {
            let body =
                json!({ "QueueUrl": "http://localhost/000000000000/latency", "MessageBody": text(number) });
            connection.json("AmazonSQS.SendMessage", &body).map(drop)
        },
    },
    Source {
        name: "DynamoDB stream",
        send: |connection, number| {
            let item = json!({ "h": { "S": text(number) } });
            let body = json!({ "TableName": "latency", "Item": item });
            connection.json("DynamoDB_20120810.PutItem", &body).map(drop)
        },
    },
    Source {
        name: "S3 notification",
        send: |connection, number| {
            connection.expect("PUT", &format!("/latency/{}", text(number)), b"x").map(drop)
        },
    },
    Source {
        name: "SNS topic",
        send: |connection, number| {
            let topic = "arn%3Aaws%3Asns%3Aus-east-1%3A000000000000%3Alatency";
            let query =
                format!("/?Action=Publish&Version=2010-03-31&TopicArn={topic}&Message={}", text(number));
            connection.expect("POST", &query, b"").map(drop)
        },
    },
];

fn text(number: u32) -> String {
    format!("event-{number}")
}

/// The table of all sources.
pub fn measure(platform: &Platform, lambent: &Path, work: &Path) -> Result<String, Error> {
    let source = work.join("latency");
    fs::create_dir_all(&source)?;
    fs::write(source.join("lambda_function.py"), HANDLER)?;
    deploy(lambent, platform, FUNCTION, &source, &python_runtime()?)?;
    let mut connection = Connection::open(&platform.address)?;
    make_sources(&mut connection)?;
    let mut table = String::from(
        "\n| from the write's acknowledgement to the handler's first line, warm | p50 ms | p99 ms | to reach, p50 |\n\
         |---|---|---|---|\n",
    );
    let mut number = 0;
    for source in SOURCES {
        let mut acknowledged = HashMap::new();
        for sent in 0..WARMING + EVENTS {
            number += 1;
            (source.send)(&mut connection, number)?;
            if sent >= WARMING {
                acknowledged.insert(number, SystemTime::now().duration_since(UNIX_EPOCH)?);
            }
            // One at a time: this is no measure of queues that grow.
            std::thread::park_timeout(Duration::from_millis(15));
        }
        let began = began(&mut connection, &acknowledged)?;
        // A handler that began before the sender knew of the acknowledgement waited for nothing.
        let mut waited = acknowledged.iter().map(|(number, at)| began[number].saturating_sub(*at));
        let samples =
            Samples::take(acknowledged.len(), || waited.next().ok_or_else(|| "one an event".into()))?;
        let (p50, p99) = (samples.quantile(0.5), samples.quantile(0.99));
        let _ = writeln!(table, "| {} | {p50:.2} | {p99:.2} | ≤ {GOAL_MS} |", source.name);
    }
    Ok(table)
}

fn make_sources(connection: &mut Connection) -> Result<(), Error> {
    connection.json("AmazonSQS.CreateQueue", &json!({ "QueueName": "latency" }))?;
    map(connection, "arn:aws:sqs:us-east-1:000000000000:latency", json!({}))?;
    let table = json!({
        "TableName": "latency",
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{ "AttributeName": "h", "KeyType": "HASH" }],
        "AttributeDefinitions": [{ "AttributeName": "h", "AttributeType": "S" }],
        "StreamSpecification": { "StreamEnabled": true, "StreamViewType": "NEW_IMAGE" },
    });
    let made = connection.json("DynamoDB_20120810.CreateTable", &table)?;
    let stream =
        made["TableDescription"]["LatestStreamArn"].as_str().ok_or("a table has a stream")?.to_owned();
    let describe = json!({ "TableName": "latency" });
    while connection.json("DynamoDB_20120810.DescribeTable", &describe)?["Table"]["TableStatus"] != "ACTIVE" {
    }
    map(connection, &stream, json!({ "StartingPosition": "TRIM_HORIZON" }))?;
    for (id, principal) in [("s3", "s3.amazonaws.com"), ("sns", "sns.amazonaws.com")] {
        let permission =
            json!({ "StatementId": id, "Action": "lambda:InvokeFunction", "Principal": principal });
        let path = format!("/2015-03-31/functions/{FUNCTION}/policy");
        connection.expect("POST", &path, permission.to_string().as_bytes())?;
    }
    connection.expect("PUT", "/latency", b"")?;
    let notification = format!(
        "<NotificationConfiguration><CloudFunctionConfiguration><CloudFunction>{FUNCTION_ARN}</CloudFunction>\
         <Event>s3:ObjectCreated:*</Event></CloudFunctionConfiguration></NotificationConfiguration>"
    );
    connection.expect("PUT", "/latency?notification", notification.as_bytes())?;
    connection.expect("POST", "/?Action=CreateTopic&Version=2010-03-31&Name=latency", b"")?;
    let topic = "arn%3Aaws%3Asns%3Aus-east-1%3A000000000000%3Alatency";
    let endpoint = FUNCTION_ARN.replace(':', "%3A");
    let subscribe =
        format!("/?Action=Subscribe&Version=2010-03-31&TopicArn={topic}&Protocol=lambda&Endpoint={endpoint}");
    connection.expect("POST", &subscribe, b"")?;
    Ok(())
}

fn map(connection: &mut Connection, source: &str, mut settings: Json) -> Result<(), Error> {
    settings["FunctionName"] = FUNCTION.into();
    settings["EventSourceArn"] = source.into();
    let path = "/2015-03-31/event-source-mappings/";
    let made = connection.expect("POST", path, settings.to_string().as_bytes())?;
    let made = serde_json::from_slice::<Json>(&made)?;
    let path = format!("{path}{}", made["UUID"].as_str().ok_or("a mapping has a UUID")?);
    while serde_json::from_slice::<Json>(&connection.expect("GET", &path, b"")?)?["State"] != "Enabled" {}
    Ok(())
}

/// When the handler began with each event, as it wrote itself; waits until all are there.
fn began(
    connection: &mut Connection,
    wanted: &HashMap<u32, Duration>,
) -> Result<HashMap<u32, Duration>, Error> {
    loop {
        let (mut began, mut next) = (HashMap::new(), Json::Null);
        loop {
            let mut body =
                json!({ "logGroupName": format!("/aws/lambda/{FUNCTION}"), "filterPattern": "BEGAN" });
            if !next.is_null() {
                body["nextToken"] = next;
            }
            let mut found = connection.json("Logs_20140328.FilterLogEvents", &body)?;
            for event in found["events"].as_array().into_iter().flatten() {
                let mut words = event["message"].as_str().unwrap_or_default().split_whitespace().skip(1);
                let at = words.next().and_then(|word| word.parse().ok()).map(Duration::from_nanos);
                let numbers = words.filter_map(|word| word.parse::<u32>().ok());
                began.extend(numbers.zip(std::iter::repeat(at.ok_or("the handler tells the time")?)));
            }
            next = found["nextToken"].take();
            if next.is_null() {
                break;
            }
        }
        if wanted.keys().all(|number| began.contains_key(number)) {
            return Ok(began);
        }
        std::thread::park_timeout(Duration::from_millis(50));
    }
}
