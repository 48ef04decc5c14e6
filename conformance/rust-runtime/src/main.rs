//! Answers what it was called with; fails, panics or ends when the event says so.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(answer)).await
}

async fn answer(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let (event, context) = event.into_parts();
    match event["do"].as_str() {
        Some("fail") => Err("as it was told".into()),
        Some("exit") => std::process::exit(7),
        _ => Ok(json!({
            "event": event,
            "function": context.env_config.function_name,
            "memory": context.env_config.memory,
            "request_id": context.request_id,
            "arn": context.invoked_function_arn,
        })),
    }
}
