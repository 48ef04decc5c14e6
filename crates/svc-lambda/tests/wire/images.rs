//! Functions with container images, over the wire.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Answer, Container, Lambda, soon};

const BAD: &str = "InvalidParameterValueException";
const REGISTRY: &str = "000000000000.dkr.ecr.us-east-1.amazonaws.com";
const CODE: &str = "/2015-03-31/functions/f/code";
const CONFIGURATION: &str = "/2015-03-31/functions/f/configuration";

/// A platform whose image functions answer how they were started.
async fn platform() -> Lambda {
    with_programs(Lambda::new().await)
}

fn with_programs(lambda: Lambda) -> Lambda {
    // The handler of an image is nobody's affair: the scripted program is that without one.
    lambda.sandboxes.on("", |mut runtime| async move {
        loop {
            let work = runtime.next().await;
            let spec = &runtime.spec;
            let root = spec.root.as_ref().expect("an image");
            let absent = ["_HANDLER", "LD_LIBRARY_PATH", "AWS_EXECUTION_ENV"];
            let absent = absent.map(|name| runtime.variable(name));
            let told = json!({
                "marker": std::fs::read_to_string(root.join("marker")).ok(),
                "program": spec.program, "args": spec.args, "cwd": spec.cwd, "code": spec.code_dir,
                "COLOUR": runtime.variable("COLOUR"), "PATH": runtime.variable("PATH"),
                "AWS_REGION": runtime.variable("AWS_REGION"), "OWN": runtime.variable("OWN"),
                "absent": absent,
            });
            runtime.respond(&work.id, told.to_string().as_bytes()).await;
        }
    });
    lambda
}

fn container(marker: &str) -> Container {
    let files: &[(&str, u32, &str)] =
        &[("bin/run", 0o755, "x"), ("bin/other", 0o755, "x"), ("work/file", 0o644, "x")];
    let config = json!({
        "Entrypoint": ["run", "-m"], "Cmd": ["app.handler"], "WorkingDir": "/work",
        "Env": ["PATH=/bin", "COLOUR=red", "OWN=image", "AWS_REGION=mars"],
    });
    Container::new(&[files, &[("marker", 0o644, marker)]], config)
}

fn creation(uri: &str, more: Value) -> Value {
    let mut body = json!({
        "FunctionName": "f", "Role": "arn:aws:iam::000000000000:role/r", "PackageType": "Image",
        "Code": { "ImageUri": uri },
    });
    let Value::Object(more) = more else { panic!("{more} is no object") };
    body.as_object_mut().expect("made above").extend(more);
    body
}

async fn create(lambda: &Lambda, uri: &str) -> Answer {
    lambda.create(&creation(uri, json!({}))).await
}

#[tokio::test]
async fn an_image_runs_as_it_says_and_is_shown() {
    let lambda = platform().await;
    let digest = container("one").layout(&lambda.images().join("team/hello"), "1");
    let uri = format!("{REGISTRY}/team/hello:1");
    let variables = json!({ "Environment": { "Variables": { "OWN": "function" } } });
    let created = lambda.create(&creation(&uri, variables)).await.ok();
    assert_eq!(
        (&created["PackageType"], &created["CodeSha256"], &created["CodeSize"], &created["State"]),
        (&json!("Image"), &json!(digest), &json!(0), &json!("Pending"))
    );
    for absent in ["Runtime", "Handler", "RuntimeVersionConfig", "ImageConfigResponse", "Layers"] {
        assert_eq!(created.get(absent), None, "{absent}");
    }
    lambda.settled("f").await;
    assert_eq!(
        lambda.invoke("f", "1").await.json(),
        json!({
            "marker": "one", "program": "/bin/run", "args": ["-m", "app.handler"], "cwd": "/work", "code": null,
            "COLOUR": "red", "PATH": "/bin", "AWS_REGION": "us-east-1", "OWN": "function",
            "absent": [null, null, null],
        })
    );
    let shown = lambda.get("/2015-03-31/functions/f").await.ok();
    assert_eq!(
        shown["Code"],
        json!({
            "RepositoryType": "ECR", "ImageUri": uri,
            "ResolvedImageUri": format!("{REGISTRY}/team/hello@sha256:{digest}"),
        })
    );
}

#[tokio::test]
async fn overrides_take_the_place_of_what_the_image_says() {
    let lambda = platform().await;
    container("one").layout(&lambda.images().join("hello"), "latest");
    let config = json!({ "EntryPoint": ["/bin/other"], "Command": ["x", "y"], "WorkingDirectory": "/bin" });
    let body = creation(&format!("{REGISTRY}/hello"), json!({ "ImageConfig": config }));
    let created = lambda.create(&body).await.ok();
    assert_eq!(created["ImageConfigResponse"], json!({ "ImageConfig": config }));
    lambda.settled("f").await;
    let told = lambda.invoke("f", "1").await.json();
    assert_eq!(
        (&told["program"], &told["args"], &told["cwd"]),
        (&json!("/bin/other"), &json!(["x", "y"]), &json!("/bin"))
    );
    lambda.call("PUT", CONFIGURATION, &json!({ "ImageConfig": { "Command": ["z"] } })).await.ok();
    lambda.settled("f").await;
    let told = lambda.invoke("f", "1").await.json();
    assert_eq!((&told["program"], &told["args"]), (&json!("/bin/run"), &json!(["-m", "z"])));
    lambda.call("PUT", CONFIGURATION, &json!({ "Timeout": 9 })).await.ok();
    lambda.settled("f").await;
    assert_eq!(
        lambda.configuration("f").await["ImageConfigResponse"]["ImageConfig"],
        json!({ "Command": ["z"] })
    );
}

#[tokio::test]
async fn an_update_brings_another_image_and_versions_keep_theirs() {
    let lambda = platform().await;
    container("one").layout(&lambda.images().join("hello"), "1");
    container("two").saved(&lambda.images().join("other.tar"), "other:2");
    create(&lambda, &format!("{REGISTRY}/hello:1")).await.ok();
    lambda.settled("f").await;
    lambda.call("POST", "/2015-03-31/functions/f/versions", &json!({})).await.ok();
    let updated = json!({ "ImageUri": format!("{REGISTRY}/other:2"), "Publish": true });
    let updated = lambda.call("PUT", CODE, &updated).await.ok();
    assert_eq!((&updated["Version"], &updated["PackageType"]), (&json!("2"), &json!("Image")));
    lambda.settled("f").await;
    for (name, marker) in [("f", "two"), ("f:1", "one"), ("f:2", "two")] {
        assert_eq!(lambda.invoke(name, "1").await.json()["marker"], marker, "{name}");
    }
    // What is kept is all that is needed, also when the images are gone and nothing is unpacked.
    std::fs::remove_dir_all(lambda.images()).expect("a folder can be removed");
    for name in lambda.unpacked() {
        std::fs::remove_dir_all(lambda.trees().join(name)).expect("a folder can be removed");
    }
    lambda.call("PUT", CONFIGURATION, &json!({ "Timeout": 9 })).await.ok();
    lambda.settled("f").await;
    assert_eq!(lambda.invoke("f", "1").await.json()["marker"], "two");
}

#[tokio::test]
async fn images_come_from_a_registry() {
    let registry = container("far").serve("team/hello", "1").await;
    let lambda = with_programs(Lambda::with_registry(&registry.host).await);
    let uri = format!("{}/team/hello:1", registry.host);
    let created = create(&lambda, &uri).await.ok();
    assert_eq!(created["CodeSha256"], registry.digest);
    lambda.settled("f").await;
    assert_eq!(lambda.invoke("f", "1").await.json()["marker"], "far");
    let shown = lambda.get("/2015-03-31/functions/f").await.ok();
    let resolved = format!("{}/team/hello@sha256:{}", registry.host, registry.digest);
    assert_eq!(shown["Code"]["ResolvedImageUri"], resolved);
    let by_digest = lambda.call("PUT", CODE, &json!({ "ImageUri": resolved })).await.ok();
    assert_eq!(by_digest["CodeSha256"], registry.digest);
}

#[tokio::test]
async fn images_that_cannot_be_had_are_refused_and_leave_nothing() {
    let registry = container("far").serve("hello", "1").await;
    let lambda = Lambda::with_registry(&registry.host).await;
    container("one").layout(&lambda.images().join("hello"), "1");
    container("one").for_architecture("s390x").layout(&lambda.images().join("foreign"), "1");
    std::fs::write(lambda.images().join("broken.tar"), b"no archive").expect("write");
    let absent = |uri: &str| format!("Source image {uri} does not exist. Provide a valid source image.");
    for name in [
        "hello:2",
        "nothing:1",
        "hello@sha256:0000000000000000000000000000000000000000000000000000000000000000",
    ] {
        let uri = format!("{REGISTRY}/{name}");
        create(&lambda, &uri).await.refuses(400, BAD, &absent(&uri));
    }
    for uri in ["hello:1", "../hello:1", &format!("{REGISTRY}/../hello:1"), ""] {
        let message = format!("Source image {uri} is not valid. Provide a valid source image.");
        create(&lambda, uri).await.refuses(400, BAD, &message);
    }
    let foreign = create(&lambda, &format!("{REGISTRY}/foreign:1")).await;
    assert_eq!(foreign.status, 400, "{}", foreign.text());
    assert!(foreign.text().contains("s390x"), "{}", foreign.text());
    // Not even whether anybody listens there is to be learnt.
    for host in ["registry.example.com", "localhost:22"] {
        let message = format!(
            "Lambent's CreateFunction does not honour ImageUri with the registry {host}, which no --registry names, yet, \
             so it refuses it."
        );
        let elsewhere = create(&lambda, &format!("{host}/hello:1")).await;
        elsewhere.refuses(501, "NotImplementedException", &message);
    }
    let uri = format!("{}/hello:1", registry.host);
    registry.cut();
    assert_eq!(create(&lambda, &uri).await.status, 400, "a layer that breaks off");
    registry.damage();
    assert_eq!(create(&lambda, &uri).await.status, 400, "a layer of other bytes");
    registry.refuse(401);
    create(&lambda, &uri).await.refuses(
        403,
        "AccessDeniedException",
        "Lambda does not have permission to access the ECR image. Check the ECR permissions.",
    );
    assert_eq!(lambda.get("/2015-03-31/functions/f").await.status, 404);
    assert!(lambda.unpacked().is_empty());
}

#[tokio::test]
async fn a_function_is_of_one_kind_for_ever() {
    let lambda = platform().await;
    container("one").layout(&lambda.images().join("hello"), "1");
    let uri = format!("{REGISTRY}/hello:1");
    let both = "Please don't provide Handler or Runtime or Layer when the intent is to create a function with container \
                images.";
    for more in [
        json!({ "Runtime": "python3.13" }),
        json!({ "Handler": "a.b" }),
        json!({ "Layers": ["arn:aws:lambda:us-east-1:000000000000:layer:l:1"] }),
    ] {
        lambda.create(&creation(&uri, more)).await.refuses(400, BAD, both);
    }
    let none = "Please provide ImageUri when creating a function with packageType Image.";
    lambda.create(&creation(&uri, json!({ "Code": {} }))).await.refuses(400, BAD, none);
    let zip_uri = "Please don't provide ImageUri when creating a function with packageType Zip.";
    let mixed = Lambda::creation_with("f", json!({ "Code": { "ImageUri": uri } }));
    lambda.create(&mixed).await.refuses(400, BAD, zip_uri);
    let config = "Please don't provide ImageConfig when creating a function with packageType Zip.";
    let mixed = Lambda::creation_with("f", json!({ "ImageConfig": { "Command": ["x"] } }));
    lambda.create(&mixed).await.refuses(400, BAD, config);
    create(&lambda, &uri).await.ok();
    lambda.settled("f").await;
    let before = lambda.configuration("f").await;
    let zip = json!({ "ZipFile": "AAAA" });
    let image = "Please provide ImageUri when updating a function with packageType Image.";
    lambda.call("PUT", CODE, &zip).await.refuses(400, BAD, image);
    let update = "Please don't provide Handler or Runtime or Layer when the intent is to update a function with container \
                  images.";
    lambda.call("PUT", CONFIGURATION, &json!({ "Runtime": "python3.13" })).await.refuses(400, BAD, update);
    assert_eq!(lambda.configuration("f").await, before);
    lambda.function("g", "echo").await;
    let config = json!({ "ImageConfig": { "Command": ["x"] } });
    let message = "Please don't provide ImageConfig when updating a function with packageType Zip.";
    lambda.call("PUT", "/2015-03-31/functions/g/configuration", &config).await.refuses(400, BAD, message);
}

#[tokio::test]
async fn what_cannot_be_started_says_why() {
    let lambda = platform().await;
    container("one").layout(&lambda.images().join("hello"), "1");
    for (config, error_type, why) in [
        (
            json!({ "EntryPoint": ["/bin/absent"] }),
            "Runtime.InvalidEntrypoint",
            "fork/exec /bin/absent: no such file or directory",
        ),
        (
            json!({ "WorkingDirectory": "/absent" }),
            "Runtime.InvalidWorkingDir",
            "chdir /absent: no such file or directory",
        ),
    ] {
        let body = creation(&format!("{REGISTRY}/hello:1"), json!({ "ImageConfig": config }));
        lambda.create(&body).await.ok();
        lambda.settled("f").await;
        let failed = lambda.invoke("f", "1").await;
        assert_eq!((failed.status, failed.header("x-amz-function-error")), (200, "Unhandled"));
        assert_eq!(failed.json()["errorType"], error_type);
        assert!(failed.text().contains(why), "{}", failed.text());
        lambda.call("DELETE", "/2015-03-31/functions/f", &Value::Null).await.is(204, "");
    }
}

#[tokio::test]
async fn an_image_that_cannot_be_unpacked_fails_the_function() {
    let lambda = platform().await;
    let files: &[(&str, u32, &str)] = &[("file", 0o644, "x"), ("file/below", 0o644, "x")];
    Container::new(&[files], json!({})).layout(&lambda.images().join("odd"), "1");
    create(&lambda, &format!("{REGISTRY}/odd:1")).await.ok();
    lambda.settled("f").await;
    let shown = lambda.configuration("f").await;
    assert_eq!((&shown["State"], &shown["StateReasonCode"]), (&json!("Failed"), &json!("InvalidImage")));
    assert!(lambda.unpacked().is_empty());
}

#[tokio::test]
async fn an_unused_image_goes_whole() {
    let lambda = platform().await;
    container("one").layout(&lambda.images().join("hello"), "1");
    container("two").layout(&lambda.images().join("other"), "1");
    create(&lambda, &format!("{REGISTRY}/hello:1")).await.ok();
    lambda.settled("f").await;
    let kept = (lambda.unpacked(), lambda.stored_packages().await);
    let mut body = creation(&format!("{REGISTRY}/other:1"), json!({}));
    body["FunctionName"] = json!("g");
    lambda.create(&body).await.ok();
    lambda.settled("g").await;
    lambda.call("DELETE", "/2015-03-31/functions/g", &Value::Null).await.is(204, "");
    let collected = async {
        while (lambda.unpacked(), lambda.stored_packages().await) != kept {
            // Blobs are dated by the file system's clock, which may be ahead of the test's by some years.
            lambda.clock.advance(Duration::from_secs(24 * 60 * 60 * 365));
            tokio::task::yield_now().await;
        }
    };
    soon("the unused image to go", collected).await;
    assert_eq!(lambda.invoke("f", "1").await.json()["marker"], "one");
}

#[tokio::test]
async fn packages_may_run_in_an_image() {
    let lambda = platform().await;
    lambda.sandboxes.on("app.handler", |mut runtime| async move {
        loop {
            let work = runtime.next().await;
            let spec = &runtime.spec;
            let told = json!({
                "root": spec.root.as_ref().map(|root| root.join("var/runtime/bootstrap").is_file()),
                "program": spec.program, "cwd": spec.cwd, "code": spec.code_dir.is_some(),
                "_HANDLER": runtime.variable("_HANDLER"), "LANG": runtime.variable("LANG"),
                "AWS_EXECUTION_ENV": runtime.variable("AWS_EXECUTION_ENV"),
            });
            runtime.respond(&work.id, told.to_string().as_bytes()).await;
        }
    });
    let files: &[(&str, u32, &str)] = &[("var/runtime/bootstrap", 0o755, "x")];
    let image = Container::new(&[files], json!({ "Env": ["LANG=en_GB.UTF-8"] }));
    image.saved(&lambda.images().join("python.tar"), "python:3.13");
    std::fs::write(lambda.runtimes().join("python3.13.image"), format!("{REGISTRY}/python:3.13\n"))
        .expect("write");
    lambda.create(&Lambda::creation("g", "app.handler")).await.ok();
    lambda.settled("g").await;
    let expected = json!({
        "root": true, "program": "/var/runtime/bootstrap", "cwd": "/var/task", "code": true,
        "_HANDLER": "app.handler", "LANG": "en_GB.UTF-8", "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
    });
    assert_eq!(lambda.invoke("g", "1").await.json(), expected);
    assert_eq!(lambda.configuration("g").await["RuntimeVersionConfig"].get("Error"), None);
    // Fetched once, it stays: also where nobody but the setting names it.
    for _ in 0..3 {
        lambda.clock.advance(Duration::from_secs(24 * 60 * 60 * 365 * 20));
        tokio::task::yield_now().await;
    }
    lambda.call("PUT", "/2015-03-31/functions/g/configuration", &json!({ "Timeout": 9 })).await.ok();
    lambda.settled("g").await;
    assert_eq!(lambda.invoke("g", "1").await.json(), expected);
    std::fs::write(lambda.runtimes().join("python3.12.image"), format!("{REGISTRY}/absent:1"))
        .expect("write");
    let mut other = Lambda::creation("h", "app.handler");
    other["Runtime"] = json!("python3.12");
    lambda.create(&other).await.ok();
    lambda.settled("h").await;
    let refused = lambda.invoke("h", "1").await;
    assert_eq!((refused.status, refused.header("x-amzn-errortype")), (502, "InvalidRuntimeException"));
    assert!(refused.text().contains("absent:1 does not exist"), "{}", refused.text());
}
