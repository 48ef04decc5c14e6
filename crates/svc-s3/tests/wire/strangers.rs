//! Other accounts, as far as a bucket's policy lets them in.

use api_s3::{DeleteObjectInput, GetObjectInput, ListObjectsV2Input, PutObjectInput};
use bytes::Bytes;
use service::Caller;
use testkit::S3;

fn statement(action: &str, resource: &str) -> String {
    format!(
        r#"{{"Effect":"Allow","Principal":{{"AWS":"111111111111"}},"Action":"{action}","Resource":"arn:aws:s3:::{resource}"}}"#
    )
}

async fn set_policy(s3: &S3, statements: &[String]) {
    let policy = format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","));
    s3.ask("PUT", "/b-1?policy", &[], policy).await.is(200, "");
}

#[tokio::test]
async fn another_account_may_do_what_the_policy_says_and_no_more() {
    let s3 = S3::with_bucket().await;
    s3.put("k", "owned").await;
    let other = s3.platform.ctx(Caller::root("111111111111", "us-east-1"), "other".into());
    let bucket = || "b-1".to_owned();
    let get = |key: &str| {
        other.call(GetObjectInput { bucket: bucket(), key: key.to_owned(), ..Default::default() })
    };
    let put = || {
        let body = Some(Bytes::from_static(b"theirs").into());
        other.call(PutObjectInput { bucket: bucket(), key: "in/k".to_owned(), body, ..Default::default() })
    };
    let list = || other.call(ListObjectsV2Input { bucket: bucket(), ..Default::default() });
    let delete =
        || other.call(DeleteObjectInput { bucket: bucket(), key: "k".to_owned(), ..Default::default() });

    assert_eq!(get("k").await.expect_err("no policy").code, "AccessDenied");
    set_policy(&s3, &[statement("s3:GetObject", "b-1/k*"), statement("s3:PutObject", "b-1/in/*")]).await;
    assert_eq!(get("k").await.expect("it may read").content_length, Some(5));
    // Whoever may not list hears nothing of what is missing.
    assert_eq!(get("k-missing").await.expect_err("none").code, "AccessDenied");
    put().await.expect("it may write");
    assert_eq!(get("in/k").await.expect_err("reading is another right").code, "AccessDenied");
    assert_eq!(s3.ask("GET", "/b-1/in/k", &[], "").await.text(), "theirs");
    assert_eq!(list().await.expect_err("listing is another right").code, "AccessDenied");
    assert_eq!(delete().await.expect_err("so is deleting").code, "AccessDenied");

    let statements = ["s3:GetObject", "s3:DeleteObject"].map(|action| statement(action, "b-1/*"));
    set_policy(&s3, &[statements.as_slice(), &[statement("s3:ListBucket", "b-1")]].concat()).await;
    assert_eq!(get("k-missing").await.expect_err("none").code, "NoSuchKey");
    assert_eq!(list().await.expect("it may list").key_count, Some(2));
    delete().await.expect("it may delete");
    assert_eq!(s3.ask("GET", "/b-1/k", &[], "").await.status, 404);
    assert_eq!(put().await.expect_err("no more").code, "AccessDenied");
}
