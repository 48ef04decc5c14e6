//! `ListLayers` and `ListLayerVersions` over the wire.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use testkit::{Lambda, package};

async fn publish(lambda: &Lambda, layer: &str, runtime: &str, architecture: &str) {
    let body = json!({
        "Content": { "ZipFile": BASE64.encode(package("same")) },
        "CompatibleRuntimes": [runtime],
        "CompatibleArchitectures": [architecture],
    });
    lambda.call("POST", &format!("/2018-10-31/layers/{layer}/versions"), &body).await.ok();
}

/// Name and latest matching version of each layer.
async fn layers(lambda: &Lambda, query: &str) -> Vec<(String, u64)> {
    let listed = lambda.get(&format!("/2018-10-31/layers?{query}")).await.ok();
    let layers = listed["Layers"].as_array().expect("a list").iter();
    let row = |layer: &Value| {
        let latest = &layer["LatestMatchingVersion"];
        assert_eq!(
            latest["LayerVersionArn"],
            format!("{}:{}", layer["LayerArn"].as_str().expect("an ARN"), latest["Version"])
        );
        (
            layer["LayerName"].as_str().expect("a name").to_owned(),
            latest["Version"].as_u64().expect("a number"),
        )
    };
    layers.map(row).collect()
}

async fn versions(lambda: &Lambda, query: &str) -> (Vec<u64>, Option<String>) {
    let listed = lambda.get(&format!("/2018-10-31/layers/{query}")).await.ok();
    let numbers = listed["LayerVersions"].as_array().expect("a list").iter();
    (
        numbers.map(|version| version["Version"].as_u64().expect("a number")).collect(),
        listed["NextMarker"].as_str().map(str::to_owned),
    )
}

fn expected(layers: &[(&str, u64)]) -> Vec<(String, u64)> {
    layers.iter().map(|(name, number)| ((*name).to_owned(), *number)).collect()
}

#[tokio::test]
async fn each_layer_shows_its_latest_version_that_fits() {
    let lambda = Lambda::new().await;
    assert_eq!(lambda.get("/2018-10-31/layers").await.ok(), json!({ "Layers": [] }));
    publish(&lambda, "a", "python3.13", "x86_64").await;
    publish(&lambda, "a", "python3.12", "arm64").await;
    publish(&lambda, "b", "python3.13", "x86_64").await;
    lambda.layer("c", &[("f", "says nothing of runtimes")]).await;
    assert_eq!(layers(&lambda, "").await, expected(&[("a", 2), ("b", 1), ("c", 1)]));
    let python = "CompatibleRuntime=python3.13";
    assert_eq!(layers(&lambda, python).await, expected(&[("a", 1), ("b", 1)]));
    assert_eq!(layers(&lambda, "CompatibleArchitecture=arm64").await, expected(&[("a", 2)]));
    let both = format!("{python}&CompatibleArchitecture=arm64");
    assert_eq!(layers(&lambda, &both).await, expected(&[]));
    lambda.call("DELETE", "/2018-10-31/layers/a/versions/1", &Value::Null).await.is(204, "");
    assert_eq!(layers(&lambda, python).await, expected(&[("b", 1)]));
    lambda.call("DELETE", "/2018-10-31/layers/b/versions/1", &Value::Null).await.is(204, "");
    assert_eq!(layers(&lambda, "").await, expected(&[("a", 2), ("c", 1)]));
}

#[tokio::test]
async fn layers_come_page_by_page() {
    let lambda = Lambda::new().await;
    for layer in ["a", "b", "c"] {
        publish(&lambda, layer, "python3.13", "x86_64").await;
    }
    let first = lambda.get("/2018-10-31/layers?MaxItems=2").await.ok();
    let marker = first["NextMarker"].as_str().expect("more");
    assert_eq!(first["Layers"].as_array().map(Vec::len), Some(2));
    let rest = lambda.get(&format!("/2018-10-31/layers?MaxItems=2&Marker={marker}")).await.ok();
    assert_eq!((&rest["Layers"][0]["LayerName"], rest.get("NextMarker")), (&json!("c"), None));
    lambda.get("/2018-10-31/layers?Marker=%2F").await.refuses(
        400,
        "InvalidParameterValueException",
        "Invalid marker",
    );
}

#[tokio::test]
async fn versions_come_newest_first_page_by_page() {
    let lambda = Lambda::new().await;
    for number in 1..=5 {
        let runtime = if number % 2 == 0 { "python3.12" } else { "python3.13" };
        publish(&lambda, "a", runtime, "x86_64").await;
    }
    lambda.call("DELETE", "/2018-10-31/layers/a/versions/4", &Value::Null).await.is(204, "");
    assert_eq!(versions(&lambda, "a/versions").await, (vec![5, 3, 2, 1], None));
    let (first, marker) = versions(&lambda, "a/versions?MaxItems=2").await;
    assert_eq!(first, [5, 3]);
    let rest = format!("a/versions?MaxItems=2&Marker={}", marker.expect("more"));
    assert_eq!(versions(&lambda, &rest).await, (vec![2, 1], None));
    let fitting = versions(&lambda, "a/versions?CompatibleRuntime=python3.13").await;
    assert_eq!(fitting, (vec![5, 3, 1], None));
    assert_eq!(versions(&lambda, "nothing/versions").await, (vec![], None));
    let denied =
        lambda.get("/2018-10-31/layers/arn:aws:lambda:us-east-1:111111111111:layer:l/versions").await;
    assert_eq!(denied.status, 403);
}
