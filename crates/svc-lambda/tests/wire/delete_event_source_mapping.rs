//! `DeleteEventSourceMapping` over the wire.

use std::sync::Arc;

use serde_json::{Value, json};
use testkit::{Lambda, Sources};

const PATH: &str = "/2015-03-31/event-source-mappings";
const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:q";

#[tokio::test]
async fn it_is_gone_when_its_batches_are_done() {
    let sources = Arc::new(Sources::new(&[(QUEUE, Some(30))]));
    let lambda = Lambda::with_sources(Arc::clone(&sources) as Arc<_>).await;
    lambda.function("f", "echo").await;
    let body = json!({ "FunctionName": "f", "EventSourceArn": QUEUE });
    let created = lambda.call("POST", PATH, &body).await.ok();
    let uuid = created["UUID"].as_str().expect("text");
    let path = format!("{PATH}/{uuid}");
    lambda.until("enabled", || async { lambda.get(&path).await.json()["State"] == "Enabled" }).await;
    sources.hold();
    let answer = lambda.call("DELETE", &path, &Value::Null).await;
    assert_eq!((answer.status, &answer.json()["State"]), (202, &json!("Deleting")));
    assert_eq!(lambda.get(&path).await.ok()["State"], json!("Deleting"));
    let message = "Cannot update the event source mapping because it is in use.";
    let again = lambda.call("DELETE", &path, &Value::Null).await;
    again.refuses(400, "ResourceInUseException", message);
    // A crash meanwhile is made up for.
    lambda.stop_jobs().await;
    lambda.start_jobs();
    sources.release();
    lambda.until("gone", || async { lambda.get(&path).await.status == 404 }).await;
    assert!(sources.stopped(uuid) && sources.polled().is_empty());
    assert_eq!((lambda.rows(154).await, lambda.rows(155).await), (0, 0));
    let message = "The resource you requested does not exist.";
    lambda.call("DELETE", &path, &Value::Null).await.refuses(404, "ResourceNotFoundException", message);
    lambda.call("POST", PATH, &body).await.ok();
}
