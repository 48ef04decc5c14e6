//! `GetLayerVersion` and `GetLayerVersionByArn` over the wire.

use testkit::Lambda;

const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:layer:l";

#[tokio::test]
async fn a_version_is_found_by_each_of_its_names() {
    let lambda = Lambda::new().await;
    lambda.layer("l", &[("a", "1")]).await;
    let second = lambda.layer("l", &[("a", "2")]).await;
    for path in [
        "l/versions/2".to_owned(),
        format!("{}/versions/2", ARN.replace(':', "%3A")),
        format!("?find=LayerVersion&Arn={ARN}:2"),
    ] {
        let path = format!("/2018-10-31/layers/{path}").replace("/?", "?");
        let mut shown = lambda.get(&path).await.ok();
        // A place to download it from is made anew each time.
        let mut published = second.clone();
        for shown in [&mut shown, &mut published] {
            shown["Content"].as_object_mut().expect("content").remove("Location");
        }
        assert_eq!(shown, published, "{path}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_refused() {
    let lambda = Lambda::new().await;
    lambda.layer("l", &[("a", "1")]).await;
    let (bad, missing) = ("InvalidParameterValueException", "ResourceNotFoundException");
    for (path, status, code, message) in [
        ("l/versions/2", 404, missing, "The resource you requested does not exist."),
        ("m/versions/1", 404, missing, "The resource you requested does not exist."),
        ("l/versions/0", 400, bad, "Layer Version Cannot be less than 1"),
        (
            "?find=LayerVersion&Arn=arn:aws:lambda:us-east-1:000000000000:layer:l:2",
            404,
            missing,
            "The resource you requested does not exist.",
        ),
    ] {
        let path = format!("/2018-10-31/layers/{path}").replace("/?", "?");
        lambda.get(&path).await.refuses(status, code, message);
    }
    let pattern = lambda.get("/2018-10-31/layers?find=LayerVersion&Arn=l").await;
    assert_eq!((pattern.status, pattern.header("x-amzn-errortype")), (400, "ValidationException"));
}
