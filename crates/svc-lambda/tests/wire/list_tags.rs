//! `ListTags` over the wire.

use testkit::Lambda;

const TAGS: &str = "/2017-03-31/tags/arn:aws:lambda:us-east-1:000000000000:function:";

#[tokio::test]
async fn no_tags_are_an_empty_map() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    lambda.get(&format!("{TAGS}f")).await.is(200, r#"{"Tags":{}}"#);
    let message = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:g";
    lambda.get(&format!("{TAGS}g")).await.refuses(404, "ResourceNotFoundException", message);
}
