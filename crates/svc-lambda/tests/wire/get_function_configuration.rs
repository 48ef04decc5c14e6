//! `GetFunctionConfiguration` over the wire.

use testkit::Lambda;

#[tokio::test]
async fn shows_the_runtime_that_stands_in() {
    let lambda = Lambda::new().await;
    for (name, runtime, error) in [
        ("f", "python3.13", None),
        ("g", "python3.12", Some("RuntimeSubstituted")),
        ("h", "nodejs22.x", Some("RuntimeMissing")),
    ] {
        let body = Lambda::creation_with(name, serde_json::json!({ "Runtime": runtime }));
        lambda.create(&body).await.ok();
        let shown = lambda.configuration(name).await;
        assert_eq!(shown["Runtime"], runtime);
        assert_eq!(shown["RuntimeVersionConfig"]["Error"]["ErrorCode"].as_str(), error, "{runtime}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_refused() {
    let lambda = Lambda::new().await;
    let answer = lambda.get("/2015-03-31/functions/f/configuration?Qualifier=live").await;
    let message = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:f:live";
    answer.refuses(404, "ResourceNotFoundException", message);
    let answer = lambda.get("/2015-03-31/functions/a%20b/configuration").await;
    assert_eq!((answer.status, answer.header("x-amzn-errortype")), (400, "ValidationException"));
}
