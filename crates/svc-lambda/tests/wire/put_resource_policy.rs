//! `PutResourcePolicy` over the wire.

use serde_json::{Value, json};
use testkit::{Answer, Lambda};

const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";
const PATH: &str = "/2026-07-09/resource-policy/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af";

async fn put(lambda: &Lambda, policy: &Value) -> Answer {
    lambda.call("PUT", PATH, &json!({ "Policy": policy.to_string() })).await
}

fn policy(more: Value) -> Value {
    let mut statement =
        json!({ "Effect": "Allow", "Principal": "*", "Action": "lambda:InvokeFunction", "Resource": ARN });
    let more = more.as_object().expect("an object").clone();
    statement.as_object_mut().expect("an object").extend(more);
    json!({ "Version": "2012-10-17", "Statement": [statement] })
}

async fn with_function() -> Lambda {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    lambda
}

#[tokio::test]
async fn a_document_takes_the_place_of_all_statements() {
    let lambda = with_function().await;
    let body = json!({ "StatementId": "a", "Action": "lambda:GetFunction", "Principal": "*" });
    lambda.call("POST", "/2015-03-31/functions/f/policy", &body).await.ok();
    let whole = policy(json!({ "Sid": "mine" }));
    let stored = put(&lambda, &whole).await.ok();
    assert_eq!(stored["Policy"].as_str(), Some(whole.to_string().as_str()));
    assert_eq!(lambda.get("/2015-03-31/functions/f/policy").await.ok(), stored);
    assert_eq!(lambda.get(PATH).await.ok(), stored);
    // Statements that come later stand beside it, and it can be taken apart like any other.
    lambda.call("POST", "/2015-03-31/functions/f/policy", &body).await.ok();
    lambda.call("DELETE", "/2015-03-31/functions/f/policy/mine", &Value::Null).await.ok();
    let left = lambda.get(PATH).await.ok()["Policy"].as_str().expect("text").to_owned();
    let left: Value = serde_json::from_str(&left).expect("JSON");
    let sids = left["Statement"].as_array().expect("a list").iter().map(|one| one["Sid"].as_str());
    assert_eq!(sids.collect::<Vec<_>>(), [Some("a")]);
}

#[tokio::test]
async fn a_single_statement_becomes_a_list() {
    let lambda = with_function().await;
    let mut single = policy(json!({}));
    single["Statement"] = single["Statement"][0].clone();
    let stored = put(&lambda, &single).await.ok();
    assert_eq!(stored["Policy"].as_str(), Some(policy(json!({})).to_string().as_str()));
}

#[tokio::test]
async fn a_revision_guards_against_another_writer() {
    let lambda = with_function().await;
    let revision = put(&lambda, &policy(json!({}))).await.ok()["RevisionId"].clone();
    let mut body = json!({ "Policy": policy(json!({ "Sid": "b" })).to_string(), "RevisionId": revision });
    lambda.call("PUT", PATH, &body).await.ok();
    body["Policy"] = json!(policy(json!({ "Sid": "c" })).to_string());
    let message = "The Revision Id provided does not match the latest Revision Id. Call the GetPolicy API to retrieve the \
         latest Revision Id";
    lambda.call("PUT", PATH, &body).await.refuses(412, "PreconditionFailedException", message);
    let left = lambda.get(PATH).await.ok()["Policy"].as_str().expect("text").to_owned();
    assert!(left.contains(r#""Sid":"b""#), "{left}");
}

#[tokio::test]
async fn what_is_no_policy_of_this_function_is_refused() {
    let lambda = with_function().await;
    let check = async |policy: &Value, message: &str| {
        put(&lambda, policy).await.refuses(400, "InvalidParameterValueException", message);
    };
    let text = lambda.call("PUT", PATH, &json!({ "Policy": "{" })).await;
    text.refuses(400, "InvalidParameterValueException", "Syntax errors in policy.");
    check(&json!({ "Statement": [] }), "Syntax errors in policy.").await;
    let mut old = policy(json!({}));
    old["Version"] = json!("2011-01-01");
    check(&old, "The policy must contain a valid version string").await;
    check(&policy(json!({ "Effect": "Maybe" })), "Invalid effect: Maybe").await;
    check(&policy(json!({ "Principal": { "AWS": "me" } })), "Invalid principal in policy: \"AWS\":\"me\"")
        .await;
    let scope = "Policy statement action out of service scope!";
    check(&policy(json!({ "Action": "s3:GetObject" })), scope).await;
    let resource = "Policy has invalid resource";
    check(&policy(json!({ "Resource": format!("{ARN}:1") })), resource).await;
    let message = "Invalid Condition type : StringSame.";
    check(&policy(json!({ "Condition": { "StringSame": { "aws:a": "b" } } })), message).await;
    let answer = put(&lambda, &policy(json!({ "Sid": "x".repeat(20_480) }))).await;
    assert_eq!((answer.status, answer.header("x-amzn-errortype")), (400, "ValidationException"));
    assert_eq!(lambda.rows(150).await, 0);
    for good in [json!({ "Action": "*" }), json!({ "Action": ["lambda:*"] }), json!({ "Resource": "*" })] {
        put(&lambda, &policy(good)).await.ok();
    }
}

#[tokio::test]
async fn what_is_not_there_or_not_served() {
    let lambda = with_function().await;
    let body = json!({ "Policy": policy(json!({ "Resource": "*" })).to_string() });
    let message = format!("Function not found: {ARN}2");
    lambda.call("PUT", &format!("{PATH}2"), &body).await.refuses(404, "ResourceNotFoundException", &message);
    let message = "We currently do not support adding policies for $LATEST.";
    let latest = lambda.call("PUT", &format!("{PATH}%3A%24LATEST"), &body).await;
    latest.refuses(400, "InvalidParameterValueException", message);
    let runtime =
        "/2026-07-09/resource-policy/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Aruntime%2Fmine";
    let message =
        "Lambent's PutResourcePolicy does not honour ResourceArn of a runtime yet, so it refuses it.";
    lambda.call("PUT", runtime, &body).await.refuses(501, "NotImplementedException", message);
}
