//! What Lambda has and Lambent has not, and what Lambda has not.

use serde_json::Value;
use testkit::Lambda;

#[tokio::test]
async fn operations_that_aws_has_are_refused_by_name() {
    let lambda = Lambda::new().await;
    for (method, path, operation) in [
        ("GET", "/2025-11-30/capacity-providers", "ListCapacityProviders"),
        ("GET", "/2025-12-01/functions/f/durable-executions", "ListDurableExecutionsByFunction"),
    ] {
        let message =
            format!("Lambent does not serve lambda:{operation} yet; docs/coverage.md lists what it does.");
        lambda.call(method, path, &Value::Null).await.refuses(501, "NotImplementedException", &message);
    }
}

#[tokio::test]
async fn operations_that_aws_has_not_are_unknown() {
    let lambda = Lambda::new().await;
    for (method, path) in [
        ("GET", "/2015-03-31/functionz"),
        ("PATCH", "/2015-03-31/functions"),
        ("GET", "/2014-03-31/functions"),
        ("GET", "/"),
    ] {
        let message = "The requested operation is not recognized.";
        lambda.call(method, path, &Value::Null).await.refuses(404, "UnknownOperationException", message);
    }
}
