//! `ListObjects`, `ListObjectsV2` and `ListObjectVersions` over the wire.

use testkit::S3;

#[tokio::test]
async fn pages_follow_each_other() {
    let s3 = S3::with_bucket().await;
    let keys = ["a/1", "a/2", "b/1", "c", "d%20%2B", "e/f/g"];
    for key in keys {
        s3.put(key, "x").await;
    }
    let (mut found, mut token) = (Vec::new(), String::new());
    loop {
        let path = format!("/b-1?list-type=2&max-keys=2&encoding-type=url{token}");
        let page = s3.ask("GET", &path, &[], "").await;
        found.extend(page.elements("Key").into_iter().map(str::to_owned));
        if page.element("IsTruncated") == "false" {
            break;
        }
        token = format!("&continuation-token={}", page.element("NextContinuationToken"));
    }
    assert_eq!(found, keys);
    let (mut found, mut marker) = (Vec::new(), String::new());
    loop {
        let page = s3.ask("GET", &format!("/b-1?max-keys=1&delimiter=/{marker}"), &[], "").await;
        found.extend(page.elements("Key").into_iter().map(str::to_owned));
        // The first is the request's own.
        found.extend(page.elements("Prefix").into_iter().skip(1).map(str::to_owned));
        if page.element("IsTruncated") == "false" {
            break;
        }
        marker = format!("&marker={}", page.element("NextMarker").replace(' ', "%20").replace('+', "%2B"));
    }
    assert_eq!(found, ["a/", "b/", "c", "d +", "e/"]);
    let page = s3.ask("GET", "/b-1?list-type=2&prefix=a/&start-after=a/1&fetch-owner=true", &[], "").await;
    assert_eq!((page.elements("Key"), page.element("KeyCount")), (vec!["a/2"], "1"));
    assert_eq!(page.element("ID").len(), 64);
    let none = s3.ask("GET", "/b-1?list-type=2&max-keys=0", &[], "").await;
    assert_eq!((none.element("KeyCount"), none.element("IsTruncated")), ("0", "false"));
    s3.ask("GET", "/b-1?max-keys=-1", &[], "").await.refuses_as_s3(400, "InvalidArgument");
    let wrong = s3.ask("GET", "/b-1?list-type=2&continuation-token=x", &[], "").await;
    wrong.refuses_as_s3(400, "InvalidArgument");
}

#[tokio::test]
async fn versions_are_told_newest_first() {
    let s3 = S3::with_bucket().await;
    let versioning = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    s3.put("k", "0").await;
    s3.ask("PUT", "/b-1?versioning", &[], versioning).await.is(200, "");
    let first = s3.put("k", "1").await;
    let second = s3.put("k", "2").await;
    s3.put("l/1", "x").await;
    let marker = s3.ask("DELETE", "/b-1/k", &[], "").await;
    assert_eq!((marker.status, marker.header("x-amz-delete-marker")), (204, "true"));
    let marker = marker.header("x-amz-version-id").to_owned();
    let all = s3.ask("GET", "/b-1?versions&prefix=k", &[], "").await;
    assert_eq!(all.elements("VersionId"), [second.as_str(), &first, "null", &marker]);
    assert_eq!(all.elements("IsLatest"), ["false", "false", "false", "true"]);
    let (mut found, mut next) = (Vec::new(), String::new());
    loop {
        let page = s3.ask("GET", &format!("/b-1?versions&max-keys=1&delimiter=/{next}"), &[], "").await;
        found.extend(page.elements("VersionId").into_iter().map(str::to_owned));
        if page.element("IsTruncated") == "false" {
            assert_eq!(page.elements("Prefix"), ["", "l/"]);
            break;
        }
        let (key, version) = (page.element("NextKeyMarker"), page.element("NextVersionIdMarker"));
        next = format!("&key-marker={key}&version-id-marker={version}");
    }
    assert_eq!(found, [marker, second, first, "null".to_owned()]);
    assert!(s3.ask("GET", "/b-1", &[], "").await.elements("Key") == ["l/1"]);
}
