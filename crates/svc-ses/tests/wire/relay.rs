//! The way out: what a relay takes, refuses for now, and refuses for good.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use testkit::Ground;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::Mailer;

/// A mail server that answers recipients as it was told, and keeps what it took.
#[derive(Clone, Default)]
struct Server {
    taken: Arc<Mutex<Vec<String>>>,
    /// Answers to the next `RCPT`s; then it takes everything.
    answers: Arc<Mutex<Vec<&'static str>>>,
}

impl Server {
    async fn start(answers: &[&'static str]) -> (Self, String) {
        let server = Self { answers: Arc::new(Mutex::new(answers.to_vec())), ..Self::default() };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("smtp://{}", listener.local_addr().expect("an address"));
        let this = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(this.clone().serve(stream));
            }
        });
        (server, url)
    }

    async fn serve(self, stream: TcpStream) {
        let mut stream = BufReader::new(stream);
        let mut envelope = String::new();
        stream.write_all(b"220 test\r\n").await.expect("the client is there");
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return;
            }
            let answer = match &line.trim().to_ascii_uppercase()[..4] {
                "RCPT" => {
                    let mut answers = self.answers.lock().expect("no panic while held");
                    if answers.is_empty() { "250 ok" } else { answers.remove(0) }
                }
                "DATA" => {
                    stream.write_all(b"354 go on\r\n").await.expect("the client is there");
                    let mut mail = String::new();
                    while !mail.ends_with("\r\n.\r\n") {
                        stream.read_line(&mut mail).await.expect("the mail");
                    }
                    self.taken.lock().expect("no panic while held").push(format!("{envelope}{mail}"));
                    "250 2.0.0 taken"
                }
                "QUIT" => return,
                _ => "250 ok",
            };
            envelope += &line;
            stream.write_all(format!("{answer}\r\n").as_bytes()).await.expect("the client is there");
        }
    }

    fn taken(&self) -> Vec<String> {
        self.taken.lock().expect("no panic while held").clone()
    }
}

async fn relaying(url: &str) -> Mailer {
    let mut services = vec![svc_sns::service(), svc_sqs::service()];
    let relay = Some(svc_ses::Relay::parse(url).expect("a URL"));
    services.extend(svc_ses::services(svc_ses::Config { relay, inbound: None }));
    let mailer = Mailer(Ground::new().serve(services));
    mailer.0.start_jobs();
    mailer.v1("VerifyEmailIdentity", "EmailAddress=me%40example.com").await;
    let topic = mailer.topic("events").await;
    mailer.v2("POST", "configuration-sets", json!({ "ConfigurationSetName": "s" })).await.ok();
    let destination = json!({ "EventDestinationName": "d", "EventDestination": {
        "Enabled": true, "MatchingEventTypes": ["DELIVERY", "BOUNCE"], "SnsDestination": { "TopicArn": topic },
    } });
    mailer.v2("POST", "configuration-sets/s/event-destinations", destination).await.ok();
    mailer
}

async fn status(mailer: &Mailer, id: &str, recipient: &str) -> String {
    let mails = mailer.mails(&format!("?id={id}")).await;
    mails[0]["Status"][recipient].as_str().expect("a status").to_owned()
}

#[tokio::test]
async fn a_mail_goes_out_to_each_recipient_and_not_to_the_simulator() {
    let (server, url) = Server::start(&[]).await;
    let mailer = relaying(&url).await;
    let to = ["a@b.c", "x@y.z", "success@simulator.amazonses.com"];
    let id = mailer.send("me@example.com", &to, json!({ "ConfigurationSetName": "s" })).await;
    let events = mailer.heard("events", 3).await;
    let mut said =
        events.iter().map(|event| event["delivery"]["smtpResponse"].to_string()).collect::<Vec<_>>();
    said.sort();
    assert_eq!(said, ["\"250 2.0.0 taken\"", "\"250 2.0.0 taken\"", "\"250 2.6.0 Message received\""]);
    let taken = server.taken();
    assert_eq!(taken.len(), 2);
    assert!(
        taken
            .iter()
            .all(|mail| mail.contains("MAIL FROM:<me@example.com>") && mail.contains("\r\n\r\nt\r\n"))
    );
    assert!(taken.iter().any(|mail| mail.contains("RCPT TO:<a@b.c>")));
    assert_eq!(status(&mailer, &id, "a@b.c").await, "Delivered");
    assert_eq!(mailer.0.rows(789).await, 0);
}

#[tokio::test]
async fn a_relay_that_refuses_for_now_is_asked_again() {
    let (server, url) = Server::start(&["451 4.3.0 later", "451 4.3.0 later"]).await;
    let mailer = relaying(&url).await;
    let id = mailer.send("me@example.com", &["a@b.c"], json!({ "ConfigurationSetName": "s" })).await;
    for (tries, seconds) in [(1, 10), (2, 60)] {
        mailer.tried(789, tries).await;
        assert_eq!(status(&mailer, &id, "a@b.c").await, "Queued");
        assert_eq!(server.taken().len(), 0);
        mailer.0.clock.advance(Duration::from_secs(seconds));
    }
    let [delivered] = mailer.heard("events", 1).await.try_into().expect("one event");
    assert_eq!(delivered["delivery"]["processingTimeMillis"], 70_000);
    assert_eq!(status(&mailer, &id, "a@b.c").await, "Delivered");
}

#[tokio::test]
async fn who_is_refused_for_good_bounces_and_is_suppressed() {
    let (server, url) = Server::start(&["550 5.1.1 user unknown"]).await;
    let mailer = relaying(&url).await;
    let id = mailer.send("me@example.com", &["a@b.c"], json!({ "ConfigurationSetName": "s" })).await;
    let [bounced] = mailer.heard("events", 1).await.try_into().expect("one event");
    assert_eq!(
        bounced["bounce"]["bouncedRecipients"][0],
        json!({
            "emailAddress": "a@b.c", "action": "failed", "status": "5.1.1",
            "diagnosticCode": "smtp; 550 5.1.1 user unknown",
        })
    );
    assert_eq!(status(&mailer, &id, "a@b.c").await, "Bounced");
    let listed = mailer.v2("GET", "suppression/addresses/a%40b.c", json!(null)).await.ok();
    assert_eq!(listed["SuppressedDestination"]["Attributes"]["MessageId"], id.as_str());
    let second = mailer.send("me@example.com", &["a@b.c"], json!({})).await;
    assert_eq!(status(&mailer, &second, "a@b.c").await, "Suppressed");
    assert_eq!(server.taken().len(), 0);
}

#[tokio::test]
async fn mails_for_a_relay_wait_for_a_restart() {
    let (server, url) = Server::start(&[]).await;
    let mailer = relaying(&url).await;
    mailer.0.stop_jobs().await;
    mailer.send("me@example.com", &["a@b.c"], json!({ "ConfigurationSetName": "s" })).await;
    assert_eq!((mailer.0.rows(789).await, server.taken().len()), (1, 0));
    mailer.0.start_jobs();
    mailer.heard("events", 1).await;
    assert_eq!(server.taken().len(), 1);
}
