//! `ListProvisionedConcurrencyConfigs` over the wire.

use serde_json::{Value, json};
use testkit::Lambda;

const PATH: &str = "/2019-09-30/functions/f/provisioned-concurrency";

#[tokio::test]
async fn lists_by_qualifier_in_pages() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    lambda.get(&format!("{PATH}?List=ALL")).await.is(200, r#"{"ProvisionedConcurrencyConfigs":[]}"#);
    for number in 1..=3 {
        let body = json!({ "Description": number.to_string() });
        lambda.call("PUT", "/2015-03-31/functions/f/configuration", &body).await.ok();
        lambda.settled("f").await;
        lambda.call("POST", "/2015-03-31/functions/f/versions", &json!({})).await.ok();
        let path = format!("{PATH}?Qualifier={number}");
        lambda.call("PUT", &path, &json!({ "ProvisionedConcurrentExecutions": number })).await.ok();
    }
    let arns = |page: &Value| {
        let configs = page["ProvisionedConcurrencyConfigs"].as_array().expect("a list").clone();
        let arn = |config: &Value| config["FunctionArn"].as_str().expect("an ARN").to_owned();
        configs.iter().map(arn).collect::<Vec<_>>()
    };
    let arn = |number: usize| format!("arn:aws:lambda:us-east-1:000000000000:function:f:{number}");
    let first = lambda.get(&format!("{PATH}?List=ALL&MaxItems=2")).await.ok();
    assert_eq!(arns(&first), [arn(1), arn(2)]);
    assert_eq!(first["ProvisionedConcurrencyConfigs"][1]["RequestedProvisionedConcurrentExecutions"], 2);
    let marker = first["NextMarker"].as_str().expect("a marker");
    let second = lambda.get(&format!("{PATH}?List=ALL&Marker={marker}")).await.ok();
    assert_eq!((arns(&second), second.get("NextMarker")), (vec![arn(3)], None));
}

#[tokio::test]
async fn of_functions_that_are_there() {
    let lambda = Lambda::new().await;
    let message = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:f";
    let answer = lambda.get(&format!("{PATH}?List=ALL")).await;
    answer.refuses(404, "ResourceNotFoundException", message);
}
