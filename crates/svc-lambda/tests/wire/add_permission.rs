//! `AddPermission` over the wire.

use serde_json::{Value, json};
use testkit::{Answer, Lambda};

const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";
const POLICY: &str = "/2015-03-31/functions/f/policy";

async fn add(lambda: &Lambda, path: &str, body: Value) -> Answer {
    lambda.call("POST", path, &body).await
}

fn permission(sid: &str, more: Value) -> Value {
    let mut body = json!({
        "StatementId": sid,
        "Action": "lambda:InvokeFunction",
        "Principal": "s3.amazonaws.com",
    });
    let more = more.as_object().expect("an object").clone();
    body.as_object_mut().expect("an object").extend(more);
    body
}

async fn with_function() -> Lambda {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    lambda
}

#[tokio::test]
async fn the_statement_is_as_aws_writes_it() {
    let lambda = with_function().await;
    let check = async |sid: &str, more: Value, principal: &str, condition: &str| {
        let action = more["Action"].as_str().unwrap_or("lambda:InvokeFunction").to_owned();
        let answer = add(&lambda, POLICY, permission(sid, more)).await;
        let statement = format!(
            r#"{{"Sid":"{sid}","Effect":"Allow","Principal":{principal},"Action":"{action}","Resource":"{ARN}"{condition}}}"#
        );
        answer.is_json(201, &json!({ "Statement": statement }));
        assert_eq!(answer.json()["Statement"].as_str(), Some(statement.as_str()));
    };
    let s3 = r#"{"Service":"s3.amazonaws.com"}"#;
    check("plain", json!({}), s3, "").await;
    check(
        "source",
        json!({ "SourceArn": "arn:aws:s3:::bucket", "SourceAccount": "111111111111" }),
        s3,
        r#","Condition":{"StringEquals":{"AWS:SourceAccount":"111111111111"},"ArnLike":{"AWS:SourceArn":"arn:aws:s3:::bucket"}}"#,
    )
    .await;
    let token = json!({ "EventSourceToken": "t0k", "Principal": "alexa-appkit.amazon.com" });
    let alexa = r#"{"Service":"alexa-appkit.amazon.com"}"#;
    check("token", token, alexa, r#","Condition":{"StringEquals":{"lambda:EventSourceToken":"t0k"}}"#).await;
    let root = r#"{"AWS":"arn:aws:iam::111111111111:root"}"#;
    check("account", json!({ "Principal": "111111111111" }), root, "").await;
    check("root", json!({ "Principal": "arn:aws:iam::111111111111:root" }), root, "").await;
    let role = r#"{"AWS":"arn:aws:iam::111111111111:role/r"}"#;
    check("role", json!({ "Principal": "arn:aws:iam::111111111111:role/r" }), role, "").await;
    let org = json!({ "Principal": "*", "PrincipalOrgID": "o-abcdefghij" });
    check("org", org, r#""*""#, r#","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-abcdefghij"}}"#)
        .await;
    let url =
        json!({ "Principal": "*", "Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": "NONE" });
    check("url", url, r#""*""#, r#","Condition":{"StringEquals":{"lambda:FunctionUrlAuthType":"NONE"}}"#)
        .await;
    let via = json!({ "Principal": "*", "InvokedViaFunctionUrl": true });
    check("via", via, r#""*""#, r#","Condition":{"Bool":{"lambda:InvokedViaFunctionUrl":"true"}}"#).await;
}

#[tokio::test]
async fn each_version_and_alias_has_a_policy_of_its_own() {
    let lambda = with_function().await;
    lambda.call("POST", "/2015-03-31/functions/f/versions", &json!({})).await.ok();
    let alias = json!({ "Name": "live", "FunctionVersion": "1" });
    lambda.call("POST", "/2015-03-31/functions/f/aliases", &alias).await.ok();
    for (path, resource) in [
        (format!("{POLICY}?Qualifier=1"), format!("{ARN}:1")),
        (format!("{POLICY}?Qualifier=live"), format!("{ARN}:live")),
    ] {
        let statement = add(&lambda, &path, permission("a", json!({}))).await.ok()["Statement"].clone();
        let statement: Value = serde_json::from_str(statement.as_str().expect("text")).expect("JSON");
        assert_eq!(statement["Resource"], json!(resource));
        let policy = lambda.get(&path).await.ok()["Policy"].as_str().expect("text").to_owned();
        assert!(policy.contains(&resource), "{policy}");
    }
    assert_eq!(lambda.get(POLICY).await.status, 404);
    // They go with what they are of.
    lambda.call("DELETE", "/2015-03-31/functions/f/aliases/live", &Value::Null).await.ok();
    assert_eq!(lambda.rows(150).await, 1);
    lambda.call("DELETE", "/2015-03-31/functions/f?Qualifier=1", &Value::Null).await.ok();
    assert_eq!(lambda.rows(150).await, 0);
}

#[tokio::test]
async fn refusals_change_nothing() {
    let lambda = with_function().await;
    let bad = "InvalidParameterValueException";
    let check = async |path: &str, body: Value, status: u16, code: &str, message: &str| {
        add(&lambda, path, body).await.refuses(status, code, message);
    };
    let plain = permission("a", json!({}));
    let message = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:g";
    check("/2015-03-31/functions/g/policy", plain.clone(), 404, "ResourceNotFoundException", message).await;
    let path = format!("{POLICY}?Qualifier=1");
    let message = format!("Function not found: {ARN}:1");
    check(&path, plain.clone(), 404, "ResourceNotFoundException", &message).await;
    let path = format!("{POLICY}?Qualifier=%24LATEST");
    let message = "We currently do not support adding policies for $LATEST.";
    check(&path, plain.clone(), 400, bad, message).await;
    for principal in ["nobody", "s3.example.com", "arn:aws:iam::1:root", "arn:aws:s3:::b"] {
        let message = "The provided principal was invalid. Please check the principal and try again.";
        check(POLICY, permission("a", json!({ "Principal": principal })), 400, bad, message).await;
    }
    let message = "FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action";
    check(POLICY, permission("a", json!({ "FunctionUrlAuthType": "NONE" })), 400, bad, message).await;
    let stale = permission("a", json!({ "RevisionId": "00000000-0000-0000-0000-000000000000" }));
    let message = "The Revision Id provided does not match the latest Revision Id. Call the GetPolicy API to retrieve the \
         latest Revision Id";
    check(POLICY, stale, 412, "PreconditionFailedException", message).await;
    assert_eq!(lambda.rows(150).await, 0);
    add(&lambda, POLICY, plain.clone()).await.ok();
    let message = "The statement id (a) provided already exists. Please provide a new statement id, or remove the \
                   existing statement.";
    check(POLICY, plain, 409, "ResourceConflictException", message).await;
    for (member, value) in [("Action", "sqs:SendMessage"), ("SourceAccount", "1"), ("StatementId", "a b")] {
        let mut body = permission("b", json!({}));
        body[member] = json!(value);
        let answer = add(&lambda, POLICY, body).await;
        assert_eq!(
            (answer.status, answer.header("x-amzn-errortype")),
            (400, "ValidationException"),
            "{member}"
        );
    }
}

#[tokio::test]
async fn a_policy_has_twenty_kilobytes() {
    let lambda = with_function().await;
    let before = lambda.configuration("f").await;
    let long = "x".repeat(4000);
    for sid in 0..4 {
        let body = permission(&sid.to_string(), json!({ "SourceArn": format!("arn:aws:s3:::{long}") }));
        add(&lambda, POLICY, body).await.ok();
    }
    let stored = lambda.get(POLICY).await.ok();
    let size = stored["Policy"].as_str().expect("text").len();
    let body = permission("last", json!({ "SourceArn": format!("arn:aws:s3:::{long}") }));
    let answer = add(&lambda, POLICY, body).await;
    let refused = answer.json()["message"].as_str().expect("text").to_owned();
    assert_eq!((answer.status, answer.header("x-amzn-errortype")), (400, "PolicyLengthExceededException"));
    let found: usize = refused
        .strip_prefix("The final policy size (")
        .and_then(|rest| rest.strip_suffix(") is bigger than the limit (20480)."))
        .and_then(|size| size.parse().ok())
        .unwrap_or_else(|| panic!("{refused}"));
    assert!(found > 20_480 && found < size + 4400, "{found}");
    assert_eq!(lambda.get(POLICY).await.ok(), stored);
    // A policy's revision is its own.
    assert_eq!(lambda.configuration("f").await, before);
}
