//! Exports into a bucket, over the wire.

use std::io::Read as _;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use flate2::read::GzDecoder;
use md5::{Digest as _, Md5};
use serde_json::{Value as Json, json};
use svc_dynamodb::Config;
use testkit::{Answer, EPOCH_MS, S3, dynamo_table};

const ARN: &str = "arn:aws:dynamodb:us-east-1:000000000000:table/tab";

/// A table `tab` that can be recovered, beside an empty bucket `b-1`.
async fn both() -> S3 {
    let s3 = S3::beside(svc_dynamodb::services(Config::default()).into()).await;
    s3.start_jobs();
    s3.ask("PUT", "/b-1", &[], "").await.is(200, "");
    dynamo(&s3, "CreateTable", dynamo_table("tab", "h:S", None)).await.ok();
    s3.until("an active table", || async {
        let table = dynamo(&s3, "DescribeTable", json!({ "TableName": "tab" })).await.ok();
        table["Table"]["TableStatus"] == "ACTIVE"
    })
    .await;
    let set = json!({ "PointInTimeRecoveryEnabled": true });
    let body = json!({ "TableName": "tab", "PointInTimeRecoverySpecification": set });
    dynamo(&s3, "UpdateContinuousBackups", body).await.ok();
    s3
}

async fn dynamo(s3: &S3, operation: &str, body: Json) -> Answer {
    s3.json("DynamoDB", operation, &body).await
}

async fn put(s3: &S3, key: &str, value: u32) {
    let item = json!({ "h": { "S": key }, "v": { "N": value.to_string() } });
    dynamo(s3, "PutItem", json!({ "TableName": "tab", "Item": item })).await.ok();
}

async fn delete(s3: &S3, key: &str) {
    dynamo(s3, "DeleteItem", json!({ "TableName": "tab", "Key": { "h": { "S": key } } })).await.ok();
}

async fn export(s3: &S3, mut more: Json) -> Answer {
    more["TableArn"] = ARN.into();
    if more["S3Bucket"].is_null() {
        more["S3Bucket"] = "b-1".into();
    }
    dynamo(s3, "ExportTableToPointInTime", more).await
}

/// Waits until the export is over.
async fn over(s3: &S3, begun: &Answer) -> Json {
    let arn = begun.ok()["ExportDescription"]["ExportArn"].clone();
    let describe = || async {
        let described = dynamo(s3, "DescribeExport", json!({ "ExportArn": arn })).await.ok();
        described["ExportDescription"].clone()
    };
    s3.until("an export", || async { describe().await["ExportStatus"] != "IN_PROGRESS" }).await;
    describe().await
}

async fn object(s3: &S3, key: &str) -> Vec<u8> {
    let answer = s3.ask("GET", &format!("/b-1/{key}"), &[], "").await;
    assert_eq!(answer.status, 200, "{key}");
    answer.body.to_vec()
}

/// A manifest, whose checksum must be right.
async fn manifest(s3: &S3, key: &str) -> String {
    let text = object(s3, key).await;
    let checksum = object(s3, &format!("{}.md5", key.trim_end_matches(".json"))).await;
    assert_eq!(BASE64.encode(Md5::digest(&text)).as_bytes(), checksum);
    String::from_utf8(text).expect("a text")
}

/// What an export's files say, line by line, in order.
async fn lines(s3: &S3, described: &Json) -> Vec<Json> {
    let summary = manifest(s3, described["ExportManifest"].as_str().expect("a manifest")).await;
    let summary: Json = serde_json::from_str(&summary).expect("JSON");
    assert_eq!(summary["exportArn"], described["ExportArn"]);
    assert_eq!(summary["itemCount"], described["ItemCount"]);
    let files = manifest(s3, summary["manifestFilesS3Key"].as_str().expect("a key")).await;
    let mut lines = Vec::new();
    for file in files.lines() {
        let file: Json = serde_json::from_str(file).expect("JSON");
        let content = object(s3, file["dataFileS3Key"].as_str().expect("a key")).await;
        assert_eq!(file["md5Checksum"], BASE64.encode(Md5::digest(&content)));
        let mut text = String::new();
        GzDecoder::new(&content[..]).read_to_string(&mut text).expect("gzip");
        assert_eq!(file["itemCount"], text.lines().count());
        lines.extend(text.lines().map(|line| serde_json::from_str::<Json>(line).expect("JSON")));
    }
    lines.sort_by_key(Json::to_string);
    lines
}

fn minutes(count: i64) -> Json {
    json!(EPOCH_MS / 1000 + count * 60)
}

#[tokio::test]
async fn a_table_is_exported_as_it_was() {
    let s3 = both().await;
    for n in 0..300 {
        put(&s3, &format!("k{n:03}"), 1).await;
    }
    s3.clock.advance(Duration::from_secs(600));
    put(&s3, "k000", 2).await;
    delete(&s3, "k001").await;
    let begun = export(&s3, json!({ "ExportTime": minutes(5), "S3Prefix": "some/where" })).await;
    let description = &begun.ok()["ExportDescription"];
    assert_eq!(
        (&description["ExportStatus"], &description["ExportType"]),
        (&json!("IN_PROGRESS"), &Json::Null)
    );
    put(&s3, "k002", 3).await;
    let described = over(&s3, &begun).await;
    assert_eq!((&described["ExportStatus"], &described["ItemCount"]), (&json!("COMPLETED"), &json!(300)));
    assert!(
        described["ExportManifest"].as_str().is_some_and(|key| key.starts_with("some/where/AWSDynamoDB/0"))
    );
    let expected =
        (0..300).map(|n| json!({ "Item": { "h": { "S": format!("k{n:03}") }, "v": { "N": "1" } } }));
    assert_eq!(lines(&s3, &described).await, expected.collect::<Vec<_>>());
    let listed = dynamo(&s3, "ListExports", json!({ "TableArn": ARN })).await.ok();
    assert_eq!(listed["ExportSummaries"][0]["ExportArn"], described["ExportArn"]);

    let latest = over(&s3, &export(&s3, json!({ "ExportType": "FULL_EXPORT" })).await).await;
    assert_eq!((&latest["ItemCount"], &latest["ExportType"]), (&json!(299), &json!("FULL_EXPORT")));
    s3.until("nothing of it is left", || async { s3.rows(614).await + s3.rows(616).await == 0 }).await;
}

#[tokio::test]
async fn changes_are_exported() {
    let s3 = both().await;
    for key in ["changed", "deleted", "left"] {
        put(&s3, key, 1).await;
    }
    s3.clock.advance(Duration::from_secs(30 * 60));
    put(&s3, "changed", 2).await;
    put(&s3, "changed", 3).await;
    delete(&s3, "deleted").await;
    put(&s3, "made", 1).await;
    put(&s3, "brief", 1).await;
    delete(&s3, "brief").await;
    s3.clock.advance(Duration::from_secs(30 * 60));
    put(&s3, "changed", 4).await;
    put(&s3, "left", 2).await;
    let from = |minutes: i64, to: i64, view: &str| {
        let time = |at: i64| self::minutes(at);
        let stretch =
            json!({ "ExportFromTime": time(minutes), "ExportToTime": time(to), "ExportViewType": view });
        json!({ "ExportType": "INCREMENTAL_EXPORT", "IncrementalExportSpecification": stretch })
    };
    let item = |key: &str, value: u32| json!({ "h": { "S": key }, "v": { "N": value.to_string() } });
    let both_images = over(&s3, &export(&s3, from(20, 50, "NEW_AND_OLD_IMAGES")).await).await;
    let mut found = lines(&s3, &both_images).await;
    for line in &mut found {
        let micros = line["Metadata"]["WriteTimestampMicros"].as_str().expect("a time").parse::<i64>();
        assert_eq!(micros.expect("a number") / 1_000_000, EPOCH_MS / 1000 + 30 * 60);
        line["Metadata"].take();
    }
    let key = |key: &str| json!({ "h": { "S": key } });
    assert_eq!(
        found,
        [
            json!({ "Metadata": null, "Keys": key("changed"), "OldImage": item("changed", 1), "NewImage": item("changed", 3) }),
            json!({ "Metadata": null, "Keys": key("deleted"), "OldImage": item("deleted", 1) }),
            json!({ "Metadata": null, "Keys": key("made"), "NewImage": item("made", 1) }),
        ]
    );
    let new = over(&s3, &export(&s3, from(20, 50, "NEW_IMAGE")).await).await;
    assert!(lines(&s3, &new).await.iter().all(|line| line["OldImage"].is_null()));
    let short = export(&s3, from(20, 30, "NEW_IMAGE")).await;
    let message =
        "Difference between export period from time and export period to time is less than 15 minutes";
    short.refuses(400, "ValidationException", message);
}

#[tokio::test]
async fn an_export_that_cannot_be_is_refused_or_fails() {
    let s3 = both().await;
    put(&s3, "a", 1).await;
    let failed = over(&s3, &export(&s3, json!({ "S3Bucket": "b-none" })).await).await;
    assert_eq!(
        (&failed["ExportStatus"], &failed["FailureCode"]),
        (&json!("FAILED"), &json!("S3NoSuchBucket"))
    );
    assert_eq!(failed["FailureMessage"], "The specified bucket does not exist");
    let early = export(&s3, json!({ "ExportTime": minutes(-5) })).await;
    let message = "The specified ExportTime is outside of the point in time recovery window";
    early.refuses(400, "InvalidExportTimeException", message);
    for body in [
        json!({ "ExportFormat": "ION" }),
        json!({ "S3SseAlgorithm": "KMS" }),
        json!({ "FilterSpecification": { "FilterExpression": "h = :h" } }),
    ] {
        assert_eq!(export(&s3, body).await.status, 501);
    }
    let missing = dynamo(&s3, "DescribeExport", json!({ "ExportArn": ARN })).await;
    missing.refuses(400, "ValidationException", &format!("Invalid Export ARN: {ARN}"));
    let arn = format!("{ARN}/export/01795428672345-00000000");
    let missing = dynamo(&s3, "DescribeExport", json!({ "ExportArn": arn })).await;
    missing.refuses(400, "ExportNotFoundException", &format!("Export not found: {arn}"));

    let first = export(&s3, json!({ "ClientToken": "t" })).await.ok();
    let again = export(&s3, json!({ "ClientToken": "t" })).await.ok();
    assert_eq!(first["ExportDescription"]["ExportArn"], again["ExportDescription"]["ExportArn"]);
    let other = export(&s3, json!({ "ClientToken": "t", "S3Prefix": "other" })).await;
    let message = "Duplicate request detected: the ClientToken was used for an export with other parameters";
    other.refuses(400, "ExportConflictException", message);

    let set = json!({ "PointInTimeRecoveryEnabled": false });
    let body = json!({ "TableName": "tab", "PointInTimeRecoverySpecification": set });
    dynamo(&s3, "UpdateContinuousBackups", body).await.ok();
    let message = "Point in time recovery is not enabled for table 'tab'";
    export(&s3, json!({})).await.refuses(400, "PointInTimeRecoveryUnavailableException", message);
}
