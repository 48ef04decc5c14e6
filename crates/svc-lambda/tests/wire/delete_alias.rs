//! `DeleteAlias` over the wire.

use serde_json::{Value, json};
use testkit::Lambda;

#[tokio::test]
async fn an_alias_is_gone_and_its_version_stays() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    lambda.call("POST", "/2015-03-31/functions/f/versions", &json!({})).await.ok();
    let body = json!({ "Name": "live", "FunctionVersion": "1" });
    lambda.call("POST", "/2015-03-31/functions/f/aliases", &body).await.ok();
    lambda.invoke("f:live", "1").await.is(200, "1");
    for _ in 0..2 {
        let answer = lambda.call("DELETE", "/2015-03-31/functions/f/aliases/live", &Value::Null).await;
        answer.is(204, "");
    }
    let message = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:f:live";
    lambda.invoke("f:live", "1").await.refuses(404, "ResourceNotFoundException", message);
    lambda.invoke("f:1", "1").await.is(200, "1");
    let message = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:g";
    let answer = lambda.call("DELETE", "/2015-03-31/functions/g/aliases/live", &Value::Null).await;
    answer.refuses(404, "ResourceNotFoundException", message);
}
