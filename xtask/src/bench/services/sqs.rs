//! Queues, and topics that fan out to them.

use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use super::super::http::Connection;
use super::api::{Operation, escaped, sns};
use super::load::{Measured, drive};
use super::{CLIENTS, TIMES};
use crate::Error;

const BODY_BYTES: usize = 256;
const QUEUES_OF_TOPIC: usize = 3;
/// Everything that was published must have arrived by then.
const ARRIVAL_MAX: Duration = Duration::from_secs(120);

pub fn make_queue(connection: &mut Connection, name: &str) -> Result<String, Error> {
    let made = Operation::sqs("CreateQueue").json(connection, &json!({ "QueueName": name }))?;
    Ok(made["QueueUrl"].as_str().ok_or("a queue has a URL")?.to_owned())
}

/// A message sent, received and deleted: one cycle.
pub fn cycles(address: &str) -> Result<Measured, Error> {
    let queue = make_queue(&mut Connection::open(address)?, "cycles")?;
    let text = "m".repeat(BODY_BYTES);
    let body = json!({ "QueueUrl": queue, "MessageBody": text }).to_string();
    drive(address, CLIENTS, TIMES, |_| {
        let send = Operation::sqs("SendMessage");
        let receive_and_delete = receiver(&queue);
        let body = &body;
        move |connection| {
            send.call(connection, body)?;
            receive_and_delete(connection)
        }
    })
}

/// Receives a message and deletes it.
pub fn receiver(queue: &str) -> impl Fn(&mut Connection) -> Result<(), Error> + use<> {
    let (receive, delete) = (Operation::sqs("ReceiveMessage"), Operation::sqs("DeleteMessage"));
    let queue = queue.to_owned();
    let wanted = json!({ "QueueUrl": queue }).to_string();
    move |connection| {
        loop {
            let answer = receive.call(connection, &wanted)?;
            let answer = serde_json::from_slice::<Json>(&answer)?;
            // As many messages as clients, and yet some servers have none to give for a moment.
            let Some(handle) = answer["Messages"][0]["ReceiptHandle"].as_str() else { continue };
            delete.call(connection, &json!({ "QueueUrl": queue, "ReceiptHandle": handle }).to_string())?;
            return Ok(());
        }
    }
}

/// Messages published to a topic until they are in all of its three queues; `samples` are the calls of `Publish`.
pub fn fan_out(address: &str) -> Result<Measured, Error> {
    let mut connection = Connection::open(address)?;
    let topic = sns(&mut connection, "CreateTopic", "Name=fan-out", "TopicArn")?;
    let mut queues = Vec::new();
    for number in 0..QUEUES_OF_TOPIC {
        let queue = make_queue(&mut connection, &format!("fan-out-{number}"))?;
        let asked = json!({ "QueueUrl": queue, "AttributeNames": ["QueueArn"] });
        let told = Operation::sqs("GetQueueAttributes").json(&mut connection, &asked)?;
        let arn = told["Attributes"]["QueueArn"].as_str().ok_or("a queue has an ARN")?.to_owned();
        let policy = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": { "Service": "sns.amazonaws.com" },
            "Action": "sqs:SendMessage", "Resource": arn,
        }] });
        let set = json!({ "QueueUrl": queue, "Attributes": { "Policy": policy.to_string() } });
        Operation::sqs("SetQueueAttributes").call(&mut connection, &set.to_string())?;
        let fields = format!("TopicArn={}&Protocol=sqs&Endpoint={}", escaped(&topic), escaped(&arn));
        sns(&mut connection, "Subscribe", &fields, "SubscriptionArn")?;
        queues.push(queue);
    }
    let fields = format!("TopicArn={}&Message={}", escaped(&topic), "m".repeat(BODY_BYTES));
    let began = Instant::now();
    let published = drive(address, CLIENTS, (Duration::ZERO, TIMES.1), |_| {
        let fields = &fields;
        move |connection| sns(connection, "Publish", fields, "MessageId").map(drop)
    })?;
    let count = published.samples.0.len();
    for queue in &queues {
        while waiting(&mut connection, queue)? < count {
            if began.elapsed() > ARRIVAL_MAX {
                return Err("what was published does not arrive".into());
            }
            std::thread::park_timeout(Duration::from_millis(100));
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "a few million messages")]
    Ok(Measured { per_s: count as f64 / began.elapsed().as_secs_f64(), ..published })
}

/// How many messages a queue has.
fn waiting(connection: &mut Connection, queue: &str) -> Result<usize, Error> {
    let asked = json!({ "QueueUrl": queue, "AttributeNames": ["ApproximateNumberOfMessages"] });
    let told = Operation::sqs("GetQueueAttributes").json(connection, &asked)?;
    let count = told["Attributes"]["ApproximateNumberOfMessages"].as_str().ok_or("a queue counts")?;
    Ok(count.parse()?)
}
