//! `CreateCodeSigningConfig` over the wire.

use serde_json::{Value, json};
use testkit::{Answer, Lambda};

const PROFILE: &str = "arn:aws:signer:us-east-1:000000000000:/signing-profiles/p/abcdefghij";

async fn create(lambda: &Lambda, body: Value) -> Answer {
    lambda.call("POST", "/2020-04-22/code-signing-configs/", &body).await
}

#[tokio::test]
async fn to_warn_is_the_default() {
    let lambda = Lambda::new().await;
    let publishers = json!({ "SigningProfileVersionArns": [PROFILE] });
    let answer = create(&lambda, json!({ "AllowedPublishers": publishers })).await;
    let config = answer.json()["CodeSigningConfig"].clone();
    let id = config["CodeSigningConfigId"].as_str().expect("text").to_owned();
    assert!(id.len() == 21 && id.starts_with("csc-"), "{id}");
    let expected = json!({ "CodeSigningConfig": {
        "CodeSigningConfigId": id,
        "CodeSigningConfigArn": format!("arn:aws:lambda:us-east-1:000000000000:code-signing-config:{id}"),
        "Description": "",
        "AllowedPublishers": publishers,
        "CodeSigningPolicies": { "UntrustedArtifactOnDeployment": "Warn" },
        "LastModified": "2026-11-23T10:11:12.345+0000",
    }});
    answer.is_json(201, &expected);
}

#[tokio::test]
async fn publishers_must_be_versions_of_signing_profiles() {
    let lambda = Lambda::new().await;
    for (arns, message) in [
        (json!(["arn:aws:s3:::b"]), "Invalid signing profile version arn: arn:aws:s3:::b".to_owned()),
        (json!([PROFILE, PROFILE]), format!("Duplicate signing profile version arn: {PROFILE}")),
    ] {
        let body = json!({ "AllowedPublishers": { "SigningProfileVersionArns": arns } });
        create(&lambda, body).await.refuses(400, "InvalidParameterValueException", &message);
    }
    for arns in [json!([]), json!(vec![PROFILE; 21])] {
        let answer =
            create(&lambda, json!({ "AllowedPublishers": { "SigningProfileVersionArns": arns } })).await;
        assert_eq!((answer.status, answer.header("x-amzn-errortype")), (400, "ValidationException"));
    }
    assert_eq!(lambda.rows(151).await, 0);
}

#[tokio::test]
async fn a_function_can_be_created_with_one() {
    let lambda = Lambda::new().await;
    let config = |policy: &str| {
        json!({
            "AllowedPublishers": { "SigningProfileVersionArns": [PROFILE] },
            "CodeSigningPolicies": { "UntrustedArtifactOnDeployment": policy },
        })
    };
    let arn = async |policy: &str| {
        create(&lambda, config(policy)).await.ok()["CodeSigningConfig"]["CodeSigningConfigArn"].clone()
    };
    let (warn, enforce) = (arn("Warn").await, arn("Enforce").await);
    let refused =
        lambda.create(&Lambda::creation_with("f", json!({ "CodeSigningConfigArn": enforce }))).await;
    let message = "Lambda cannot deploy the function. The function or layer might be signed using a signature that the \
                   client is not configured to accept. Check the provided signature for f.";
    refused.refuses(400, "CodeVerificationFailedException", message);
    assert_eq!((lambda.rows(100).await, lambda.rows(152).await), (0, 0));
    let missing = "arn:aws:lambda:us-east-1:000000000000:code-signing-config:csc-00000000000000000";
    let refused =
        lambda.create(&Lambda::creation_with("f", json!({ "CodeSigningConfigArn": missing }))).await;
    let message = format!(
        "The code signing configuration cannot be found. Check that the provided configuration is not deleted: {missing}."
    );
    refused.refuses(404, "CodeSigningConfigNotFoundException", &message);
    lambda.create(&Lambda::creation_with("f", json!({ "CodeSigningConfigArn": warn }))).await.ok();
    lambda.settled("f").await;
    let shown = lambda.get("/2020-06-30/functions/f/code-signing-config").await;
    shown.is_json(200, &json!({ "CodeSigningConfigArn": warn, "FunctionName": "f" }));
    lambda.invoke("f", "7").await.is(200, "7");
    // It goes with the function.
    lambda.call("DELETE", "/2015-03-31/functions/f", &Value::Null).await.ok();
    assert_eq!((lambda.rows(151).await, lambda.rows(152).await, lambda.rows(153).await), (2, 0, 0));
}
