//! `GetRuntimeManagementConfig` over the wire.

use serde_json::json;
use testkit::Lambda;

const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";
const PATH: &str = "/2021-07-20/functions/f/runtime-management-config";

#[tokio::test]
async fn auto_is_the_default() {
    let lambda = Lambda::new().await;
    let message = format!("Function not found: {ARN}");
    lambda.get(PATH).await.refuses(404, "ResourceNotFoundException", &message);
    lambda.function("f", "echo").await;
    lambda.call("POST", "/2015-03-31/functions/f/versions", &json!({})).await.ok();
    for (query, version) in [("", "$LATEST"), ("?Qualifier=%24LATEST", "$LATEST"), ("?Qualifier=1", "1")] {
        let shown = lambda.get(&format!("{PATH}{query}")).await;
        let expected = json!({ "UpdateRuntimeOn": "Auto", "FunctionArn": format!("{ARN}:{version}") });
        shown.is_json(200, &expected);
    }
    let alias = json!({ "Name": "live", "FunctionVersion": "1" });
    lambda.call("POST", "/2015-03-31/functions/f/aliases", &alias).await.ok();
    let message = "Runtime management is not supported for aliases. Please specify a function version.";
    let refused = lambda.get(&format!("{PATH}?Qualifier=live")).await;
    refused.refuses(400, "InvalidParameterValueException", message);
}
