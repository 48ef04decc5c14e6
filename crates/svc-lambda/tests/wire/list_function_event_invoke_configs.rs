//! `ListFunctionEventInvokeConfigs` over the wire.

use serde_json::{Value, json};
use testkit::Lambda;

const PATH: &str = "/2019-09-25/functions/f/event-invoke-config";

#[tokio::test]
async fn configs_are_listed_page_by_page() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    lambda.get(&format!("{PATH}/list")).await.is_json(200, &json!({ "FunctionEventInvokeConfigs": [] }));
    lambda.call("POST", "/2015-03-31/functions/f/versions", &json!({})).await.ok();
    for qualifier in ["1", "$LATEST"] {
        let path = format!("{PATH}?Qualifier={qualifier}");
        lambda.call("PUT", &path, &json!({ "MaximumRetryAttempts": 0 })).await.ok();
    }
    let arns = |page: &Value| {
        let list = page["FunctionEventInvokeConfigs"].as_array().expect("a list");
        list.iter().map(|config| config["FunctionArn"].as_str().expect("text").to_owned()).collect::<Vec<_>>()
    };
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:f";
    let first = lambda.get(&format!("{PATH}/list?MaxItems=1")).await.ok();
    assert_eq!(arns(&first), [format!("{arn}:$LATEST")]);
    let marker = first["NextMarker"].as_str().expect("a marker");
    let second = lambda.get(&format!("{PATH}/list?MaxItems=1&Marker={marker}")).await.ok();
    assert_eq!((arns(&second), second.get("NextMarker")), (vec![format!("{arn}:1")], None));
    let answer = lambda.get(&format!("{PATH}/list?Marker=!")).await;
    answer.refuses(400, "InvalidParameterValueException", "Invalid marker");
    let answer = lambda.get("/2019-09-25/functions/g/event-invoke-config/list").await;
    answer.refuses(404, "ResourceNotFoundException", "The function doesn't exist.");
}
