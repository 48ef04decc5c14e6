//! `GetPolicy` over the wire, and what policies let callers of other accounts do.

use api_lambda::{
    AddPermissionInput, DeleteFunctionInput, GetAliasInput, GetFunctionConfigurationInput, GetFunctionInput,
    GetPolicyInput, InvokeInput, ListAliasesInput, ListTagsInput, ListVersionsByFunctionInput,
};
use aws_wire::{AwsError, Input};
use serde_json::{Value, json};
use service::Caller;
use testkit::Lambda;

const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";
const POLICY: &str = "/2015-03-31/functions/f/policy";

/// As the root of another account.
async fn call<I: Input>(lambda: &Lambda, account: &str, input: I) -> Result<I::Output, AwsError> {
    let caller = Caller::root(account, "us-east-1");
    lambda.platform.ctx(caller, "00000000-0000-0000-0000-000000000000".into()).call(input).await
}

async fn allow(lambda: &Lambda, qualifier: &str, sid: &str, action: &str, principal: &str) {
    let body = json!({ "StatementId": sid, "Action": action, "Principal": principal });
    lambda.call("POST", &format!("{POLICY}{qualifier}"), &body).await.ok();
}

fn invoke(arn: &str) -> InvokeInput {
    InvokeInput { function_name: arn.to_owned(), payload: Some("7".into()), ..InvokeInput::default() }
}

#[track_caller]
fn denied<T: std::fmt::Debug>(answer: Result<T, AwsError>, action: &str, resource: &str) {
    let error = answer.expect_err("another account's");
    let message = format!(
        "User: arn:aws:iam::111111111111:root is not authorized to perform: lambda:{action} on resource: {resource} \
         because no resource-based policy allows the lambda:{action} action"
    );
    assert_eq!((error.status, &*error.code, error.message), (403, "AccessDeniedException", Some(message)));
}

#[tokio::test]
async fn a_policy_is_shown_whole() {
    let lambda = Lambda::new().await;
    let message = format!("Function not found: {ARN}");
    lambda.get(POLICY).await.refuses(404, "ResourceNotFoundException", &message);
    lambda.function("f", "echo").await;
    let message = "The resource you requested does not exist.";
    lambda.get(POLICY).await.refuses(404, "ResourceNotFoundException", message);
    allow(&lambda, "", "a", "lambda:InvokeFunction", "sns.amazonaws.com").await;
    let shown = lambda.get(POLICY).await.ok();
    let policy = format!(
        r#"{{"Version":"2012-10-17","Id":"default","Statement":[{{"Sid":"a","Effect":"Allow","Principal":{{"Service":"sns.amazonaws.com"}},"Action":"lambda:InvokeFunction","Resource":"{ARN}"}}]}}"#
    );
    assert_eq!(shown["Policy"].as_str(), Some(policy.as_str()));
    assert_eq!(shown["RevisionId"].as_str().map(str::len), Some(36));
    // `$LATEST` is what the function's own policy is of.
    assert_eq!(lambda.get(&format!("{POLICY}?Qualifier=%24LATEST")).await.ok(), shown);
}

#[tokio::test]
async fn another_account_may_what_the_policy_says_and_no_more() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    let (friend, stranger) = ("111111111111", "222222222222");
    denied(call(&lambda, friend, invoke(ARN)).await, "InvokeFunction", ARN);
    allow(&lambda, "", "a", "lambda:InvokeFunction", friend).await;
    let invoked = call(&lambda, friend, invoke(ARN)).await.expect("allowed");
    assert_eq!(invoked.payload.as_deref(), Some(b"7".as_slice()));
    let partial = call(&lambda, friend, invoke("000000000000:function:f")).await.expect("allowed");
    assert_eq!(partial.executed_version.as_deref(), Some("$LATEST"));
    let error = call(&lambda, stranger, invoke(ARN)).await.expect_err("not named");
    assert_eq!(error.status, 403);
    let read = GetFunctionInput { function_name: ARN.to_owned(), qualifier: None };
    denied(call(&lambda, friend, read.clone()).await, "GetFunction", ARN);
    allow(&lambda, "", "b", "lambda:GetFunction", friend).await;
    assert!(call(&lambda, friend, read).await.is_ok());
    // A name alone is the caller's own account's.
    let own = call(&lambda, friend, invoke("f")).await.expect_err("there is none");
    assert_eq!(own.status, 404);
    // Changes of another account's functions are never let in.
    let input = DeleteFunctionInput { function_name: ARN.to_owned(), qualifier: None };
    assert_eq!(call(&lambda, friend, input).await.expect_err("another account's").status, 403);
    let input = AddPermissionInput {
        function_name: ARN.to_owned(),
        statement_id: "x".to_owned(),
        action: "lambda:*".to_owned(),
        principal: friend.to_owned(),
        ..AddPermissionInput::default()
    };
    assert_eq!(call(&lambda, friend, input).await.expect_err("another account's").status, 403);
}

#[tokio::test]
async fn every_read_that_is_named_works_from_another_account() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    let alias = json!({ "Name": "live", "FunctionVersion": "$LATEST" });
    lambda.call("POST", "/2015-03-31/functions/f/aliases", &alias).await.ok();
    let friend = "111111111111";
    let f = || ARN.to_owned();
    macro_rules! check {
        ($action:literal, $input:expr) => {
            denied(call(&lambda, friend, $input).await, $action, ARN);
            allow(&lambda, "", $action, concat!("lambda:", $action), friend).await;
            assert!(call(&lambda, friend, $input).await.is_ok(), $action);
        };
    }
    check!(
        "GetFunctionConfiguration",
        GetFunctionConfigurationInput { function_name: f(), ..Default::default() }
    );
    check!("GetAlias", GetAliasInput { function_name: f(), name: "live".to_owned() });
    check!("ListAliases", ListAliasesInput { function_name: f(), ..Default::default() });
    check!(
        "ListVersionsByFunction",
        ListVersionsByFunctionInput { function_name: f(), ..Default::default() }
    );
    check!("ListTags", ListTagsInput { resource: f() });
    check!("GetPolicy", GetPolicyInput { function_name: f(), qualifier: None });
}

#[tokio::test]
async fn a_policy_reaches_only_what_it_is_of() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    lambda.call("POST", "/2015-03-31/functions/f/versions", &json!({})).await.ok();
    let alias = json!({ "Name": "live", "FunctionVersion": "1" });
    lambda.call("POST", "/2015-03-31/functions/f/aliases", &alias).await.ok();
    let friend = "111111111111";
    allow(&lambda, "?Qualifier=live", "a", "lambda:InvokeFunction", friend).await;
    let live = format!("{ARN}:live");
    assert!(call(&lambda, friend, invoke(&live)).await.is_ok());
    denied(call(&lambda, friend, invoke(ARN)).await, "InvokeFunction", ARN);
    let version = format!("{ARN}:1");
    denied(call(&lambda, friend, invoke(&version)).await, "InvokeFunction", &version);
    // What is not there is refused in the same words: a stranger learns nothing.
    let nowhere = "arn:aws:lambda:us-east-1:000000000000:function:nowhere";
    denied(call(&lambda, friend, invoke(nowhere)).await, "InvokeFunction", nowhere);
}

#[tokio::test]
async fn conditions_count() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    let friend = "111111111111";
    let put = async |condition: Value| {
        let policy = json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Principal": { "AWS": friend }, "Action": "lambda:InvokeFunction", "Resource": ARN, "Condition": condition },
        ]});
        let path = format!("/2026-07-09/resource-policy/{}", ARN.replace(':', "%3A"));
        lambda.call("PUT", &path, &json!({ "Policy": policy.to_string() })).await.ok();
    };
    put(json!({ "StringEquals": { "aws:PrincipalAccount": friend } })).await;
    assert!(call(&lambda, friend, invoke(ARN)).await.is_ok());
    put(json!({ "ArnLike": { "aws:PrincipalArn": "arn:aws:iam::*:role/*" } })).await;
    denied(call(&lambda, friend, invoke(ARN)).await, "InvokeFunction", ARN);
    put(json!({ "DateLessThan": { "aws:CurrentTime": "2026-11-23T10:11:13Z" } })).await;
    assert!(call(&lambda, friend, invoke(ARN)).await.is_ok());
    lambda.clock.advance(std::time::Duration::from_secs(1));
    denied(call(&lambda, friend, invoke(ARN)).await, "InvokeFunction", ARN);
}
