//! The table's function in Rust, on AWS's runtime of crates.io.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::{Value, json};

static CALLS: AtomicU64 = AtomicU64::new(0);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(answer)).await
}

async fn answer(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let (event, context) = event.into_parts();
    let calls = CALLS.fetch_add(1, Ordering::Relaxed) + 1;
    match event["do"].as_str() {
        Some("fail") => return Err("as it was told".into()),
        Some("panic") => panic!("as it was told"),
        Some("hang") => std::thread::sleep(Duration::from_secs(60)),
        Some("exit") => std::process::exit(7),
        Some("big") => return Ok("x".repeat(event["size"].as_u64().unwrap_or(0) as usize).into()),
        Some("hoard") => return Ok((0..1 << 12).map(|_| vec![1u8; 1 << 20]).collect::<Vec<_>>().len().into()),
        Some("log") => {
            println!("on the standard output");
            eprintln!("on the standard error");
        }
        _ => {}
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_millis() as u64);
    Ok(json!({
        "event": event,
        "calls": calls,
        "request_id": context.request_id,
        "function": context.env_config.function_name,
        "version": context.env_config.version,
        "arn": context.invoked_function_arn,
        "memory": context.env_config.memory,
        "log_group": context.env_config.log_group,
        "log_stream": context.env_config.log_stream,
        "remaining_ms": context.deadline.saturating_sub(now),
        "client": context.client_context.map(|client| client.custom),
        "runtime": std::env::var("AWS_EXECUTION_ENV").ok(),
    }))
}
