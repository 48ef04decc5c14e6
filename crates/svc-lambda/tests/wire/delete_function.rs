//! `DeleteFunction` over the wire.

use serde_json::{Value, json};
use testkit::{Event, Lambda};

async fn delete(lambda: &Lambda, name: &str) -> testkit::Answer {
    lambda.call("DELETE", &format!("/2015-03-31/functions/{name}"), &Value::Null).await
}

#[tokio::test]
async fn a_function_is_gone_and_its_idle_environments_end() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    lambda.invoke("f", "1").await.is(200, "1");
    delete(&lambda, "f").await.is(204, "");
    lambda.sandboxes.until(Event::Killed(1)).await;
    let message = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:f";
    lambda.get("/2015-03-31/functions/f").await.refuses(404, "ResourceNotFoundException", message);
    lambda.invoke("f", "1").await.refuses(404, "ResourceNotFoundException", &format!("{message}:$LATEST"));
    delete(&lambda, "f").await.refuses(404, "ResourceNotFoundException", message);
}

#[tokio::test]
async fn one_that_is_being_created_can_be_deleted_and_made_anew() {
    let lambda = Lambda::new().await;
    lambda.stop_jobs().await;
    lambda.create(&Lambda::creation("f", "echo")).await.ok();
    delete(&lambda, "f").await.is(204, "");
    lambda.create(&Lambda::creation("f", "held")).await.ok();
    lambda.start_jobs();
    lambda.settled("f").await;
    assert_eq!(lambda.configuration("f").await["Handler"], "held");
}

#[tokio::test]
async fn latest_missing_versions_and_aliases_are_refused() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    let message = "$LATEST version cannot be deleted without deleting the function.";
    delete(&lambda, "f?Qualifier=%24LATEST").await.refuses(400, "InvalidParameterValueException", message);
    let message = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:f:1";
    delete(&lambda, "f?Qualifier=1").await.refuses(404, "ResourceNotFoundException", message);
    let message = "Deletion of aliases is not currently supported.";
    delete(&lambda, "f?Qualifier=live").await.refuses(400, "InvalidParameterValueException", message);
    assert_eq!(lambda.configuration("f").await["State"], "Active");
}

#[tokio::test]
async fn a_version_goes_unless_an_alias_leads_to_it() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    lambda.call("POST", "/2015-03-31/functions/f/versions", &json!({})).await.ok();
    let alias = json!({ "Name": "live", "FunctionVersion": "1" });
    lambda.call("POST", "/2015-03-31/functions/f/aliases", &alias).await.ok();
    lambda.invoke("f:1", "1").await.is(200, "1");
    let message = "Unable to delete version because the following aliases reference it: [live]";
    delete(&lambda, "f?Qualifier=1").await.refuses(409, "ResourceConflictException", message);
    delete(&lambda, "f/aliases/live").await.is(204, "");
    delete(&lambda, "f:1").await.is(204, "");
    lambda.sandboxes.until(Event::Killed(1)).await;
    let message = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:f:1";
    lambda.invoke("f:1", "1").await.refuses(404, "ResourceNotFoundException", message);
    lambda.invoke("f", "1").await.is(200, "1");
}

#[tokio::test]
async fn a_function_takes_its_versions_and_aliases_along() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    lambda.call("POST", "/2015-03-31/functions/f/versions", &json!({})).await.ok();
    let alias = json!({ "Name": "live", "FunctionVersion": "1" });
    lambda.call("POST", "/2015-03-31/functions/f/aliases", &alias).await.ok();
    lambda.function("f2", "echo").await;
    lambda.call("POST", "/2015-03-31/functions/f2/versions", &json!({})).await.ok();
    delete(&lambda, "f").await.is(204, "");
    lambda.function("f", "echo").await;
    assert_eq!(lambda.invoke("f:1", "1").await.status, 404);
    assert_eq!(lambda.invoke("f:live", "1").await.status, 404);
    lambda.invoke("f2:1", "1").await.is(200, "1");
}

#[tokio::test]
async fn its_policies_and_its_runtime_management_go_with_it() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    lambda.call("POST", "/2015-03-31/functions/f/versions", &json!({})).await.ok();
    let permission = json!({ "StatementId": "a", "Action": "lambda:InvokeFunction", "Principal": "*" });
    for query in ["", "?Qualifier=1"] {
        lambda.call("POST", &format!("/2015-03-31/functions/f/policy{query}"), &permission).await.ok();
    }
    let path = "/2021-07-20/functions/f/runtime-management-config";
    lambda.call("PUT", path, &json!({ "UpdateRuntimeOn": "FunctionUpdate" })).await.ok();
    delete(&lambda, "f").await.is(204, "");
    assert_eq!(lambda.rows(150).await, 0);
    lambda.function("f", "echo").await;
    assert_eq!(lambda.get("/2015-03-31/functions/f/policy").await.status, 404);
    assert_eq!(lambda.get(path).await.ok()["UpdateRuntimeOn"], json!("Auto"));
}
