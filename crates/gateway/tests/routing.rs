//! Which service a request reaches, by each sign it can give.

use serde_json::json;
use testkit::{Answer, Lambda, request};

/// Lambda and Logs run; STS does not.
async fn send(method: &str, path: &str, service: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    Lambda::new().await.send(request(method, path, service, headers, body)).await
}

const LIST: &str = "/2015-03-31/functions/";
const TARGET: (&str, &str) = ("x-amz-target", "Logs_20140328.DescribeLogGroups");
const JSON: (&str, &str) = ("content-type", "application/x-amz-json-1.1");

#[tokio::test]
async fn by_the_scope_of_the_signature() {
    send("GET", LIST, "lambda", &[], "").await.is(200, r#"{"Functions":[]}"#);
    send("POST", "/", "logs", &[JSON, TARGET], "{}").await.is(200, r#"{"logGroups":[]}"#);
    // The scope says more than anything else.
    let lost = send("GET", LIST, "logs", &[], "").await;
    assert_eq!((lost.status, lost.json()["__type"].as_str()), (404, Some("UnknownOperationException")));
}

#[tokio::test]
async fn by_the_scope_in_a_presigned_address() {
    let query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKID%2F20261123%2Feu-west-1%2Flambda%2Faws4_request";
    send("GET", &format!("{LIST}?{query}"), "", &[], "").await.is(200, r#"{"Functions":[]}"#);
}

#[tokio::test]
async fn by_target_path_and_host() {
    send("POST", "/", "", &[JSON, TARGET], "{}").await.is(200, r#"{"logGroups":[]}"#);
    send("GET", LIST, "", &[], "").await.is(200, r#"{"Functions":[]}"#);
    let unknown = send("GET", "/nothing", "", &[("host", "lambda.us-east-1.amazonaws.com:4566")], "").await;
    unknown.refuses(404, "UnknownOperationException", "The requested operation is not recognized.");
    // An operation whose service is not here is nobody's, whatever the path.
    let other = send("GET", LIST, "", &[("x-amz-target", "DynamoDB_20120810.ListTables")], "{}").await;
    assert_eq!((other.status, other.header("x-amzn-errortype")), (404, "UnknownOperationException"));
}

#[tokio::test]
async fn by_the_version_of_a_query() {
    let wire = testkit::Ground::new().serve(vec![svc_logs::service(), svc_sts::service()]);
    let form = ("content-type", "application/x-www-form-urlencoded");
    let body = "Action=GetCallerIdentity&Version=2011-06-15";
    assert_eq!(wire.send(request("POST", "/", "", &[form], body)).await.status, 200);
    assert_eq!(wire.send(request("GET", &format!("/?{body}"), "", &[], "")).await.status, 200);
    let other = "Action=GetCallerIdentity&Version=2010-05-08";
    assert_eq!(wire.send(request("POST", "/", "", &[form], other)).await.status, 404);
}

#[tokio::test]
async fn a_service_that_is_not_here_is_named() {
    let answer = send("POST", "/", "dynamodb", &[JSON], "{}").await;
    let message = "Lambent has no service \"dynamodb\" yet; docs/coverage.md lists those it has.";
    answer.refuses(501, "NotImplementedException", message);
    let answer = send("GET", "/favicon.ico", "", &[], "").await;
    let message = "Lambent is running, but GET /favicon.ico is no request of an AWS service it has. Point an AWS client \
                   here: lambent env";
    answer.refuses(404, "UnknownOperationException", message);
}

#[tokio::test]
async fn malformed_signatures_and_paths_are_answered() {
    for header in [
        "",
        "Basic eA==",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=a/b",
        "AWS4-HMAC-SHA256 Credential=/////",
    ] {
        send("GET", LIST, "", &[("authorization", header)], "").await.is(200, r#"{"Functions":[]}"#);
    }
    for path in ["/2015-03-31/functions/%FF", "/2015-03-31/functions/%", "//", "/2015-03-31//functions"] {
        let answer = send("GET", path, "lambda", &[], "").await;
        assert!((400..500).contains(&answer.status), "{path}: {} {}", answer.status, answer.text());
    }
}

#[tokio::test]
async fn every_answer_names_its_request_and_no_two_alike() {
    let lambda = Lambda::new().await;
    let mut seen = std::collections::HashSet::new();
    for path in [LIST, "/2015-03-31/functions/f", "/nothing"] {
        let answer = lambda.get(path).await;
        assert!(seen.insert(answer.header("x-amzn-requestid").to_owned()), "{path}");
    }
    let answer = lambda.json("logs", "DescribeLogGroups", &json!({})).await;
    assert!(seen.insert(answer.header("x-amzn-requestid").to_owned()));
    assert!(seen.iter().all(|id| id.len() == 36), "{seen:?}");
}
