//! Packages by presigned URL, over sockets.

use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use testkit::{Connection, Lambda, package_of, soon};
use tokio::net::TcpListener;

/// Enough for several pieces, and of a kind that no zip makes smaller.
fn noise() -> Vec<u8> {
    let mut state = 1_u32;
    let byte = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..300_000).map(byte).collect()
}

async fn serve(lambda: &Lambda) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let address = listener.local_addr().expect("an address");
    let gateway = lambda.wire.gateway.clone();
    tokio::spawn(async move {
        gateway.serve(listener, std::future::pending(), std::future::pending()).await;
    });
    address
}

async fn connect(address: SocketAddr) -> Connection {
    Connection::open(address).await.expect("the door is open")
}

/// The path and query of a URL that leads to the client's own `Host`.
fn target(url: &Value) -> String {
    let url = url.as_str().expect("a location");
    url.strip_prefix("http://localhost").expect("as the client reached us").to_owned()
}

/// A function `f`, its package, and where the package can be had.
async fn with_function(lambda: &Lambda, connection: &mut Connection) -> (Vec<u8>, String) {
    let package = package_of(&[("noise", 0o644, &noise())]);
    let mut body = Lambda::creation("f", "echo");
    body["Code"] = json!({ "ZipFile": BASE64.encode(&package) });
    lambda.create(&body).await.ok();
    let shown = connection.send("GET", "/2015-03-31/functions/f", &[], b"").await.expect("an answer");
    let shown = serde_json::from_slice::<Value>(&shown.body).expect("JSON");
    assert_eq!(shown["Code"]["RepositoryType"], "S3");
    (package, target(&shown["Code"]["Location"]))
}

#[tokio::test]
async fn a_location_downloads_until_it_expires() {
    let lambda = Lambda::new().await;
    let mut connection = connect(serve(&lambda).await).await;
    let (package, location) = with_function(&lambda, &mut connection).await;
    for after_s in [0, 599] {
        lambda.clock.advance(Duration::from_secs(after_s));
        let reply = connection.send("GET", &location, &[], b"").await.expect("an answer");
        assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/zip")));
        assert!(reply.body == package, "{} bytes", reply.body.len());
    }
    lambda.clock.advance(Duration::from_secs(2));
    let late = connection.send("GET", &location, &[], b"").await.expect("an answer");
    assert_eq!(late.status, 403, "{}", late.text());
    assert!(late.text().contains("<Message>Request has expired</Message>"), "{}", late.text());
}

#[tokio::test]
async fn only_what_was_signed_is_given() {
    let lambda = Lambda::new().await;
    let mut connection = connect(serve(&lambda).await).await;
    let (_, location) = with_function(&lambda, &mut connection).await;
    let (path, query) = location.split_once('?').expect("a query");
    let other = format!("{}{}", &path[..path.len() - 64], "ab".repeat(32));
    for (target, status) in [
        (path.to_owned(), 403),
        (format!("{other}?{query}"), 403),
        (location.replace("X-Amz-Expires=600", "X-Amz-Expires=6000"), 403),
    ] {
        let reply = connection.send("GET", &target, &[], b"").await.expect("an answer");
        assert_eq!(reply.status, status, "{target}: {}", reply.text());
    }
    let put = connection.send("PUT", &location, &[], b"").await.expect("an answer");
    assert_eq!(put.status, 403, "{}", put.text());
}

#[tokio::test]
async fn a_layers_location_downloads_too() {
    let lambda = Lambda::new().await;
    lambda.layer("l", &[("a", "1")]).await;
    let mut connection = connect(serve(&lambda).await).await;
    let shown = connection.send("GET", "/2018-10-31/layers/l/versions/1", &[], b"").await;
    let shown = serde_json::from_slice::<Value>(&shown.expect("an answer").body).expect("JSON");
    let location = target(&shown["Content"]["Location"]);
    let reply = connection.send("GET", &location, &[], b"").await.expect("an answer");
    assert_eq!(reply.body.len() as u64, shown["Content"]["CodeSize"]);
}

#[tokio::test]
async fn a_lost_package_is_a_404_and_a_damaged_one_breaks_off() {
    let lambda = Lambda::new().await;
    let address = serve(&lambda).await;
    let mut connection = connect(address).await;
    let (package, location) = with_function(&lambda, &mut connection).await;
    lambda.damage_packages().await;
    let mut broken = connect(address).await;
    let reply = soon("the connection to end", broken.send("GET", &location, &[], b"")).await;
    assert!(reply.is_err(), "{} bytes of a package whose last is wrong", package.len());
    lambda.lose_packages().await;
    let reply = connection.send("GET", &location, &[], b"").await.expect("an answer");
    assert_eq!((reply.status, reply.text().contains("<Code>NoSuchKey</Code>")), (404, true));
}
