//! `ListAliases` over the wire.

use serde_json::{Value, json};
use testkit::Lambda;

const ALIASES: &str = "/2015-03-31/functions/f/aliases";

fn names(page: &Value) -> Vec<&str> {
    let aliases = page["Aliases"].as_array().expect("a list");
    aliases.iter().map(|alias| alias["Name"].as_str().expect("a name")).collect()
}

#[tokio::test]
async fn aliases_come_by_name_page_by_page_or_by_version() {
    let lambda = Lambda::new().await;
    let message = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:f";
    lambda.get(ALIASES).await.refuses(404, "ResourceNotFoundException", message);
    lambda.function("f", "echo").await;
    lambda.call("POST", "/2015-03-31/functions/f/versions", &json!({})).await.ok();
    for (name, version) in [("c", "1"), ("a", "$LATEST"), ("b", "1")] {
        lambda.call("POST", ALIASES, &json!({ "Name": name, "FunctionVersion": version })).await.ok();
    }
    let first = lambda.get(&format!("{ALIASES}?MaxItems=2")).await.ok();
    assert_eq!(names(&first), ["a", "b"]);
    let marker = first["NextMarker"].as_str().expect("there is more");
    let second = lambda.get(&format!("{ALIASES}?MaxItems=2&Marker={marker}")).await.ok();
    assert_eq!((names(&second), second.get("NextMarker")), (vec!["c"], None));
    assert_eq!(names(&lambda.get(&format!("{ALIASES}?FunctionVersion=1")).await.ok()), ["b", "c"]);
}
