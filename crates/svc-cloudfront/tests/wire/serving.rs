//! Requests to distributions with a server behind: what it sees, what is kept and for how long.

use std::time::Duration;

use testkit::Hook;

use crate::{CloudFront, DISABLED, OPTIMIZED, cached_by, config, server};

/// The legacy settings: nothing is forwarded, and responses are kept for so long.
fn legacy(min: u64, default: u64, max: u64) -> String {
    format!(
        "<ForwardedValues><QueryString>false</QueryString><Cookies><Forward>none</Forward></Cookies></ForwardedValues>\
         <MinTTL>{min}</MinTTL><DefaultTTL>{default}</DefaultTTL><MaxTTL>{max}</MaxTTL>"
    )
}

#[tokio::test]
async fn responses_are_kept_as_long_as_they_are_fresh() {
    let front = CloudFront::new().await;
    let answers =
        ["200 OK\r\netag: \"1\"\n\none", "304 Not Modified\r\netag: \"1\"", "200 OK\r\netag: \"2\"\n\ntwo"];
    let hook = Hook::new(&front.s3, &answers).await;
    let (_, host) = front.distribution(&config("r", &server(&hook), &legacy(0, 10, 100), "")).await;
    let first = front.get(&host, "/a?x=1").await;
    first.is(200, "one");
    assert_eq!(first.header("x-cache"), "Miss from cloudfront");
    front.s3.clock.advance(Duration::from_secs(9));
    let second = front.get(&host, "/a?x=2").await;
    second.is(200, "one");
    assert_eq!((second.header("x-cache"), second.header("age")), ("Hit from cloudfront", "9"));
    front.s3.clock.advance(Duration::from_secs(2));
    let third = front.get(&host, "/a").await;
    third.is(200, "one");
    assert_eq!(third.header("x-cache"), "RefreshHit from cloudfront");
    assert_eq!(front.get(&host, "/a").await.header("x-cache"), "Hit from cloudfront");
    front.s3.clock.advance(Duration::from_secs(11));
    front.get(&host, "/a").await.is(200, "two");
    let got = hook.got(3).await;
    assert_eq!((got.len(), got[0].header("if-none-match"), got[1].header("if-none-match")), (3, "", "\"1\""));
}

#[tokio::test]
async fn servers_see_what_is_configured() {
    let front = CloudFront::new().await;
    let hook = Hook::new(&front.s3, &[]).await;
    let behavior = "<OriginRequestPolicyId>216adef6-5c7f-47e4-b989-5492eafa07d3</OriginRequestPolicyId>"
        .to_owned()
        + &cached_by(DISABLED);
    let (_, all) = front.distribution(&config("all", &server(&hook), &behavior, "")).await;
    let (_, none) = front.distribution(&config("none", &server(&hook), &cached_by(DISABLED), "")).await;
    let sent = [
        ("cookie", "a=1"),
        ("x-own", "1"),
        ("user-agent", "me"),
        ("authorization", "Basic eA=="),
        ("connection", "close"),
        ("x-forwarded-for", "192.0.2.1"),
    ];
    for host in [&all, &none] {
        assert_eq!(front.visit(host, "GET", "/p%20q?x=1", &sent).await.status, 200);
    }
    let got = hook.got(2).await;
    assert_eq!((got[0].path.as_str(), got[1].path.as_str()), ("/p%20q?x=1", "/p%20q"));
    for (name, with, without) in [
        ("cookie", "a=1", ""),
        ("x-own", "1", ""),
        ("user-agent", "me", "Amazon CloudFront"),
        ("authorization", "Basic eA==", ""),
        ("x-forwarded-for", "192.0.2.1, 127.0.0.1", "192.0.2.1, 127.0.0.1"),
        ("host", &all, &hook.address),
    ] {
        assert_eq!((got[0].header(name), got[1].header(name)), (with, without), "{name}");
    }
    assert!(got[0].header("via").ends_with(".cloudfront.net (CloudFront)"));
}

#[tokio::test]
async fn errors_are_kept_for_a_while_and_have_pages() {
    let front = CloudFront::new().await;
    let answers = ["404 Not Found\n\nnone", "200 OK\n\nsorry"];
    let hook = Hook::new(&front.s3, &answers).await;
    let pages = "<CustomErrorResponses><Quantity>1</Quantity><Items><CustomErrorResponse><ErrorCode>404</ErrorCode>\
                 <ResponsePagePath>/sorry</ResponsePagePath><ResponseCode>200</ResponseCode>\
                 <ErrorCachingMinTTL>60</ErrorCachingMinTTL></CustomErrorResponse></Items></CustomErrorResponses>";
    let (_, host) = front.distribution(&config("r", &server(&hook), &cached_by(OPTIMIZED), pages)).await;
    for _ in 0..3 {
        let answer = front.get(&host, "/gone").await;
        answer.is(200, "sorry");
        assert_eq!(answer.header("x-cache"), "Error from cloudfront");
    }
    let got = hook.got(2).await;
    assert_eq!(got.iter().map(|got| got.path.as_str()).collect::<Vec<_>>(), ["/gone", "/sorry"]);
}

#[tokio::test]
async fn a_server_that_fails_is_a_bad_gateway_unless_something_is_kept() {
    let front = CloudFront::new().await;
    let hook = Hook::new(&front.s3, &["200 OK\n\nkept", "500 Oops"]).await;
    let (_, host) = front.distribution(&config("r", &server(&hook), &legacy(0, 10, 100), "")).await;
    front.get(&host, "/a").await.is(200, "kept");
    front.s3.clock.advance(Duration::from_secs(11));
    front.get(&host, "/a").await.is(200, "kept");
    let nobody = server(&hook).replace("127.0.0.1", "nobody.invalid");
    let (_, host) = front.distribution(&config("s", &nobody, &cached_by(DISABLED), "")).await;
    let answer = front.get(&host, "/").await;
    assert_eq!((answer.status, answer.header("x-cache")), (502, "Error from cloudfront"));
    assert!(answer.text().contains("<H1>502 ERROR</H1>"));
}

#[tokio::test]
async fn one_fetch_is_for_all_who_want_the_same() {
    let front = CloudFront::new().await;
    let hook = Hook::new(&front.s3, &["200 OK\n\nonce"]).await;
    let (_, host) = front.distribution(&config("r", &server(&hook), &cached_by(OPTIMIZED), "")).await;
    let all = futures_util::future::join_all((0..20).map(|_| front.get(&host, "/a"))).await;
    assert!(all.iter().all(|answer| answer.text() == "once"));
    assert_eq!(hook.got(1).await.len(), 1);
}

#[tokio::test]
async fn a_distribution_is_not_its_own_origin() {
    let front = CloudFront::new().await;
    let hook = Hook::new(&front.s3, &[]).await;
    let (id, host) = front.distribution(&config("r", &server(&hook), &cached_by(OPTIMIZED), "")).await;
    let config_path = format!("distribution/{id}/config");
    let etag = front.ok("GET", &config_path, None, "").await.header("etag").to_owned();
    let own = server(&hook).replace("127.0.0.1", &host);
    front.ok("PUT", &config_path, Some(&etag), &config("r", &own, &cached_by(OPTIMIZED), "")).await;
    assert_eq!(front.get(&host, "/").await.status, 403);
}

#[tokio::test]
async fn methods_are_those_of_the_behavior() {
    let front = CloudFront::new().await;
    let hook = Hook::new(&front.s3, &[]).await;
    let every =
        "<PathPattern>/api/*</PathPattern><TargetOriginId>o</TargetOriginId><ViewerProtocolPolicy>allow-all\
                 </ViewerProtocolPolicy><AllowedMethods><Quantity>7</Quantity><Items><Method>GET</Method>\
                 <Method>HEAD</Method><Method>POST</Method><Method>PUT</Method><Method>PATCH</Method>\
                 <Method>OPTIONS</Method><Method>DELETE</Method></Items></AllowedMethods>"
            .to_owned()
            + &cached_by(DISABLED);
    let behaviors = format!(
        "<CacheBehaviors><Quantity>1</Quantity><Items><CacheBehavior>{every}</CacheBehavior></Items></CacheBehaviors>"
    );
    let (_, host) = front.distribution(&config("r", &server(&hook), &cached_by(OPTIMIZED), &behaviors)).await;
    assert_eq!(front.visit(&host, "POST", "/api/x", &[]).await.status, 200);
    let refused = front.visit(&host, "POST", "/x", &[]).await;
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("supports only cachable requests"));
}
