//! `DeleteResourcePolicy` over the wire.

use serde_json::{Value, json};
use testkit::Lambda;

const PATH: &str = "/2026-07-09/resource-policy/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af";

#[tokio::test]
async fn all_statements_go_at_once() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    let message = "The resource you requested does not exist.";
    lambda.call("DELETE", PATH, &Value::Null).await.refuses(404, "ResourceNotFoundException", message);
    for sid in ["a", "b"] {
        let body = json!({ "StatementId": sid, "Action": "lambda:InvokeFunction", "Principal": "*" });
        lambda.call("POST", "/2015-03-31/functions/f/policy", &body).await.ok();
    }
    let message = "The Revision Id provided does not match the latest Revision Id. Call the GetPolicy API to retrieve the \
         latest Revision Id";
    let path = format!("{PATH}?RevisionId=00000000-0000-0000-0000-000000000000");
    lambda.call("DELETE", &path, &Value::Null).await.refuses(412, "PreconditionFailedException", message);
    assert_eq!(lambda.rows(150).await, 1);
    lambda.call("DELETE", PATH, &Value::Null).await.is(204, "");
    assert_eq!(lambda.rows(150).await, 0);
    assert_eq!(lambda.get("/2015-03-31/functions/f/policy").await.status, 404);
}
