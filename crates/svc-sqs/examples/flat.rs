//! Whether receiving costs the same after many messages as after few, on the real engine:
//! `cargo run --release -p svc-sqs --example flat -- DIRECTORY [MESSAGES]`.
//!
//! Sends, receives and deletes batches of ten with sixteen clients, and prints the rate of each tenth of the way; then
//! the time of a receive with few and with many messages waiting.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use api_sqs::{
    CreateQueueInput, DeleteMessageBatchInput, DeleteMessageBatchRequestEntry, ReceiveMessageInput,
    SendMessageBatchInput, SendMessageBatchRequestEntry,
};
use env::Env;
use kv::Kv;
use kv_disk::DiskEngine;
use service::{Caller, Ctx, Platform};

const CLIENTS: u64 = 16;
const BATCH: u64 = 10;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let dir = arguments.next().expect("usage: flat DIRECTORY [MESSAGES]");
    let messages = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(500_000);
    let env = Env::system();
    let engine = DiskEngine::open(Path::new(&dir)).expect("open store");
    let kv = Kv::new(Arc::new(engine), env.clone());
    let platform = Platform::new(kv, env.clone(), vec![svc_sqs::service()]);
    let cx = platform.ctx(Caller::root("000000000000", "us-east-1"), "bench".into());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("start runtime");
    runtime.block_on(async {
        let create =
            |name: &str| CreateQueueInput { queue_name: name.to_owned(), ..CreateQueueInput::default() };
        cx.call(create("flat")).await.expect("create queue");
        for tenth in 1..=10 {
            let began = env.monotonic();
            cycle(&cx, messages / 10).await;
            let rate = messages as f64 / 10.0 / (env.monotonic() - began).as_secs_f64();
            println!(
                "cycles {:>8} of {messages}: {rate:.0} messages/s sent, received and deleted",
                tenth * messages / 10
            );
        }
        cx.call(create("deep")).await.expect("create queue");
        let mut waiting = 0;
        for depth in [1_000, messages] {
            fill(&cx, depth - waiting).await;
            waiting = depth;
            let began = env.monotonic();
            for _ in 0..50 {
                receive(&cx, "deep").await;
            }
            let each = (env.monotonic() - began).as_secs_f64() * 1e3 / 50.0;
            println!("{depth:>8} waiting: {each:.2} ms a receive of ten");
        }
    });
}

async fn send(cx: &Ctx, queue: &str) {
    let entry = |number: u64| SendMessageBatchRequestEntry {
        id: number.to_string(),
        message_body: "x".repeat(200),
        ..SendMessageBatchRequestEntry::default()
    };
    let input =
        SendMessageBatchInput { queue_url: queue.to_owned(), entries: (0..BATCH).map(entry).collect() };
    cx.call(input).await.expect("send");
}

async fn receive(cx: &Ctx, queue: &str) -> Vec<api_sqs::Message> {
    let input = ReceiveMessageInput {
        queue_url: queue.to_owned(),
        max_number_of_messages: Some(10),
        ..ReceiveMessageInput::default()
    };
    cx.call(input).await.expect("receive").messages.unwrap_or_default()
}

async fn fill(cx: &Ctx, messages: u64) {
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..CLIENTS {
        let cx = cx.clone();
        tasks.spawn(async move {
            for _ in 0..messages / CLIENTS / BATCH {
                send(&cx, "deep").await;
            }
        });
    }
    tasks.join_all().await;
}

async fn cycle(cx: &Ctx, messages: u64) {
    let done = Arc::new(AtomicU64::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..CLIENTS {
        let (cx, done) = (cx.clone(), Arc::clone(&done));
        tasks.spawn(async move {
            while done.load(Ordering::Relaxed) < messages {
                send(&cx, "flat").await;
                let received = receive(&cx, "flat").await;
                done.fetch_add(received.len() as u64, Ordering::Relaxed);
                let entry = |(number, message): (usize, api_sqs::Message)| DeleteMessageBatchRequestEntry {
                    id: number.to_string(),
                    receipt_handle: message.receipt_handle.unwrap_or_default(),
                };
                let entries = received.into_iter().enumerate().map(entry).collect::<Vec<_>>();
                if !entries.is_empty() {
                    let input = DeleteMessageBatchInput { queue_url: "flat".to_owned(), entries };
                    cx.call(input).await.expect("delete");
                }
            }
        });
    }
    tasks.join_all().await;
}
