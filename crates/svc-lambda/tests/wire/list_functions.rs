//! `ListFunctions` over the wire.

use serde_json::Value;
use testkit::Lambda;

fn names(page: &Value) -> Vec<&str> {
    let functions = page["Functions"].as_array().expect("a list");
    functions.iter().map(|function| function["FunctionName"].as_str().expect("a name")).collect()
}

#[tokio::test]
async fn pages_lead_to_the_end_without_states() {
    let lambda = Lambda::new().await;
    for name in ["c", "a", "b"] {
        lambda.function(name, "echo").await;
    }
    let first = lambda.get("/2015-03-31/functions?MaxItems=2").await.ok();
    assert_eq!(names(&first), ["a", "b"]);
    for member in ["State", "StateReason", "LastUpdateStatus", "RuntimeVersionConfig"] {
        assert_eq!(first["Functions"][0].get(member), None, "{member}");
    }
    let marker = first["NextMarker"].as_str().expect("there is more");
    let second = lambda.get(&format!("/2015-03-31/functions/?MaxItems=2&Marker={marker}")).await.ok();
    assert_eq!((names(&second), second.get("NextMarker")), (vec!["c"], None));
    let all = lambda.get("/2015-03-31/functions?FunctionVersion=ALL&MaxItems=3").await.ok();
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:a:$LATEST";
    assert_eq!((&all["Functions"][0]["FunctionArn"], all.get("NextMarker")), (&Value::from(arn), None));
}

#[tokio::test]
async fn bad_parameters_are_refused() {
    let lambda = Lambda::new().await;
    let answer = lambda.get("/2015-03-31/functions?Marker=%21").await;
    answer.refuses(400, "InvalidParameterValueException", "Invalid marker");
    let answer = lambda.get("/2015-03-31/functions?MasterRegion=ALL").await;
    let message = "Lambent's ListFunctions does not honour MasterRegion yet, so it refuses it.";
    answer.refuses(501, "NotImplementedException", message);
    for query in ["MaxItems=0", "MaxItems=10001", "MaxItems=x", "FunctionVersion=SOME"] {
        assert_eq!(lambda.get(&format!("/2015-03-31/functions?{query}")).await.status, 400, "{query}");
    }
}
