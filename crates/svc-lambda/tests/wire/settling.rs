//! How functions are made live, seen over the wire.

use serde_json::json;
use testkit::Lambda;

#[tokio::test]
async fn a_slow_package_keeps_nobody_else_waiting() {
    let lambda = Lambda::new().await;
    lambda.function("slow", "echo").await;
    lambda.hold_packages();
    lambda.call("PUT", "/2015-03-31/functions/slow/configuration", &json!({ "Timeout": 9 })).await.ok();
    lambda.until_packages_wanted(1).await;
    lambda.function("quick", "echo").await;
    assert_eq!(lambda.configuration("quick").await["State"], "Active");
    assert_eq!(lambda.configuration("slow").await["LastUpdateStatus"], "InProgress");
    lambda.release_packages();
    lambda.settled("slow").await;
    assert_eq!(lambda.configuration("slow").await["LastUpdateStatus"], "Successful");
}
