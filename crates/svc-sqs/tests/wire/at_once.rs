//! Many clients at once on one queue: each message to one receiver, none left behind.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use serde_json::json;
use testkit::{Sqs, soon};

const CLIENTS: usize = 16;
const EACH: usize = 40;

async fn storm(queue: &'static str) {
    let sqs = Arc::new(Sqs::with(&[queue]).await);
    let (seen, left) = (Arc::new(Mutex::new(BTreeSet::new())), CLIENTS * EACH);
    let mut tasks = tokio::task::JoinSet::new();
    for client in 0..CLIENTS {
        let (sqs, seen) = (Arc::clone(&sqs), Arc::clone(&seen));
        tasks.spawn(async move {
            for number in 0..EACH {
                let body = format!("{client}/{number}");
                if queue.ends_with(".fifo") {
                    sqs.send_in(queue, &format!("g{}", client % 5), &body, &body).await;
                } else {
                    sqs.send_text(queue, &body).await;
                }
                take(&sqs, queue, &seen).await;
            }
            while seen.lock().expect("no panic while held").len() < left {
                take(&sqs, queue, &seen).await;
                tokio::task::yield_now().await;
            }
        });
    }
    soon("everything to be received", async {
        while let Some(done) = tasks.join_next().await {
            done.expect("no panic")
        }
    })
    .await;
    assert_eq!(sqs.counts(queue).await, ["0", "0", "0"]);
}

async fn take(sqs: &Sqs, queue: &str, seen: &Mutex<BTreeSet<String>>) {
    let answer = sqs.on(queue, "ReceiveMessage", json!({ "MaxNumberOfMessages": 3 })).await.ok();
    for message in answer["Messages"].as_array().into_iter().flatten() {
        let body = message["Body"].as_str().expect("text").to_owned();
        assert!(seen.lock().expect("no panic while held").insert(body.clone()), "{body} came twice");
        sqs.delete(queue, message).await.ok();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_a_standard_queue() {
    storm("q").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_a_fifo_queue() {
    storm("q.fifo").await;
}
