//! `GetAccountSettings` over the wire.

use serde_json::json;
use testkit::{Lambda, package};

#[tokio::test]
async fn shows_limits_and_use() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    lambda.function("g", "echo").await;
    let size = 2 * package("one").len();
    for path in ["/2016-08-19/account-settings", "/2016-08-19/account-settings/"] {
        lambda.get(path).await.is_json(
            200,
            &json!({
                "AccountLimit": {
                    "TotalCodeSize": 322_122_547_200_i64,
                    "CodeSizeUnzipped": 262_144_000,
                    "CodeSizeZipped": 52_428_800,
                    "ConcurrentExecutions": 1000,
                    "UnreservedConcurrentExecutions": 1000,
                },
                "AccountUsage": { "TotalCodeSize": size, "FunctionCount": 2 },
            }),
        );
    }
}
