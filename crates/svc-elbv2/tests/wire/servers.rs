//! Target groups of addresses: real servers at ports of this machine.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use testkit::soon;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::{Elb, forward};

/// A server that answers with its name, and tells the heads and bodies of requests other than checks of its health.
struct Server {
    address: SocketAddr,
    /// What it answers its checks with; 0 is not to answer at all.
    health: Arc<AtomicU16>,
    told: mpsc::UnboundedReceiver<String>,
}

impl Server {
    async fn new(name: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (health, (tell, told)) = (Arc::new(AtomicU16::new(200)), mpsc::unbounded_channel());
        let well = Arc::clone(&health);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (tell, well) = (tell.clone(), Arc::clone(&well));
                tokio::spawn(async move {
                    let mut read = vec![0; 64 * 1024];
                    let mut length = 0;
                    loop {
                        let more = stream.read(&mut read[length..]).await.unwrap_or(0);
                        length += more;
                        let text = String::from_utf8_lossy(&read[..length]).into_owned();
                        let whole = text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
                            let wanted = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                            body.len() >= wanted.map_or(0, |wanted| wanted.parse().expect("a number"))
                        });
                        if more == 0 || whole {
                            break;
                        }
                    }
                    let text = String::from_utf8_lossy(&read[..length]).into_owned();
                    let status = if text.starts_with("GET /health ") {
                        well.load(Ordering::SeqCst)
                    } else {
                        let hangs = text.starts_with("GET /hang ");
                        // A test that is over hears nothing.
                        let _ = tell.send(text);
                        if hangs { 0 } else { 201 }
                    };
                    if status == 0 {
                        return std::future::pending().await;
                    }
                    let length = name.len();
                    let answer = format!(
                        "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nx-by: {name}\r\nconnection: close\r\n\r\n{name}"
                    );
                    let _ = stream.write_all(answer.as_bytes()).await;
                });
            }
        });
        Self { address, health, told }
    }

    async fn heard(&mut self) -> String {
        soon("a request", self.told.recv()).await.expect("the server is there")
    }
}

const GROUP: &str = "TargetType=ip&Protocol=HTTP&Port=80&VpcId=vpc-1&HealthCheckPath=/health&HealthCheckIntervalSeconds=10\
                     &HealthCheckTimeoutSeconds=5&HealthyThresholdCount=2&UnhealthyThresholdCount=2";

fn targets(group: &str, servers: &[&Server]) -> String {
    let member = |(at, server): (usize, &&Server)| {
        let (id, port) = (server.address.ip(), server.address.port());
        format!("&Targets.member.{0}.Id={id}&Targets.member.{0}.Port={port}", at + 1)
    };
    let members = servers.iter().enumerate().map(member).collect::<String>();
    format!("TargetGroupArn={group}{members}")
}

impl Elb {
    /// A group with these servers behind a load balancer; its ARN, and the load balancer's host.
    async fn serving(&self, servers: &[&Server]) -> (String, String) {
        let made = self.ok("CreateTargetGroup", format!("Name=ips&{GROUP}")).await;
        let group = crate::inner(&made, "TargetGroupArn");
        let (balancer, host) = self.balancer("web").await;
        self.listener(&balancer, 80, &forward("DefaultActions", &group)).await;
        if !servers.is_empty() {
            self.ok("RegisterTargets", targets(&group, servers)).await;
        }
        (group, host)
    }

    /// Waits until the states of a group's targets are these, in the order of their ports.
    async fn states(&self, group: &str, expected: &[&str]) {
        let states = async || {
            let shown = self.ok("DescribeTargetHealth", format!("TargetGroupArn={group}")).await;
            let mut states = shown
                .split("<TargetHealth>")
                .skip(1)
                .map(|one| crate::inner(one, "State"))
                .collect::<Vec<_>>();
            states.sort();
            states
        };
        let settled = async {
            while states().await != expected {
                tokio::task::yield_now().await;
                self.lambda.clock.advance(Duration::from_millis(10));
            }
        };
        soon("the states to change", settled).await;
    }
}

#[tokio::test]
async fn requests_go_to_servers_in_turn() {
    let elb = Elb::new().await;
    let (mut one, mut two) = (Server::new("one").await, Server::new("two").await);
    let (group, host) = elb.serving(&[&one, &two]).await;
    elb.states(&group, &["healthy", "healthy"]).await;
    let mut by = Vec::new();
    for _ in 0..4 {
        let answer = elb.send(&host, "POST", "/a%20b?q=1", &[("x-own", "1")], "body").await;
        assert_eq!((answer.status, answer.text()), (201, answer.header("x-by")));
        by.push(answer.header("x-by").to_owned());
    }
    assert!(by[0] != by[1] && by[0] == by[2] && by[1] == by[3], "{by:?}");
    for server in [&mut one, &mut two] {
        let request = server.heard().await.to_ascii_lowercase();
        assert!(request.starts_with("post /a%20b?q=1 http/1.1") && request.ends_with("body"), "{request}");
        let expected =
            ["x-own: 1", "x-forwarded-for: 127.0.0.1", "x-forwarded-proto: http", "x-amzn-trace-id: root="];
        for header in [&expected[..], &[&format!("host: {host}")]].concat() {
            assert!(
                request.contains(&format!("\r\n{}", header.to_ascii_lowercase())),
                "{header} in {request}"
            );
        }
    }
}

#[tokio::test]
async fn who_is_not_well_gets_nothing_unless_nobody_is() {
    let elb = Elb::new().await;
    let (one, two) = (Server::new("one").await, Server::new("two").await);
    let (group, host) = elb.serving(&[&one, &two]).await;
    elb.states(&group, &["healthy", "healthy"]).await;
    one.health.store(500, Ordering::SeqCst);
    elb.states(&group, &["healthy", "unhealthy"]).await;
    for _ in 0..3 {
        assert_eq!(elb.visit(&host, "/").await.text(), "two");
    }
    let shown = elb.ok("DescribeTargetHealth", format!("TargetGroupArn={group}")).await;
    assert!(shown.contains("Health checks failed with these codes: [500]"), "{shown}");
    two.health.store(0, Ordering::SeqCst);
    elb.states(&group, &["unhealthy", "unhealthy"]).await;
    assert_eq!(elb.visit(&host, "/").await.status, 201, "better one of them than none");
    one.health.store(200, Ordering::SeqCst);
    elb.states(&group, &["healthy", "unhealthy"]).await;
    assert_eq!(elb.visit(&host, "/").await.text(), "one");
}

#[tokio::test]
async fn a_client_stays_with_its_server() {
    let elb = Elb::new().await;
    let (one, two) = (Server::new("one").await, Server::new("two").await);
    let (group, host) = elb.serving(&[&one, &two]).await;
    elb.states(&group, &["healthy", "healthy"]).await;
    assert_eq!(elb.visit(&host, "/").await.header("set-cookie"), "");
    let sticky = "Attributes.member.1.Key=stickiness.enabled&Attributes.member.1.Value=true&\
                  Attributes.member.2.Key=stickiness.lb_cookie.duration_seconds&Attributes.member.2.Value=60";
    elb.ok("ModifyTargetGroupAttributes", format!("TargetGroupArn={group}&{sticky}")).await;
    let first = elb.visit(&host, "/").await;
    let cookie = first.header("set-cookie");
    assert!(cookie.starts_with("AWSALB=") && cookie.contains("; Path=/"), "{cookie}");
    let cookie = cookie.split(';').next().expect("a cookie");
    for _ in 0..3 {
        let again = elb.send(&host, "GET", "/", &[("cookie", &format!("a=1; {cookie}"))], "").await;
        assert_eq!(again.text(), first.text());
    }
}

#[tokio::test]
async fn what_can_go_wrong_with_servers() {
    let elb = Elb::new().await;
    let mut server = Server::new("one").await;
    let (group, host) = elb.serving(&[]).await;
    assert_eq!(elb.visit(&host, "/").await.status, 503, "nobody is registered");
    let gone = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = gone.local_addr().expect("an address").port();
    drop(gone);
    let one = format!("TargetGroupArn={group}&Targets.member.1.Id=127.0.0.1&Targets.member.1.Port={port}");
    elb.ok("RegisterTargets", one.clone()).await;
    assert_eq!(elb.visit(&host, "/").await.status, 502, "nobody listens");
    elb.ok("DeregisterTargets", one.clone()).await;
    let draining = elb.ok("DescribeTargetHealth", format!("TargetGroupArn={group}")).await;
    assert!(draining.contains("<State>draining</State>"), "{draining}");
    assert_eq!(elb.visit(&host, "/").await.status, 503, "who drains gets nothing new");
    elb.lambda.clock.advance(Duration::from_secs(300));
    let left = elb.ok("DescribeTargetHealth", format!("TargetGroupArn={group}")).await;
    assert!(!left.contains("<State>"), "{left}");
    elb.refused("DeregisterTargets", &one, "InvalidTarget", "not in the target group").await;
    elb.ok("RegisterTargets", targets(&group, &[&server])).await;
    let slow = async { elb.visit(&host, "/hang").await.status };
    let late = async {
        server.heard().await;
        elb.lambda.clock.advance(Duration::from_secs(60));
    };
    assert_eq!(tokio::join!(slow, late).0, 504);
    elb.refused(
        "RegisterTargets",
        &format!("TargetGroupArn={group}&Targets.member.1.Id=host"),
        "ValidationError",
        "is not a valid",
    )
    .await;
    let slow_start = "Attributes.member.1.Key=slow_start.duration_seconds&Attributes.member.1.Value=30";
    let set = format!("TargetGroupArn={group}&{slow_start}");
    elb.refused("ModifyTargetGroupAttributes", &set, "NotImplementedException", "slow_start").await;
}
