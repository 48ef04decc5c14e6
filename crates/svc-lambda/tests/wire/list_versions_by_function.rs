//! `ListVersionsByFunction` over the wire.

use serde_json::{Value, json};
use testkit::Lambda;

const VERSIONS: &str = "/2015-03-31/functions/f/versions";

fn versions(page: &Value) -> Vec<&str> {
    let versions = page["Versions"].as_array().expect("a list");
    versions.iter().map(|version| version["Version"].as_str().expect("a version")).collect()
}

#[tokio::test]
async fn pages_begin_with_latest_and_lead_to_the_end() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    for timeout in 4..7 {
        let change = json!({ "Timeout": timeout });
        lambda.call("PUT", "/2015-03-31/functions/f/configuration", &change).await.ok();
        lambda.settled("f").await;
        lambda.call("POST", VERSIONS, &json!({})).await.ok();
    }
    let all = lambda.get(VERSIONS).await.ok();
    assert_eq!((versions(&all), all.get("NextMarker")), (vec!["$LATEST", "1", "2", "3"], None));
    assert_eq!(all["Versions"][0]["FunctionArn"], "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST");
    assert_eq!(all["Versions"][2]["FunctionArn"], "arn:aws:lambda:us-east-1:000000000000:function:f:2");
    assert_eq!((all["Versions"][2].get("State"), &all["Versions"][2]["Timeout"]), (None, &json!(5)));

    let mut found = Vec::new();
    let mut marker = String::new();
    loop {
        let page = lambda.get(&format!("{VERSIONS}?MaxItems=1{marker}")).await.ok();
        found.extend(versions(&page).into_iter().map(str::to_owned));
        let Some(next) = page.get("NextMarker").and_then(Value::as_str) else { break };
        marker = format!("&Marker={next}");
    }
    assert_eq!(found, ["$LATEST", "1", "2", "3"]);

    // So does the list of all functions with all their versions.
    lambda.function("g", "echo").await;
    let mut found = Vec::new();
    let mut marker = String::new();
    loop {
        let path = format!("/2015-03-31/functions?FunctionVersion=ALL&MaxItems=2{marker}");
        let page = lambda.get(&path).await.ok();
        for function in page["Functions"].as_array().expect("a list") {
            let arn = function["FunctionArn"].as_str().expect("an ARN");
            found.push(arn.rsplit("function:").next().expect("a name").to_owned());
        }
        let Some(next) = page.get("NextMarker").and_then(Value::as_str) else { break };
        marker = format!("&Marker={next}");
    }
    assert_eq!(found, ["f:$LATEST", "f:1", "f:2", "f:3", "g:$LATEST"]);
}

#[tokio::test]
async fn bad_parameters_are_refused() {
    let lambda = Lambda::new().await;
    let message = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:f";
    lambda.get(VERSIONS).await.refuses(404, "ResourceNotFoundException", message);
    lambda.function("f", "echo").await;
    for marker in ["%21", "eA"] {
        let answer = lambda.get(&format!("{VERSIONS}?Marker={marker}")).await;
        answer.refuses(400, "InvalidParameterValueException", "Invalid marker");
    }
}
