//! Functions with layers, over the wire: which they may have, and what of them their environments see.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use testkit::{Answer, Lambda, package_of, soon};

const LAYER: &str = "arn:aws:lambda:us-east-1:000000000000:layer";

/// A platform whose handler `opt` answers what its sandbox has of layers: the file `a` of each.
async fn platform() -> Lambda {
    let lambda = Lambda::new().await;
    lambda.sandboxes.on("opt", |mut runtime| async move {
        loop {
            let work = runtime.next().await;
            let dirs = runtime.spec.opt_dirs.iter();
            let read = |dir: &std::path::PathBuf| std::fs::read_to_string(dir.join("a")).expect("a layer");
            let texts = dirs.map(read).collect::<Vec<_>>();
            runtime.respond(&work.id, json!(texts).to_string().as_bytes()).await;
        }
    });
    lambda
}

async fn create(lambda: &Lambda, layers: &[String]) -> Answer {
    let mut body = Lambda::creation("f", "opt");
    body["Layers"] = json!(layers);
    lambda.create(&body).await
}

async fn update(lambda: &Lambda, body: Value) -> Answer {
    lambda.call("PUT", "/2015-03-31/functions/f/configuration", &body).await
}

async fn seen(lambda: &Lambda, name: &str) -> Value {
    lambda.invoke(name, "1").await.json()
}

fn arn(layer: &str, version: u64) -> String {
    format!("{LAYER}:{layer}:{version}")
}

#[tokio::test]
async fn layers_are_seen_in_their_order_and_shown() {
    let lambda = platform().await;
    let one = lambda.layer("one", &[("a", "1")]).await;
    lambda.layer("two", &[("a", "2")]).await;
    let created = create(&lambda, &[arn("one", 1), arn("two", 1)]).await.ok();
    assert_eq!(created["Layers"][0], json!({ "Arn": arn("one", 1), "CodeSize": one["Content"]["CodeSize"] }));
    lambda.settled("f").await;
    assert_eq!(seen(&lambda, "f").await, json!(["1", "2"]));
    // Other settings leave layers alone.
    update(&lambda, json!({ "Timeout": 5 })).await.ok();
    lambda.settled("f").await;
    assert_eq!(seen(&lambda, "f").await, json!(["1", "2"]));
    update(&lambda, json!({ "Layers": [arn("two", 1), arn("one", 1)] })).await.ok();
    lambda.settled("f").await;
    assert_eq!(seen(&lambda, "f").await, json!(["2", "1"]));
    update(&lambda, json!({ "Layers": [] })).await.ok();
    lambda.settled("f").await;
    assert_eq!(seen(&lambda, "f").await, json!([]));
    assert_eq!(lambda.configuration("f").await.get("Layers"), None);
}

#[tokio::test]
async fn one_tree_serves_every_function_with_the_layer() {
    let lambda = platform().await;
    lambda.layer("one", &[("a", "1")]).await;
    lambda.layer("same", &[("a", "1")]).await;
    create(&lambda, &[arn("one", 1)]).await.ok();
    let mut body = Lambda::creation("g", "opt");
    body["Layers"] = json!([arn("same", 1)]);
    lambda.create(&body).await.ok();
    lambda.settled("g").await;
    assert_eq!(seen(&lambda, "g").await, json!(["1"]));
    assert_eq!(lambda.unpacked().len(), 2, "the functions' package and the layers'");
}

#[tokio::test]
async fn a_deleted_version_stays_with_those_who_have_it() {
    let lambda = platform().await;
    lambda.layer("one", &[("a", "1")]).await;
    create(&lambda, &[arn("one", 1)]).await.ok();
    lambda.settled("f").await;
    lambda.call("DELETE", "/2018-10-31/layers/one/versions/1", &Value::Null).await.is(204, "");
    // Deleting it again is no error.
    lambda.call("DELETE", "/2018-10-31/layers/one/versions/1", &Value::Null).await.is(204, "");
    assert_eq!(seen(&lambda, "f").await, json!(["1"]));
    update(&lambda, json!({ "Timeout": 5 })).await.ok();
    lambda.settled("f").await;
    lambda.call("POST", "/2015-03-31/functions/f/versions", &json!({})).await.ok();
    assert_eq!(lambda.configuration("f:1").await["Layers"][0]["Arn"], arn("one", 1));
    update(&lambda, json!({ "Layers": [] })).await.ok();
    lambda.settled("f").await;
    assert_eq!((seen(&lambda, "f:1").await, seen(&lambda, "f").await), (json!(["1"]), json!([])));
    let gone = format!("Layer version {} does not exist.", arn("one", 1));
    update(&lambda, json!({ "Layers": [arn("one", 1)] })).await.refuses(
        400,
        "InvalidParameterValueException",
        &gone,
    );
}

#[tokio::test]
async fn layers_that_cannot_be_are_refused() {
    let lambda = platform().await;
    lambda.layer("one", &[("a", "1")]).await;
    lambda.layer("one", &[("a", "2")]).await;
    let many = (1..=6).map(|number| arn(&format!("l{number}"), 1)).collect::<Vec<_>>();
    let elsewhere = LAYER.replace("us-east-1", "eu-west-1") + ":one:1";
    for (layers, message) in [
        (many, "Cannot reference more than 5 layers.".to_owned()),
        (vec![arn("one", 3)], format!("Layer version {} does not exist.", arn("one", 3))),
        (vec![arn("none", 1)], format!("Layer version {} does not exist.", arn("none", 1))),
        (
            vec!["arn:aws:lambda:::awslayer:AmazonLinux1803".to_owned()],
            "Layer version arn:aws:lambda:::awslayer:AmazonLinux1803 does not exist.".to_owned(),
        ),
        (vec![arn("one", 0)], "Layer Version Cannot be less than 1".to_owned()),
        (
            vec![elsewhere],
            "Layers are not in the same region as the function. Layers are expected to be in region us-east-1."
                .to_owned(),
        ),
        (
            vec![arn("one", 1), arn("one", 2)],
            format!(
                "Two different versions of the same layer are not allowed to be referenced in the same function. {} and \
                 {} are versions of the same layer.",
                arn("one", 1),
                arn("one", 2)
            ),
        ),
    ] {
        let bad = "InvalidParameterValueException";
        create(&lambda, &layers).await.refuses(400, bad, &message);
        lambda.get("/2015-03-31/functions/f").await.refuses(
            404,
            "ResourceNotFoundException",
            "Function not found: arn:aws:lambda:us-east-1:000000000000:function:f",
        );
        lambda.function("g", "opt").await;
        let before = lambda.configuration("g").await;
        let path = "/2015-03-31/functions/g/configuration";
        lambda.call("PUT", path, &json!({ "Layers": layers })).await.refuses(400, bad, &message);
        assert_eq!(lambda.configuration("g").await, before);
        lambda.call("DELETE", "/2015-03-31/functions/g", &Value::Null).await.is(204, "");
    }
    assert_eq!(create(&lambda, &["l:1".to_owned()]).await.status, 400, "a layer is named by its ARN");
}

#[tokio::test]
async fn a_function_and_its_layers_are_250_mb_at_most() {
    let lambda = platform().await;
    // Zeros, of which a zip has little.
    let zeros = vec![0; 131_072_001];
    let zip = |name: &str| BASE64.encode(package_of(&[(name, 0o644, &zeros)]));
    let content = json!({ "Content": { "ZipFile": zip("a") } });
    lambda.call("POST", "/2018-10-31/layers/big/versions", &content).await.ok();
    let mut body = Lambda::creation("f", "opt");
    body["Code"] = json!({ "ZipFile": zip("b") });
    body["Layers"] = json!([arn("big", 1)]);
    let message = "Function code combined with layers exceeds the maximum allowed size of 262144000 bytes. The actual size \
                   is 262144002 bytes.";
    let bad = "InvalidParameterValueException";
    lambda.create(&body).await.refuses(400, bad, message);
    create(&lambda, &[arn("big", 1)]).await.ok();
    lambda.settled("f").await;
    let code = json!({ "ZipFile": zip("b") });
    lambda.call("PUT", "/2015-03-31/functions/f/code", &code).await.refuses(400, bad, message);
    update(&lambda, json!({ "Layers": [] })).await.ok();
    lambda.settled("f").await;
    lambda.call("PUT", "/2015-03-31/functions/f/code", &code).await.ok();
    lambda.settled("f").await;
    update(&lambda, json!({ "Layers": [arn("big", 1)] })).await.refuses(400, bad, message);
}

#[tokio::test]
async fn a_layers_package_is_kept_for_as_long_as_anybody_uses_it() {
    let lambda = platform().await;
    lambda.layer("offered", &[("a", "1")]).await;
    lambda.layer("used", &[("a", "2")]).await;
    create(&lambda, &[arn("used", 1)]).await.ok();
    lambda.settled("f").await;
    lambda.call("DELETE", "/2018-10-31/layers/used/versions/1", &Value::Null).await.is(204, "");
    let kept = lambda.unpacked();
    lambda.layer("gone", &[("a", "3")]).await;
    lambda.call("DELETE", "/2018-10-31/layers/gone/versions/1", &Value::Null).await.is(204, "");
    let collected = async {
        while lambda.unpacked() != kept {
            // Blobs are dated by the file system's clock, which may be ahead of the test's by some years.
            lambda.clock.advance(Duration::from_secs(24 * 60 * 60 * 365));
            tokio::task::yield_now().await;
        }
    };
    soon("the unused layer to go", collected).await;
    assert_eq!(seen(&lambda, "f").await, json!(["2"]));
    update(&lambda, json!({ "Layers": [arn("offered", 1)] })).await.ok();
    lambda.settled("f").await;
    assert_eq!(seen(&lambda, "f").await, json!(["1"]));
}

#[tokio::test]
async fn a_bootstrap_may_come_from_a_layer() {
    let lambda = platform().await;
    lambda.sandboxes.on("which", |mut runtime| async move {
        loop {
            let work = runtime.next().await;
            let program = json!(runtime.spec.program).to_string();
            runtime.respond(&work.id, program.as_bytes()).await;
        }
    });
    lambda.layer("runtime", &[("bootstrap", "#!/bin/sh\n")]).await;
    lambda.layer("other", &[("a", "1")]).await;
    let mut body = Lambda::creation("f", "which");
    body["Runtime"] = json!("provided.al2023");
    body["Code"] = json!({ "ZipFile": BASE64.encode(package_of(&[("handler", 0o644, b"x")])) });
    body["Layers"] = json!([arn("runtime", 1), arn("other", 1)]);
    lambda.create(&body).await.ok();
    lambda.settled("f").await;
    assert_eq!(seen(&lambda, "f").await, json!("/opt/bootstrap"));
    let code = json!({ "ZipFile": BASE64.encode(package_of(&[("bootstrap", 0o755, b"x")])) });
    lambda.call("PUT", "/2015-03-31/functions/f/code", &code).await.ok();
    lambda.settled("f").await;
    assert_eq!(seen(&lambda, "f").await, json!("/var/task/bootstrap"));
}
