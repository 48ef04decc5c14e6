//! `UntagResource` over the wire.

use serde_json::{Value, json};
use testkit::Lambda;

const ARN: &str = "/2017-03-31/tags/arn:aws:lambda:us-east-1:000000000000:function:f";

#[tokio::test]
async fn takes_off_what_is_there() {
    let lambda = Lambda::new().await;
    lambda
        .create(&Lambda::creation_with("f", json!({ "Tags": { "a": "1", "b": "2", "c": "3" } })))
        .await
        .ok();
    lambda.settled("f").await;
    let path = format!("{ARN}?tagKeys=a&tagKeys=c&tagKeys=nothing");
    lambda.call("DELETE", &path, &Value::Null).await.is(204, "");
    lambda.get(ARN).await.is(200, r#"{"Tags":{"b":"2"}}"#);
    let message = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:g";
    let path = "/2017-03-31/tags/arn:aws:lambda:us-east-1:000000000000:function:g?tagKeys=a";
    lambda.call("DELETE", path, &Value::Null).await.refuses(404, "ResourceNotFoundException", message);
}
