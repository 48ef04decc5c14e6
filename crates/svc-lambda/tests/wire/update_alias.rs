//! `UpdateAlias` over the wire.

use serde_json::{Value, json};
use testkit::{Answer, Lambda};

async fn update(lambda: &Lambda, name: &str, body: Value) -> Answer {
    lambda.call("PUT", &format!("/2015-03-31/functions/f/aliases/{name}"), &body).await
}

async fn executed(lambda: &Lambda) -> String {
    lambda.invoke("f:live", "1").await.header("x-amz-executed-version").to_owned()
}

#[tokio::test]
async fn an_alias_moves_and_keeps_what_is_not_given() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    let versions = "/2015-03-31/functions/f/versions";
    lambda.call("POST", versions, &json!({})).await.ok();
    lambda.call("PUT", "/2015-03-31/functions/f/configuration", &json!({ "Timeout": 9 })).await.ok();
    lambda.settled("f").await;
    lambda.call("POST", versions, &json!({})).await.ok();
    let body = json!({ "Name": "live", "FunctionVersion": "1", "Description": "d" });
    let created = lambda.call("POST", "/2015-03-31/functions/f/aliases", &body).await.ok();
    assert_eq!(executed(&lambda).await, "1");

    let moved = update(&lambda, "live", json!({ "FunctionVersion": "2" })).await.ok();
    assert_eq!((&moved["FunctionVersion"], &moved["Description"]), (&json!("2"), &json!("d")));
    assert_ne!(moved["RevisionId"], created["RevisionId"]);
    assert_eq!(executed(&lambda).await, "2");
    let all = json!({ "RoutingConfig": { "AdditionalVersionWeights": { "1": 1.0 } } });
    update(&lambda, "live", all).await.ok();
    assert_eq!(executed(&lambda).await, "1");
    let none = json!({ "RoutingConfig": { "AdditionalVersionWeights": {} } });
    let updated = update(&lambda, "live", none).await.ok();
    assert_eq!(updated.get("RoutingConfig"), None);
    assert_eq!(executed(&lambda).await, "2");

    let message = "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to \
                   retrieve the latest Revision Id";
    let answer = update(&lambda, "live", json!({ "RevisionId": "x", "FunctionVersion": "1" })).await;
    answer.refuses(412, "PreconditionFailedException", message);
    let message = "Alias not found: arn:aws:lambda:us-east-1:000000000000:function:f:dead";
    update(&lambda, "dead", json!({})).await.refuses(404, "ResourceNotFoundException", message);
    let message = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:f:9";
    let answer = update(&lambda, "live", json!({ "FunctionVersion": "9" })).await;
    answer.refuses(404, "ResourceNotFoundException", message);
    assert_eq!(executed(&lambda).await, "2");
}
