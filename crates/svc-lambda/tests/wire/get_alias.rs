//! `GetAlias` over the wire.

use serde_json::json;
use testkit::Lambda;

#[tokio::test]
async fn an_alias_is_read_or_missed() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    let body = json!({ "Name": "live", "FunctionVersion": "$LATEST" });
    let created = lambda.call("POST", "/2015-03-31/functions/f/aliases", &body).await.ok();
    let read = lambda.get("/2015-03-31/functions/f/aliases/live").await;
    read.is_json(200, &created);
    let message = "Cannot find alias arn: arn:aws:lambda:us-east-1:000000000000:function:f:dead";
    let answer = lambda.get("/2015-03-31/functions/f/aliases/dead").await;
    answer.refuses(404, "ResourceNotFoundException", message);
}
