//! `RemovePermission` over the wire.

use serde_json::{Value, json};
use testkit::{Answer, Lambda};

const POLICY: &str = "/2015-03-31/functions/f/policy";

async fn remove(lambda: &Lambda, path: &str) -> Answer {
    lambda.call("DELETE", &format!("/2015-03-31/functions/{path}"), &Value::Null).await
}

async fn with_statements(sids: &[&str]) -> Lambda {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    for sid in sids {
        let body = json!({ "StatementId": sid, "Action": "lambda:GetFunction", "Principal": "*" });
        lambda.call("POST", POLICY, &body).await.ok();
    }
    lambda
}

#[tokio::test]
async fn the_last_statement_takes_the_policy_along() {
    let lambda = with_statements(&["a", "b"]).await;
    let before = lambda.get(POLICY).await.ok();
    remove(&lambda, "f/policy/a").await.is(204, "");
    let after = lambda.get(POLICY).await.ok();
    assert_ne!(before["RevisionId"], after["RevisionId"]);
    let document: Value = serde_json::from_str(after["Policy"].as_str().expect("text")).expect("JSON");
    let sids = document["Statement"].as_array().expect("a list").iter().map(|one| &one["Sid"]);
    assert_eq!(sids.collect::<Vec<_>>(), ["b"]);
    remove(&lambda, "f/policy/b").await.is(204, "");
    assert_eq!(lambda.get(POLICY).await.status, 404);
    let message = "No policy is associated with the given resource.";
    remove(&lambda, "f/policy/b").await.refuses(404, "ResourceNotFoundException", message);
}

#[tokio::test]
async fn refusals_change_nothing() {
    let lambda = with_statements(&["a"]).await;
    let before = lambda.get(POLICY).await.ok();
    let missing = "ResourceNotFoundException";
    let message = "Statement b is not found in resource policy.";
    remove(&lambda, "f/policy/b").await.refuses(404, missing, message);
    let message = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:g";
    remove(&lambda, "g/policy/a").await.refuses(404, missing, message);
    let message = "The Revision Id provided does not match the latest Revision Id. Call the GetPolicy API to retrieve the \
         latest Revision Id";
    let stale = remove(&lambda, "f/policy/a?RevisionId=00000000-0000-0000-0000-000000000000").await;
    stale.refuses(412, "PreconditionFailedException", message);
    assert_eq!(lambda.get(POLICY).await.ok(), before);
    let revision = before["RevisionId"].as_str().expect("text");
    remove(&lambda, &format!("f/policy/a?RevisionId={revision}")).await.is(204, "");
}
