//! `CreateFunction` over the wire: what is stored and shown, and everything that is refused and then leaves nothing.

use std::io::{Cursor, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use testkit::{Answer, Lambda, package, package_of};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const UNZIP: &str = "Could not unzip uploaded file. Please check your file, then try to upload again.";

async fn create_from(lambda: &Lambda, zip: &[u8]) -> Answer {
    let code = json!({ "Code": { "ZipFile": BASE64.encode(zip) } });
    lambda.create(&Lambda::creation_with("f", code)).await
}

async fn has_nothing(lambda: &Lambda) {
    assert_eq!((lambda.rows(100).await, lambda.stored_packages().await), (0, 0));
    assert_eq!(lambda.unpacked(), [""; 0]);
}

#[tokio::test]
async fn answers_pending_then_becomes_active() {
    let lambda = Lambda::new().await;
    lambda.stop_jobs().await;
    let answer = lambda.create(&Lambda::creation("f", "echo")).await;
    let mut shown = answer.json();
    let revision = shown["RevisionId"].take();
    assert_eq!(revision.as_str().map(str::len), Some(36));
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:f";
    let runtime = shown["RuntimeVersionConfig"].take();
    assert!(
        runtime["RuntimeVersionArn"]
            .as_str()
            .expect("an ARN")
            .starts_with("arn:aws:lambda:us-east-1::runtime:")
    );
    let expected = json!({
        "FunctionName": "f",
        "FunctionArn": arn,
        "Runtime": "python3.13",
        "Role": "arn:aws:iam::000000000000:role/r",
        "Handler": "echo",
        "CodeSize": package("one").len(),
        "Description": "",
        "Timeout": 3,
        "MemorySize": 128,
        "LastModified": "2026-11-23T10:11:12.345+0000",
        "CodeSha256": shown["CodeSha256"],
        "Version": "$LATEST",
        "TracingConfig": { "Mode": "PassThrough" },
        "RevisionId": null,
        "State": "Pending",
        "StateReason": "The function is being created.",
        "StateReasonCode": "Creating",
        "PackageType": "Zip",
        "Architectures": ["x86_64"],
        "EphemeralStorage": { "Size": 512 },
        "SnapStart": { "ApplyOn": "None", "OptimizationStatus": "Off" },
        "RuntimeVersionConfig": null,
        "LoggingConfig": { "LogFormat": "Text", "LogGroup": "/aws/lambda/f" },
    });
    assert_eq!((answer.status, &shown), (201, &expected));
    lambda.start_jobs();
    lambda.settled("f").await;
    let active = lambda.configuration("f").await;
    assert_eq!((&active["State"], &active["LastUpdateStatus"]), (&json!("Active"), &json!("Successful")));
    assert_ne!(active["RevisionId"], revision, "becoming active is another revision");
    assert_eq!(active.get("StateReason"), None);
}

#[tokio::test]
async fn what_is_given_is_shown() {
    let lambda = Lambda::new().await;
    let given = json!({
        "Description": "says hello",
        "Timeout": 900,
        "MemorySize": 10240,
        "EphemeralStorage": { "Size": 10240 },
        "Environment": { "Variables": { "KEY": "value", "AWS_LAMBDA_EXEC_WRAPPER": "/opt/w" } },
        "LoggingConfig": { "LogFormat": "Text", "LogGroup": "own" },
    });
    let shown = lambda.create(&Lambda::creation_with("f", given.clone())).await.ok();
    for (name, value) in given.as_object().expect("made above") {
        assert_eq!(shown[name], *value, "{name}");
    }
    // Asking for a default is no request for a feature.
    let defaults = json!({
        "Publish": false, "PackageType": "Zip", "TracingConfig": { "Mode": "PassThrough" }, "Layers": [],
        "VpcConfig": { "SubnetIds": [], "SecurityGroupIds": [] }, "SnapStart": { "ApplyOn": "None" },
        "KMSKeyArn": "", "DeadLetterConfig": { "TargetArn": "" }, "FileSystemConfigs": [],
        "Architectures": ["x86_64"],
    });
    assert_eq!(lambda.create(&Lambda::creation_with("g", defaults)).await.status, 201);
}

#[tokio::test]
async fn a_name_is_taken_once() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    let before = lambda.configuration("f").await;
    let again = lambda.create(&Lambda::creation("f", "other")).await;
    again.refuses(409, "ResourceConflictException", "Function already exist: f");
    again.is(409, r#"{"Type":"User","message":"Function already exist: f"}"#);
    assert_eq!(lambda.configuration("f").await, before);
}

#[tokio::test]
async fn broken_packages_are_refused_and_leave_nothing() {
    let lambda = Lambda::new().await;
    let sound = package("one");
    let mut damaged = sound.clone();
    let at = damaged.windows(3).position(|bytes| bytes == b"one").unwrap_or(40);
    damaged[at] ^= 0xff;
    let link = |name: &str, to: &str| {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        zip.add_symlink(name, to, SimpleFileOptions::default()).expect("a link");
        zip.finish().expect("memory takes bytes").into_inner()
    };
    let through_link = {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        zip.add_symlink("a", "b", SimpleFileOptions::default()).expect("a link");
        zip.start_file("a/c", SimpleFileOptions::default()).expect("a file");
        zip.write_all(b"x").expect("memory takes bytes");
        zip.finish().expect("memory takes bytes").into_inner()
    };
    let long = "x".repeat(300);
    for (what, zip) in [
        ("no zip", b"PK is how a zip begins".to_vec()),
        ("cut short", sound[..sound.len() - 5].to_vec()),
        ("damaged", damaged),
        ("climbs", package_of(&[("../evil", 0o644, b"x")])),
        ("climbs later", package_of(&[("a/../../evil", 0o644, b"x")])),
        ("absolute", package_of(&[("/tmp/evil", 0o644, b"x")])),
        ("link climbs", link("a", "../../etc/passwd")),
        ("absolute link", link("a", "/etc/passwd")),
        ("through a link", through_link),
        ("file and folder", package_of(&[("a", 0o644, b"x"), ("a/b", 0o644, b"x")])),
        ("name too long", package_of(&[(&long, 0o644, b"x")])),
    ] {
        let answer = create_from(&lambda, &zip).await;
        assert_eq!((answer.status, answer.json()["message"].as_str()), (400, Some(UNZIP)), "{what}");
        answer.refuses(400, "InvalidParameterValueException", UNZIP);
    }
    has_nothing(&lambda).await;
}

#[tokio::test]
async fn empty_packages_are_refused() {
    let lambda = Lambda::new().await;
    for zip in [Vec::new(), package_of(&[])] {
        let message = "Uploaded file must be a non-empty zip";
        create_from(&lambda, &zip).await.refuses(400, "InvalidParameterValueException", message);
    }
    has_nothing(&lambda).await;
}

/// A package that unpacks to so many zeros.
fn zeros(bytes: usize) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let piece = vec![0; 1024 * 1024];
    zip.start_file("zeros", SimpleFileOptions::default()).expect("a file");
    let mut left = bytes;
    while left > 0 {
        let now = left.min(piece.len());
        zip.write_all(&piece[..now]).expect("memory takes bytes");
        left -= now;
    }
    zip.finish().expect("memory takes bytes").into_inner()
}

#[tokio::test]
async fn a_package_that_unpacks_to_too_much_is_refused() {
    let lambda = Lambda::new().await;
    let message = "Unzipped size must be smaller than 262144000 bytes";
    let honest = zeros(262_144_001);
    create_from(&lambda, &honest).await.refuses(400, "InvalidParameterValueException", message);
    // One that lies about its size, in both places where a zip tells it.
    let mut lying = honest;
    let size = 262_144_001_u32.to_le_bytes();
    while let Some(at) = lying.windows(4).position(|bytes| bytes == size) {
        lying[at..at + 4].copy_from_slice(&1_u32.to_le_bytes());
    }
    let answer = create_from(&lambda, &lying).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    has_nothing(&lambda).await;
}

#[tokio::test]
async fn a_package_that_is_too_large_is_refused() {
    let lambda = Lambda::new().await;
    let message = "Zipped size must be smaller than 52428800 bytes";
    let answer = create_from(&lambda, &vec![b'x'; 52_428_801]).await;
    answer.refuses(413, "RequestEntityTooLargeException", message);
    has_nothing(&lambda).await;
}

#[tokio::test]
async fn files_of_a_package_can_be_read_by_the_functions_user() {
    use std::os::unix::fs::PermissionsExt as _;
    let lambda = Lambda::new().await;
    let zip = package_of(&[("bin/run", 0o700, b"x"), ("data", 0o600, b"y")]);
    create_from(&lambda, &zip).await.ok();
    let tree = lambda.trees().join(&lambda.unpacked()[0]);
    let mode = |name: &str| tree.join(name).metadata().expect("a file").permissions().mode() & 0o777;
    assert_eq!((mode("bin/run"), mode("data")), (0o755, 0o644));
}

#[tokio::test]
async fn what_is_not_honoured_is_refused_by_name() {
    let lambda = Lambda::new().await;
    for (name, more) in [
        ("VpcConfig", json!({ "VpcConfig": { "SubnetIds": ["subnet-1"] } })),
        ("KMSKeyArn", json!({ "KMSKeyArn": "arn:aws:kms:us-east-1:000000000000:key/k" })),
        (
            "FileSystemConfigs",
            json!({ "FileSystemConfigs": [{
                "Arn": "arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/fsap-0123456789abcdef0",
                "LocalMountPath": "/mnt/a",
            }] }),
        ),
        ("DurableConfig", json!({ "DurableConfig": { "ExecutionTimeout": 60 } })),
        ("PublishTo", json!({ "PublishTo": "LATEST_PUBLISHED" })),
        ("TenancyConfig", json!({ "TenancyConfig": { "TenantIsolationMode": "PER_TENANT" } })),
        ("Code.S3Bucket", json!({ "Code": { "S3Bucket": "bucket", "S3Key": "key" } })),
    ] {
        let message = format!("Lambent's CreateFunction does not honour {name} yet, so it refuses it.");
        lambda.create(&Lambda::creation_with("f", more)).await.refuses(
            501,
            "NotImplementedException",
            &message,
        );
    }
    for (more, message) in [(
        json!({ "Architectures": ["arm64"] }),
        "Lambent's host does not honour Architectures [arm64] yet, so it refuses it.",
    )] {
        lambda.create(&Lambda::creation_with("f", more)).await.refuses(
            501,
            "NotImplementedException",
            message,
        );
    }
    has_nothing(&lambda).await;
}

async fn refused(lambda: &Lambda, more: Value, code: &str, message: &str) {
    lambda.create(&Lambda::creation_with("f", more)).await.refuses(400, code, message);
}

#[tokio::test]
async fn bad_settings_are_refused_in_awss_words() {
    let lambda = Lambda::new().await;
    let service = "InvalidParameterValueException";
    refused(
        &lambda,
        json!({ "Runtime": "java8" }),
        service,
        "The runtime parameter of java8 is no longer supported for creating or updating AWS Lambda functions. We recommend \
         you use a supported runtime while creating or updating functions.",
    )
    .await;
    let unknown = lambda.create(&Lambda::creation_with("f", json!({ "Runtime": "cobol" }))).await;
    let start =
        "Value cobol at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [";
    let message = unknown.json()["message"].as_str().unwrap_or_default().to_owned();
    assert!(message.starts_with(start) && message.ends_with("] or be a valid ARN"), "{message}");
    refused(
        &lambda,
        json!({ "Environment": { "Variables": { "AWS_REGION": "x", "_HANDLER": "y", "KEY": "z" } } }),
        "ValidationException",
        "1 validation error detected: Value at 'environment.variables' failed to satisfy \
         constraint: Map keys must satisfy constraint: [Member must satisfy regular expression pattern: \
         [a-zA-Z]([a-zA-Z0-9_])+, Member must not be null]",
    )
    .await;
    refused(
        &lambda,
        json!({ "Environment": { "Variables": { "AWS_REGION": "x", "KEY": "z" } } }),
        service,
        "Lambda was unable to configure your environment variables because the environment variables you have provided \
         contains reserved keys that are currently not supported for modification. Reserved keys used in this request: \
         AWS_REGION",
    )
    .await;
    let long = "x".repeat(4096 - r#"{"KEY":""}"#.len() + 1);
    let measured = format!(r#"{{"KEY":"{long}"}}"#);
    refused(
        &lambda,
        json!({ "Environment": { "Variables": { "KEY": long } } }),
        service,
        &format!(
            "Lambda was unable to configure your environment variables because the environment variables you have provided \
             exceeded the 4KB limit. String measured: {measured}"
        ),
    )
    .await;
    refused(
        &lambda,
        json!({ "Runtime": null }),
        service,
        "Runtime and Handler are mandatory parameters for functions created with deployment packages.",
    )
    .await;
    refused(&lambda, json!({ "Code": {} }), service, "Please provide a source for function code.").await;
    let tags = (0..51).map(|number| (number.to_string(), json!("x"))).collect::<serde_json::Map<_, _>>();
    refused(&lambda, json!({ "Tags": tags }), service, "Number of tags exceeds resource tag limit.").await;
    let name = "n".repeat(65);
    refused(
        &lambda,
        json!({ "FunctionName": name }),
        service,
        &format!(
            "1 validation error detected: Value '{name}' at 'functionName' failed to satisfy constraint: Member must have \
             length less than or equal to 64"
        ),
    )
    .await;
    has_nothing(&lambda).await;
}

#[tokio::test]
async fn what_the_model_forbids_is_refused_by_the_front_door() {
    let lambda = Lambda::new().await;
    for (more, problem) in [
        (
            json!({ "MemorySize": 127 }),
            "Value '127' at 'memorySize' failed to satisfy constraint: Member must have value greater than or equal to 128",
        ),
        (
            json!({ "MemorySize": 10241 }),
            "Value '10241' at 'memorySize' failed to satisfy constraint: Member must have value less than or equal to 10240",
        ),
        (
            json!({ "Timeout": 901 }),
            "Value '901' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to 900",
        ),
        (
            json!({ "Role": null }),
            "Value null at 'role' failed to satisfy constraint: Member must not be null",
        ),
        (
            json!({ "Code": null }),
            "Value null at 'code' failed to satisfy constraint: Member must not be null",
        ),
    ] {
        let message = format!("1 validation error detected: {problem}");
        refused(&lambda, more, "ValidationException", &message).await;
    }
    has_nothing(&lambda).await;
}

#[tokio::test]
async fn a_crash_before_it_is_active_is_made_up_for() {
    let lambda = Lambda::new().await;
    lambda.stop_jobs().await;
    lambda.create(&Lambda::creation("f", "echo")).await.ok();
    lambda.hold_packages();
    lambda.release_packages();
    lambda.start_jobs();
    lambda.settled("f").await;
    assert_eq!(lambda.configuration("f").await["State"], "Active");
    assert_eq!(lambda.unpacked().len(), 1, "unpacked anew");
}

/// No call waits for a package: it lies unpacked once the function is active, and again soon after a crash.
#[tokio::test]
async fn an_active_functions_package_is_unpacked() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    assert_eq!(lambda.configuration("f").await["State"], "Active");
    let unpacked = lambda.unpacked();
    assert_eq!(unpacked.len(), 1);
    lambda.stop_jobs().await;
    lambda.hold_packages();
    lambda.start_jobs();
    lambda.until_packages_wanted(1).await;
    assert_eq!(lambda.unpacked(), [""; 0]);
    lambda.release_packages();
    while lambda.unpacked() != unpacked {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_function_whose_package_is_lost_fails() {
    let lambda = Lambda::new().await;
    lambda.stop_jobs().await;
    lambda.create(&Lambda::creation("f", "echo")).await.ok();
    lambda.lose_packages().await;
    lambda.start_jobs();
    lambda.settled("f").await;
    let shown = lambda.configuration("f").await;
    assert_eq!((&shown["State"], &shown["LastUpdateStatus"]), (&json!("Failed"), &json!("Failed")));
    let message = "The operation cannot be performed at this time. The function is currently in the following state: Failed";
    lambda.invoke("f", "{}").await.refuses(409, "ResourceConflictException", message);
}

#[tokio::test]
async fn logs_are_text_or_json_with_levels() {
    let lambda = Lambda::new().await;
    for (name, asked, shown) in [
        (
            "json",
            json!({ "LogFormat": "JSON" }),
            json!({ "LogFormat": "JSON", "ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO", "LogGroup": "/aws/lambda/json" }),
        ),
        (
            "levels",
            json!({ "LogFormat": "JSON", "ApplicationLogLevel": "TRACE", "SystemLogLevel": "WARN", "LogGroup": "own" }),
            json!({ "LogFormat": "JSON", "ApplicationLogLevel": "TRACE", "SystemLogLevel": "WARN", "LogGroup": "own" }),
        ),
    ] {
        let body = Lambda::creation_with(name, json!({ "LoggingConfig": asked }));
        assert_eq!(lambda.create(&body).await.ok()["LoggingConfig"], shown);
        lambda.settled(name).await;
        assert_eq!(lambda.configuration(name).await["LoggingConfig"], shown);
    }
    let message = "Log level is not supported when LogFormat is set to Text. Remove log level from your request or change \
                   the LogFormat to JSON and try again.";
    for asked in
        [json!({ "SystemLogLevel": "INFO" }), json!({ "LogFormat": "Text", "ApplicationLogLevel": "INFO" })]
    {
        let body = Lambda::creation_with("f", json!({ "LoggingConfig": asked }));
        lambda.create(&body).await.refuses(400, "InvalidParameterValueException", message);
    }
    lambda.get("/2015-03-31/functions/f/configuration").await.refuses(
        404,
        "ResourceNotFoundException",
        "Function not found: arn:aws:lambda:us-east-1:000000000000:function:f",
    );
}
