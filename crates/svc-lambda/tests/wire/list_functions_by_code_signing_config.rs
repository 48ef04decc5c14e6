//! `ListFunctionsByCodeSigningConfig` over the wire.

use serde_json::json;
use testkit::Lambda;

use crate::code_signing::{MISSING, config, path};

#[tokio::test]
async fn the_functions_of_one_configuration() {
    let lambda = Lambda::new().await;
    let (one, other) = (config(&lambda, "Warn").await, config(&lambda, "Warn").await);
    for (name, arn) in [("a", &one), ("b", &one), ("c", &other)] {
        lambda.create(&Lambda::creation_with(name, json!({ "CodeSigningConfigArn": arn }))).await.ok();
    }
    let arn = |name: &str| format!("arn:aws:lambda:us-east-1:000000000000:function:{name}");
    let list = async |query: &str| lambda.get(&format!("{}/functions{query}", path(&one))).await.ok();
    assert_eq!(list("").await, json!({ "FunctionArns": [arn("a"), arn("b")] }));
    let first = list("?MaxItems=1").await;
    assert_eq!(first["FunctionArns"], json!([arn("a")]));
    let marker = first["NextMarker"].as_str().expect("there are more");
    assert_eq!(list(&format!("?MaxItems=1&Marker={marker}")).await, json!({ "FunctionArns": [arn("b")] }));
    let message = format!("The Lambda code signing configuration {MISSING} can not be found.");
    let missing = lambda.get(&format!("{}/functions", path(MISSING))).await;
    missing.refuses(404, "ResourceNotFoundException", &message);
}
