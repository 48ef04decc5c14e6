//! What Logs has and Lambent has not, and what Logs has not.

use serde_json::json;
use testkit::Logs;

#[tokio::test]
async fn operations_that_aws_has_are_refused_by_name() {
    let logs = Logs::new();
    for operation in ["StartQuery", "PutRetentionPolicy", "DeleteLogStream"] {
        let message =
            format!("Lambent does not serve logs:{operation} yet; docs/coverage.md lists what it does.");
        logs.call(operation, json!({})).await.refuses(501, "NotImplementedException", &message);
    }
}

#[tokio::test]
async fn operations_that_aws_has_not_are_unknown() {
    let logs = Logs::new();
    for operation in ["PutLogs", "", "createLogGroup"] {
        let message = "The requested operation is not recognized.";
        logs.call(operation, json!({})).await.refuses(404, "UnknownOperationException", message);
    }
}
