//! `ListCodeSigningConfigs` over the wire.

use serde_json::json;
use testkit::Lambda;

use crate::code_signing::config;

#[tokio::test]
async fn page_by_page() {
    let lambda = Lambda::new().await;
    lambda.get("/2020-04-22/code-signing-configs/").await.is_json(200, &json!({ "CodeSigningConfigs": [] }));
    let mut made = Vec::new();
    for _ in 0..3 {
        made.push(config(&lambda, "Warn").await);
    }
    made.sort();
    let mut found = Vec::new();
    let mut query = "?MaxItems=2".to_owned();
    loop {
        let page = lambda.get(&format!("/2020-04-22/code-signing-configs{query}")).await.ok();
        let configs = page["CodeSigningConfigs"].as_array().expect("a list");
        let arn = |one: &serde_json::Value| one["CodeSigningConfigArn"].as_str().expect("text").to_owned();
        found.extend(configs.iter().map(arn));
        let Some(marker) = page["NextMarker"].as_str() else { break };
        assert_eq!(configs.len(), 2);
        query = format!("?MaxItems=2&Marker={marker}");
    }
    assert_eq!(found, made);
    let invalid = lambda.get("/2020-04-22/code-signing-configs?Marker=%21").await;
    invalid.refuses(400, "InvalidParameterValueException", "Invalid marker");
}
