//! The policies of layer versions over the wire, and what they let other accounts do.

use serde_json::{Value, json};
use testkit::{Answer, Lambda};

const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:layer:l:1";
const POLICY: &str = "/2018-10-31/layers/l/versions/1/policy";
const OTHER: &str = "111111111111";

async fn add(lambda: &Lambda, id: &str, principal: &str) -> Answer {
    let body = json!({ "StatementId": id, "Action": "lambda:GetLayerVersion", "Principal": principal });
    lambda.call("POST", POLICY, &body).await
}

async fn with_layer() -> Lambda {
    let lambda = Lambda::new().await;
    lambda.layer("l", &[("a", "1")]).await;
    lambda
}

#[tokio::test]
async fn statements_come_and_go() {
    let lambda = with_layer().await;
    let none = "No policy is associated with the given resource.";
    lambda.get(POLICY).await.refuses(404, "ResourceNotFoundException", none);
    let added = add(&lambda, "all", "*").await;
    let statement = json!({
        "Sid": "all", "Effect": "Allow", "Principal": "*", "Action": "lambda:GetLayerVersion", "Resource": ARN,
    });
    assert_eq!(added.status, 201);
    let parsed =
        |text: &Value| serde_json::from_str::<Value>(text.as_str().expect("a text")).expect("a text of JSON");
    assert_eq!(parsed(&added.json()["Statement"]), statement);
    add(&lambda, "one", OTHER).await.ok();
    let body = json!({
        "StatementId": "org", "Action": "lambda:GetLayerVersion", "Principal": "*", "OrganizationId": "o-0123456789",
        "RevisionId": lambda.get(POLICY).await.ok()["RevisionId"],
    });
    lambda.call("POST", POLICY, &body).await.ok();
    let policy = lambda.get(POLICY).await.ok();
    let document = parsed(&policy["Policy"]);
    assert_eq!((&document["Version"], &document["Id"]), (&json!("2012-10-17"), &json!("default")));
    assert_eq!(document["Statement"][0], statement);
    assert_eq!(document["Statement"][1]["Principal"], json!({ "AWS": format!("arn:aws:iam::{OTHER}:root") }));
    assert_eq!(
        document["Statement"][2]["Condition"],
        json!({ "StringEquals": { "aws:PrincipalOrgID": "o-0123456789" } })
    );
    for id in ["all", "one", "org"] {
        lambda.call("DELETE", &format!("{POLICY}/{id}"), &Value::Null).await.is(204, "");
    }
    lambda.get(POLICY).await.refuses(404, "ResourceNotFoundException", none);
}

#[tokio::test]
async fn refusals_change_nothing() {
    let lambda = with_layer().await;
    add(&lambda, "s", "*").await.ok();
    let before = lambda.get(POLICY).await.ok();
    let exists = "The statement id (s) provided already exists. Please provide a new statement id, or remove the existing \
                  statement.";
    add(&lambda, "s", OTHER).await.refuses(409, "ResourceConflictException", exists);
    let stale = "The Revision Id provided does not match the latest Revision Id. Call the GetLayerPolicy API to retrieve \
                 the latest Revision Id";
    let removal = format!("{POLICY}/s?RevisionId=00000000-0000-0000-0000-000000000000");
    lambda.call("DELETE", &removal, &Value::Null).await.refuses(412, "PreconditionFailedException", stale);
    let absent = "Statement t is not found in resource policy.";
    let removal = format!("{POLICY}/t");
    lambda.call("DELETE", &removal, &Value::Null).await.refuses(404, "ResourceNotFoundException", absent);
    let body = json!({ "StatementId": "t", "Action": "lambda:Invoke", "Principal": "*" });
    assert_eq!(lambda.call("POST", POLICY, &body).await.status, 400, "only one action may be granted");
    let missing = "Layer version arn:aws:lambda:us-east-1:000000000000:layer:l:2 does not exist.";
    let other = "/2018-10-31/layers/l/versions/2/policy";
    lambda.get(other).await.refuses(404, "ResourceNotFoundException", missing);
    lambda
        .call_as(OTHER, "GET", &POLICY.replace("/l/", &format!("/{}/", &ARN[..ARN.len() - 2])), &Value::Null)
        .await
        .refuses(403, "AccessDeniedException", &denial("GetLayerVersionPolicy", &ARN[..ARN.len() - 2]));
    assert_eq!(lambda.get(POLICY).await.ok(), before);
    let mut added = 0;
    while add(&lambda, &format!("{}{added}", "x".repeat(90)), OTHER).await.status == 201 {
        added += 1;
    }
    let longer = add(&lambda, &"y".repeat(100), OTHER).await;
    assert_eq!((longer.status, longer.header("x-amzn-errortype")), (400, "PolicyLengthExceededException"));
    assert!(added > 50, "{added} fit into 20 KB");
}

fn denial(action: &str, resource: &str) -> String {
    format!(
        "User: arn:aws:sts::{OTHER}:assumed-role/r/s is not authorized to perform: lambda:{action} on resource: \
         {resource} because no resource-based policy allows the lambda:{action} action"
    )
}

#[tokio::test]
async fn another_account_may_use_what_was_granted_and_nothing_else() {
    let lambda = with_layer().await;
    let path = format!("/2018-10-31/layers?find=LayerVersion&Arn={ARN}");
    let denied = denial("GetLayerVersion", ARN);
    let mut creation = Lambda::creation("f", "echo");
    creation["Layers"] = json!([ARN]);
    let functions = "/2015-03-31/functions";
    let get = async || lambda.call_as(OTHER, "GET", &path, &Value::Null).await;
    get().await.refuses(403, "AccessDeniedException", &denied);
    lambda.call_as(OTHER, "POST", functions, &creation).await.refuses(403, "AccessDeniedException", &denied);
    // Nor does it learn whether there is a version.
    let absent = path.replace(":l:1", ":l:2");
    assert_eq!(lambda.call_as(OTHER, "GET", &absent, &Value::Null).await.status, 403);
    add(&lambda, "third", "222222222222").await.ok();
    get().await.refuses(403, "AccessDeniedException", &denied);
    add(&lambda, "s", OTHER).await.ok();
    assert_eq!(get().await.ok()["Version"], 1);
    let created = lambda.call_as(OTHER, "POST", functions, &creation).await.ok();
    assert_eq!(created["Layers"][0]["Arn"], ARN);
    let deletion = format!("/2018-10-31/layers/{}/versions/1", &ARN[..ARN.len() - 2]);
    assert_eq!(lambda.call_as(OTHER, "DELETE", &deletion, &Value::Null).await.status, 403);
    lambda.call("DELETE", &format!("{POLICY}/s"), &Value::Null).await.is(204, "");
    get().await.refuses(403, "AccessDeniedException", &denied);
}
