//! Canaries: a deployment that a share of a stage's requests is served.

use serde_json::{Value as Json, json};

use crate::Rest;

/// A mock whose answer says which deployment it is, and the stage's variable and whether the canary answers.
async fn says(rest: &Rest, words: &str) {
    let path = format!("resources/{}/methods/GET", rest.root);
    let template = format!("{words} $stageVariables.v $!context.isCanaryRequest");
    let response = json!({ "responseTemplates": { "application/json": template } });
    rest.call("DELETE", &format!("{path}/integration/responses/200"), &Json::Null).await;
    rest.call("PUT", &format!("{path}/integration/responses/200"), &response).await.ok();
}

async fn stage(rest: &Rest) -> Json {
    rest.get("stages/dev").await.ok()
}

#[tokio::test]
async fn a_canary_serves_its_share_until_it_is_promoted() {
    let rest = Rest::new().await;
    let mock = json!({ "type": "MOCK", "requestTemplates": { "application/json": "{\"statusCode\": 200}" } });
    rest.method(&rest.root, "GET", json!({}), &mock).await;
    let response = format!("resources/{}/methods/GET/responses/200", rest.root);
    rest.call("PUT", &response, &json!({})).await.ok();
    says(&rest, "old").await;
    let first = json!({ "stageName": "dev", "variables": { "v": "1" } });
    let old = rest.call("POST", "deployments", &first).await.ok()["id"].clone();
    rest.visit("/dev").await.is(200, "old 1 ");

    says(&rest, "new").await;
    let canary = json!({
        "stageName": "dev",
        "canarySettings": { "percentTraffic": 100, "stageVariableOverrides": { "v": "2" } },
    });
    let new = rest.call("POST", "deployments", &canary).await.ok()["id"].clone();
    let shown = stage(&rest).await;
    assert_eq!(shown["deploymentId"], old);
    assert_eq!(
        shown["canarySettings"],
        json!({
            "percentTraffic": 100.0, "deploymentId": new, "stageVariableOverrides": { "v": "2" }, "useStageCache": false,
        })
    );
    rest.visit("/dev").await.is(200, "new 2 true");
    // What is served is not to be deleted.
    let path = format!("deployments/{}", new.as_str().expect("an id"));
    assert_eq!(rest.call("DELETE", &path, &Json::Null).await.status, 400);

    rest.patch("stages/dev", "replace", "/canarySettings/percentTraffic", "0").await.ok();
    for _ in 0..20 {
        rest.visit("/dev").await.is(200, "old 1 false");
    }
    rest.patch("stages/dev", "replace", "/canarySettings/percentTraffic", "50").await.ok();
    let (mut olds, mut news) = (0, 0);
    for _ in 0..200 {
        match rest.visit("/dev").await.text() {
            "old 1 false" => olds += 1,
            "new 2 true" => news += 1,
            other => panic!("{other}"),
        }
    }
    assert!(olds > 40 && news > 40, "{olds} {news}");

    let promote = json!({ "patchOperations": [
        { "op": "replace", "path": "/canarySettings/percentTraffic", "value": "0.0" },
        { "op": "copy", "from": "/canarySettings/stageVariableOverrides", "path": "/variables" },
        { "op": "copy", "from": "/canarySettings/deploymentId", "path": "/deploymentId" },
    ] });
    let shown = rest.call("PATCH", "stages/dev", &promote).await.ok();
    assert_eq!((&shown["deploymentId"], &shown["variables"]), (&new, &json!({ "v": "2" })));
    rest.visit("/dev").await.is(200, "new 2 false");
    rest.patch("stages/dev", "remove", "/canarySettings", "").await.ok();
    assert_eq!(stage(&rest).await["canarySettings"], Json::Null);
    rest.visit("/dev").await.is(200, "new 2 ");
}

#[tokio::test]
async fn what_a_canary_can_not_be_is_refused() {
    let rest = Rest::new().await;
    let mock = json!({ "type": "MOCK", "requestTemplates": { "application/json": "{\"statusCode\": 200}" } });
    rest.method(&rest.root, "GET", json!({}), &mock).await;
    let canary = |settings: Json| json!({ "stageName": "dev", "canarySettings": settings });
    let nowhere = rest.call("POST", "deployments", &canary(json!({ "percentTraffic": 1 }))).await;
    assert_eq!(nowhere.status, 400);
    rest.deploy().await;
    assert_eq!(rest.call("POST", "deployments", &canary(json!({ "percentTraffic": 101 }))).await.status, 400);
    assert_eq!(rest.call("POST", "deployments", &canary(json!({ "useStageCache": true }))).await.status, 501);
    let patch =
        async |op: &str, path: &str, value: &str| rest.patch("stages/dev", op, path, value).await.status;
    assert_eq!(patch("remove", "/canarySettings", "").await, 400);
    assert_eq!(patch("replace", "/canarySettings/percentTraffic", "-1").await, 400);
    assert_eq!(patch("replace", "/canarySettings/deploymentId", "nobody").await, 404);
    assert_eq!(patch("replace", "/canarySettings/useStageCache", "true").await, 501);
    let copy = json!({ "patchOperations": [
        { "op": "copy", "from": "/canarySettings/deploymentId", "path": "/deploymentId" },
    ] });
    assert_eq!(rest.call("PATCH", "stages/dev", &copy).await.status, 400);
    assert_eq!(stage(&rest).await["canarySettings"], Json::Null);
    let id = stage(&rest).await["deploymentId"].clone();
    let made = json!({
        "stageName": "other", "deploymentId": id, "canarySettings": { "percentTraffic": 10, "deploymentId": id },
    });
    let made = rest.call("POST", "stages", &made).await.ok();
    assert_eq!(made["canarySettings"]["percentTraffic"], 10.0);
}
