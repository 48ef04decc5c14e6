//! Listeners at ports of this machine.

use std::io;
use std::net::{IpAddr, Ipv4Addr, TcpListener as StdListener};
use std::sync::{Arc, Mutex, OnceLock};

use gateway::Gateway;
use service::Site;
use svc_elbv2::{OpenPort, Ports};
use testkit::soon;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::{Elb, fixed, inner, listening};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Opens ports as the platform does.
#[derive(Default)]
struct Local(Mutex<Arc<OnceLock<Gateway>>>);

impl Ports for Local {
    fn address(&self) -> IpAddr {
        HERE
    }

    fn open(&self, port: u16, site: Arc<dyn Site>) -> io::Result<OpenPort> {
        let gateway = self.0.lock().expect("nobody panics").get().cloned().ok_or(io::ErrorKind::NotFound)?;
        let listener = StdListener::bind((HERE, port))?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let (stop, (tell, closed)) = (CancellationToken::new(), oneshot::channel());
        let stopped = stop.clone().cancelled_owned();
        tokio::spawn(async move {
            let left = gateway.serve_site(listener, (svc_elbv2::API, site), stopped).await;
            let _ = tell.send(());
            left.finish(std::future::ready(())).await;
        });
        Ok(OpenPort::new(stop, closed))
    }
}

async fn elb() -> Elb {
    let ports = Arc::new(Local::default());
    let (elb, gateway) = Elb::with(Some(Arc::clone(&ports) as Arc<dyn Ports>)).await;
    *ports.0.lock().expect("nobody panics") = gateway;
    elb
}

/// A listener at a port that was free a moment ago; its ARN and port.
async fn listen(elb: &Elb, balancer: &str, text: &str) -> (String, u16) {
    loop {
        let free = StdListener::bind((HERE, 0)).expect("a port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        let answer =
            elb.call("CreateListener", &listening(balancer, port, &fixed("DefaultActions", text))).await;
        if answer.status == 200 {
            return (inner(answer.text(), "ListenerArn"), port);
        }
        assert!(answer.text().contains("can't be listened on"), "{}", answer.text());
    }
}

/// Nobody says `text` at a port any more, though somebody else may have it by now.
async fn gone(port: u16, text: &str) {
    if let Ok((_, body)) = ask(port, "localhost", "").await {
        assert_ne!(body, text);
    }
}

/// Asks as a client does; status line and body.
async fn ask(port: u16, host: &str, body: &str) -> io::Result<(String, String)> {
    let mut stream = TcpStream::connect((HERE, port)).await?;
    let length = body.len();
    let head =
        format!("POST / HTTP/1.1\r\nhost: {host}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    let mut answer = String::new();
    soon("an answer", stream.read_to_string(&mut answer)).await?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    Ok((head.lines().next().unwrap_or_default().to_owned(), body.to_owned()))
}

#[tokio::test]
async fn a_listener_is_at_its_port_until_it_is_deleted() {
    let elb = elb().await;
    let (balancer, _) = elb.balancer("web").await;
    let (listener, port) = listen(&elb, &balancer, "hello").await;
    let (status, body) = ask(port, "localhost", "").await.expect("an answer");
    assert_eq!((status.as_str(), body.as_str()), ("HTTP/1.1 200 OK", "hello"));
    let large = "x".repeat((32 << 20) + 1);
    let (status, body) = ask(port, "localhost", &large).await.expect("an answer");
    assert!(status.contains("413") && body.contains("413 Request Entity Too Large"), "{status} {body}");
    let shown = elb.ok("DescribeLoadBalancers", "").await;
    assert!(shown.contains("<State><Code>active</Code></State>"), "{shown}");
    elb.ok("DeleteListener", format!("ListenerArn={listener}")).await;
    gone(port, "hello").await;
    let (_, other) = listen(&elb, &balancer, "again").await;
    elb.ok("DeleteLoadBalancer", format!("LoadBalancerArn={balancer}")).await;
    gone(other, "again").await;
}

#[tokio::test]
async fn a_port_is_free_when_its_listener_is_deleted() {
    let elb = elb().await;
    let (balancer, _) = elb.balancer("web").await;
    // Somebody else may be quicker to take it, but not time after time.
    for _ in 0..20 {
        let (listener, port) = listen(&elb, &balancer, "first").await;
        elb.ok("DeleteListener", format!("ListenerArn={listener}")).await;
        let again = listening(&balancer, port, &fixed("DefaultActions", "second"));
        if elb.call("CreateListener", &again).await.status == 200 {
            return assert_eq!(ask(port, "localhost", "").await.expect("an answer").1, "second");
        }
    }
    panic!("no port was free after its listener was deleted");
}

#[tokio::test]
async fn a_listener_moves_to_another_port() {
    let elb = elb().await;
    let (balancer, _) = elb.balancer("web").await;
    let (first, port) = listen(&elb, &balancer, "first").await;
    let (second, other) = listen(&elb, &balancer, "second").await;
    elb.ok("DeleteListener", format!("ListenerArn={second}")).await;
    let moved = elb.call("ModifyListener", &format!("ListenerArn={first}&Port={other}")).await;
    if moved.status != 200 {
        // Somebody else was quicker: then nothing has changed.
        assert!(moved.text().contains("can't be listened on"), "{}", moved.text());
        assert_eq!(ask(port, "localhost", "").await.expect("an answer").1, "first");
        return;
    }
    assert_eq!(ask(other, "localhost", "").await.expect("an answer").1, "first");
    gone(port, "first").await;
}

#[tokio::test]
async fn a_port_that_somebody_has_is_refused() {
    let elb = elb().await;
    let (balancer, _) = elb.balancer("web").await;
    let taken = StdListener::bind((HERE, 0)).expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let create = listening(&balancer, port, &fixed("DefaultActions", "x"));
    let message = format!("Port {port} can't be listened on at 127.0.0.1");
    elb.refused("CreateListener", &create, "InvalidConfigurationRequest", &message).await;
    assert!(
        !elb.ok("DescribeListeners", format!("LoadBalancerArn={balancer}")).await.contains("<ListenerArn>")
    );
}

#[tokio::test]
async fn load_balancers_share_a_port_by_name() {
    let elb = elb().await;
    let ((one, one_host), (two, two_host)) = (elb.balancer("one").await, elb.balancer("two").await);
    let (listener, port) = listen(&elb, &one, "one").await;
    elb.listener(&two, port, &fixed("DefaultActions", "two")).await;
    for (host, text) in [(&one_host, "one"), (&two_host, "two")] {
        assert_eq!(ask(port, host, "").await.expect("an answer").1, text);
        assert_eq!(ask(port, &format!("{host}:{port}"), "").await.expect("an answer").1, text);
    }
    let (status, body) = ask(port, "localhost", "").await.expect("an answer");
    assert!(
        status.contains("421") && body.contains(&one_host) && body.contains(&two_host),
        "{status} {body}"
    );
    elb.ok("DeleteListener", format!("ListenerArn={listener}")).await;
    assert_eq!(ask(port, "localhost", "").await.expect("an answer").1, "two");
}
