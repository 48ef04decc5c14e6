//! `GetFunction` over the wire.

use serde_json::{Value, json};
use testkit::Lambda;

#[tokio::test]
async fn shows_configuration_tags_and_where_the_code_is() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    let mut shown = lambda.get("/2015-03-31/functions/f").await.ok();
    // What it leads to is the front door's affair, and tested there.
    let location = shown["Code"].as_object_mut().expect("code").remove("Location");
    let location = location.as_ref().and_then(Value::as_str).expect("a location").to_owned();
    assert!(location.starts_with("http://localhost:4566/_lambent/packages/"), "{location}");
    assert!(location.contains("&X-Amz-Date=20261123T101112Z&X-Amz-Expires=600&"), "{location}");
    assert_eq!(
        shown,
        json!({
            "Configuration": lambda.configuration("f").await,
            "Code": { "RepositoryType": "S3" },
        })
    );
    lambda.create(&Lambda::creation_with("g", json!({ "Tags": { "team": "a" } }))).await.ok();
    assert_eq!(lambda.get("/2015-03-31/functions/g").await.ok()["Tags"], json!({ "team": "a" }));
}

#[tokio::test]
async fn a_function_has_many_names() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:f";
    for (name, expected) in [
        ("f", arn.to_owned()),
        ("arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af", arn.to_owned()),
        ("000000000000%3Afunction%3Af", arn.to_owned()),
        ("function:f", arn.to_owned()),
        ("f?Qualifier=%24LATEST", format!("{arn}:$LATEST")),
        ("f%3A%24LATEST", format!("{arn}:$LATEST")),
    ] {
        let shown = lambda.get(&format!("/2015-03-31/functions/{name}")).await.ok();
        assert_eq!(shown["Configuration"]["FunctionArn"], expected, "{name}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_refused() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    let get = async |name: &str, status: u16, code: &str, message: &str| {
        lambda.get(&format!("/2015-03-31/functions/{name}")).await.refuses(status, code, message);
    };
    let missing = "ResourceNotFoundException";
    get("g", 404, missing, "Function not found: arn:aws:lambda:us-east-1:000000000000:function:g").await;
    get("f:7", 404, missing, "Function not found: arn:aws:lambda:us-east-1:000000000000:function:f:7").await;
    let elsewhere = "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')";
    get("arn:aws:lambda:eu-west-1:000000000000:function:f", 404, missing, elsewhere).await;
    let twice = "The derived qualifier from the function name does not match the specified qualifier.";
    get("f:1?Qualifier=2", 400, "InvalidParameterValueException", twice).await;
    let answer = lambda.get("/2015-03-31/functions/g").await;
    let message = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:g";
    answer.is(404, &format!(r#"{{"Type":"User","Message":"{message}"}}"#));
}
