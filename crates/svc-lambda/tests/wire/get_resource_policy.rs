//! `GetResourcePolicy` over the wire.

use serde_json::json;
use testkit::Lambda;

const PATH: &str = "/2026-07-09/resource-policy/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af";

#[tokio::test]
async fn it_is_the_policy_that_statements_were_added_to() {
    let lambda = Lambda::new().await;
    let message = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:f";
    lambda.get(PATH).await.refuses(404, "ResourceNotFoundException", message);
    lambda.function("f", "echo").await;
    let message = "The resource you requested does not exist.";
    lambda.get(PATH).await.refuses(404, "ResourceNotFoundException", message);
    let body = json!({ "StatementId": "a", "Action": "lambda:InvokeFunction", "Principal": "*" });
    lambda.call("POST", "/2015-03-31/functions/f/policy", &body).await.ok();
    let shown = lambda.get(PATH).await.ok();
    assert_eq!(shown, lambda.get("/2015-03-31/functions/f/policy").await.ok());
    let other = "/2026-07-09/resource-policy/arn%3Aaws%3Alambda%3Aus-east-1%3A111111111111%3Afunction%3Af";
    assert_eq!(lambda.get(other).await.status, 403);
}
