//! Mails that come in by SMTP, and what rules do with them.

use std::sync::Arc;

use serde_json::{Value as Json, json};
use testkit::{Ground, request};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::{Mailer, between};

struct Inbound {
    mailer: Mailer,
    address: std::net::SocketAddr,
    /// Where the bucket's blobs are.
    _folder: tempfile::TempDir,
}

impl Inbound {
    /// A platform that takes mail for `example.com`, with a bucket `mails` and a topic `told`.
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let ground = Ground::new();
        let folder = tempfile::tempdir().expect("make a folder");
        let blobs = blob::DiskBlobs::open(folder.path(), ground.env.clone()).await.expect("open blobs");
        let blobs = Arc::new(blobs);
        let mut services =
            vec![svc_sns::service(), svc_sqs::service(), svc_s3::service(svc_s3::Config { blobs })];
        services.extend(svc_ses::services(svc_ses::Config { relay: None, inbound: Some(listener) }));
        let mailer = Mailer(ground.serve(services));
        mailer.0.start_jobs();
        mailer.v1("VerifyDomainIdentity", "Domain=example.com").await;
        mailer.topic("told").await;
        let made = mailer.0.send(request("PUT", "/mails", "s3", &[], "")).await;
        assert_eq!(made.status, 200, "{}", made.text());
        mailer.v1("CreateReceiptRuleSet", "RuleSetName=set").await;
        mailer.v1("SetActiveReceiptRuleSet", "RuleSetName=set").await;
        Self { mailer, address, _folder: folder }
    }

    /// A rule with these actions: `S3Action.BucketName=mails` and the like, separated by spaces.
    async fn rule(&self, name: &str, recipients: &[&str], actions: &str) {
        self.mailer.v1("CreateReceiptRule", &rule(name, recipients, actions)).await;
    }

    /// Says lines to the server; gives what it answered to all of them.
    async fn say(&self, lines: &[&str]) -> Vec<String> {
        let mut stream = TcpStream::connect(self.address).await.expect("the server listens");
        let said = lines.iter().map(|line| format!("{line}\r\n")).collect::<String>();
        stream.write_all(format!("{said}QUIT\r\n").as_bytes()).await.expect("the server listens");
        let mut heard = String::new();
        stream.read_to_string(&mut heard).await.expect("the server answers");
        let last = |line: &&str| line.as_bytes().get(3) != Some(&b'-');
        heard.lines().filter(last).map(str::to_owned).collect()
    }

    /// Delivers a mail; gives its id.
    async fn deliver(&self, to: &[&str], mail: &str) -> String {
        let mut lines = vec!["EHLO client.example".to_owned(), "MAIL FROM:<from@y.z>".to_owned()];
        lines.extend(to.iter().map(|to| format!("RCPT TO:<{to}>")));
        lines.extend(["DATA".to_owned(), format!("{mail}.")]);
        let heard = self.say(&lines.iter().map(String::as_str).collect::<Vec<_>>()).await;
        let answer = &heard[heard.len() - 2];
        answer.strip_prefix("250 OK ").unwrap_or_else(|| panic!("{heard:?}")).to_owned()
    }

    /// Waits until every rule has seen every mail.
    async fn settled(&self) {
        self.mailer.0.until("the rules", || async { self.mailer.0.rows(793).await == 0 }).await;
        assert_eq!((self.mailer.0.rows(792).await, self.rows_of_mails().await), (0, 0));
    }

    async fn rows_of_mails(&self) -> usize {
        self.mailer.0.rows(786).await - self.mailer.0.rows(785).await
    }

    async fn object(&self, key: &str) -> String {
        let answer = self.mailer.0.send(request("GET", &format!("/mails/{key}"), "s3", &[], "")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.text().to_owned()
    }
}

fn rule(name: &str, recipients: &[&str], actions: &str) -> String {
    let mut form = format!("RuleSetName=set&Rule.Name={name}&Rule.Enabled=true");
    for (number, recipient) in (1..).zip(recipients) {
        form += &format!("&Rule.Recipients.member.{number}={}", recipient.replace('@', "%40"));
    }
    for (number, action) in (1..).zip(actions.split_whitespace()) {
        for field in action.split(',') {
            form += &format!("&Rule.Actions.member.{number}.{field}");
        }
    }
    form
}

const TOPIC: &str = "TopicArn=arn:aws:sns:us-east-1:000000000000:told";
const MAIL: &str =
    "From: A <from@y.z>\r\nTo: in@example.com\r\nSubject: Hello\r\nMessage-ID: <own@y.z>\r\n\r\n..dot\r\n";

#[tokio::test]
async fn a_mail_is_stored_in_a_bucket_and_told_to_a_topic() {
    let inbound = Inbound::new().await;
    let actions = format!(
        "AddHeaderAction.HeaderName=X-Seen,AddHeaderAction.HeaderValue=yes \
         S3Action.BucketName=mails,S3Action.ObjectKeyPrefix=in/,S3Action.{TOPIC} SNSAction.{TOPIC},SNSAction.Encoding=Base64"
    );
    inbound.rule("r", &["in@example.com"], &actions).await;
    let id = inbound.deliver(&["in+label@example.com"], MAIL).await;
    let heard = inbound.mailer.heard("told", 2).await;
    inbound.settled().await;
    let kept = inbound.object(&format!("in/{id}")).await;
    let expected = format!(
        "X-Seen: yes\r\nReturn-Path: <from@y.z>\r\nReceived: from client.example (client.example [127.0.0.1]) by \
         inbound-smtp.us-east-1.amazonaws.com with SMTP id {id} for in+label@example.com; Mon, 23 Nov 2026 10:11:12 +0000\r\n\
         X-SES-Spam-Verdict: DISABLED\r\nX-SES-Virus-Verdict: DISABLED\r\nFrom: A <from@y.z>\r\nTo: in@example.com\r\n\
         Subject: Hello\r\nMessage-ID: <own@y.z>\r\n\r\n.dot\r\n"
    );
    assert_eq!(kept, expected);
    let of = |kind: &str| {
        heard.iter().find(|one| one["receipt"]["action"]["type"] == kind).expect("such a notice")
    };
    let (stored, told) = (of("S3"), of("SNS"));
    assert_eq!(
        stored["receipt"],
        json!({
            "timestamp": "2026-11-23T10:11:12.345Z", "processingTimeMillis": 0, "recipients": ["in+label@example.com"],
            "spamVerdict": { "status": "DISABLED" }, "virusVerdict": { "status": "DISABLED" },
            "spfVerdict": { "status": "GRAY" }, "dkimVerdict": { "status": "GRAY" }, "dmarcVerdict": { "status": "GRAY" },
            "action": {
                "type": "S3", "topicArn": "arn:aws:sns:us-east-1:000000000000:told", "bucketName": "mails",
                "objectKeyPrefix": "in/", "objectKey": format!("in/{id}"),
            },
        })
    );
    assert!(stored["content"].is_null());
    assert_eq!(stored["notificationType"], "Received");
    assert_eq!(stored["mail"]["source"], "from@y.z");
    assert_eq!(
        stored["mail"]["commonHeaders"],
        json!({
            "returnPath": "from@y.z", "from": ["A <from@y.z>"], "to": ["in@example.com"], "messageId": "<own@y.z>",
            "subject": "Hello",
        })
    );
    use base64::Engine as _;
    let content = base64::engine::general_purpose::STANDARD.decode(told["content"].as_str().expect("bytes"));
    assert_eq!(content.expect("Base64"), expected.as_bytes());
}

#[tokio::test]
async fn rules_are_followed_in_their_order_until_one_stops() {
    let inbound = Inbound::new().await;
    let put = |prefix: &str| format!("S3Action.BucketName=mails,S3Action.ObjectKeyPrefix={prefix}/");
    inbound.rule("last", &[], &put("last")).await;
    inbound.rule("stop", &["stop@example.com"], &format!("{} StopAction.Scope=RuleSet", put("stop"))).await;
    inbound.rule("domain", &["example.com"], &put("domain")).await;
    let id = inbound.deliver(&["stop@example.com"], MAIL).await;
    inbound.settled().await;
    inbound.object(&format!("domain/{id}")).await;
    inbound.object(&format!("stop/{id}")).await;
    let missing = inbound.mailer.0.send(request("GET", &format!("/mails/last/{id}"), "s3", &[], "")).await;
    assert_eq!(missing.status, 404);
    let id = inbound.deliver(&["a@example.com", "b@sub.example.com"], MAIL).await;
    inbound.settled().await;
    inbound.object(&format!("last/{id}")).await;
}

#[tokio::test]
async fn a_bounce_goes_back_as_a_report() {
    let inbound = Inbound::new().await;
    let actions = "BounceAction.SmtpReplyCode=550,BounceAction.StatusCode=5.1.1,BounceAction.Message=gone,\
                   BounceAction.Sender=mailer%40example.com S3Action.BucketName=mails";
    inbound.rule("r", &[], actions).await;
    let id = inbound.deliver(&["in@example.com"], MAIL).await;
    inbound.mailer.0.until("the rules", || async { inbound.mailer.0.rows(793).await == 0 }).await;
    let [report] = inbound.mailer.mails("").await.try_into().expect("one mail");
    assert_eq!(report["Source"], "mailer@example.com");
    assert_eq!(report["Status"], json!({ "from@y.z": "Delivered" }));
    let raw = report["RawData"].as_str().expect("bytes");
    for part in [
        "multipart/report; report-type=\"delivery-status\"",
        "Final-Recipient: rfc822;in@example.com\r\nAction: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 gone",
        "Subject: Hello",
    ] {
        assert!(raw.contains(part), "{part} in {raw}");
    }
    let stored = inbound.mailer.0.send(request("GET", &format!("/mails/{id}"), "s3", &[], "")).await;
    assert_eq!(stored.status, 404, "a bounce ends the rules");
}

#[tokio::test]
async fn the_server_takes_what_rules_are_for_and_nothing_else() {
    let inbound = Inbound::new().await;
    let begin = ["EHLO c", "MAIL FROM:<a@y.z> SIZE=100"];
    let unavailable = "550 5.1.1 Requested action not taken: mailbox unavailable";
    let after = |lines: &'static [&'static str]| {
        let inbound = &inbound;
        async move { inbound.say(&[&begin, lines].concat()).await.split_off(3) }
    };
    let bye = "221 2.0.0 Bye".to_owned();
    assert_eq!(after(&["RCPT TO:<in@example.com>"]).await, [unavailable, &bye], "no rule");
    inbound.rule("r", &["in@example.com", "other.org"], "S3Action.BucketName=mails").await;
    assert_eq!(after(&["RCPT TO:<in@example.com>"]).await, ["250 2.1.5 Ok", &bye]);
    assert_eq!(after(&["RCPT TO:<out@example.com>"]).await, [unavailable, &bye], "not the rule's");
    assert_eq!(after(&["RCPT TO:<a@other.org>"]).await, [unavailable, &bye], "nobody's identity");
    assert_eq!(
        after(&["RSET", "RCPT TO:<in@example.com>"]).await,
        ["250 2.0.0 Ok", "503 5.5.1 Say MAIL first", &bye]
    );
    assert_eq!(after(&["DATA"]).await, ["503 5.5.1 Say RCPT first", &bye]);
    assert_eq!(
        after(&["VRFY x", "NONSENSE"]).await[..2],
        ["502 5.5.1 Command not implemented", "500 5.5.1 Invalid command"]
    );
    let heard = inbound.say(&["MAIL FROM:<a@y.z>"]).await;
    assert_eq!(
        heard[..2],
        ["220 inbound-smtp.us-east-1.amazonaws.com ESMTP Lambent", "503 5.5.1 Say EHLO first"]
    );
    let heard = inbound.say(&["HELO c", "MAIL FROM:<a@y.z> SIZE=50000000"]).await;
    assert_eq!(heard[2], "552 5.3.4 Message too big");
    let heard = inbound.say(&["X"; 25]).await;
    assert_eq!(heard.last().map(String::as_str), Some("421 4.7.0 Too many errors"));
    let heard = inbound.say(&[&"x".repeat(5000)]).await;
    assert_eq!(heard[1], "500 5.5.2 Line too long");
    inbound.mailer.v1("SetActiveReceiptRuleSet", "").await;
    assert_eq!(after(&["RCPT TO:<in@example.com>"]).await, [unavailable, &bye], "no set is active");
}

#[tokio::test]
async fn mails_under_way_outlive_a_restart() {
    let inbound = Inbound::new().await;
    inbound.rule("r", &[], "SNSAction.TopicArn=arn:aws:sns:us-east-1:000000000000:told").await;
    let id = inbound.deliver(&["in@example.com"], MAIL).await;
    inbound.mailer.0.stop_jobs().await;
    inbound.mailer.0.start_jobs();
    let told = inbound.mailer.heard_at_least("told", 1).await.remove(0);
    assert_eq!(told["mail"]["messageId"], id.as_str());
    assert!(told["content"].as_str().expect("text").contains("Subject: Hello"));
    inbound.settled().await;
}

#[tokio::test]
async fn rule_sets_are_made_ordered_cloned_and_deleted() {
    let inbound = Inbound::new().await;
    let mailer = &inbound.mailer;
    let names = |described: String| {
        let rules = described.split("<Rules>").nth(1).unwrap_or_default().to_owned();
        rules
            .split("<Name>")
            .skip(1)
            .map(|rest| rest.split('<').next().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    inbound.rule("a", &[], "StopAction.Scope=RuleSet").await;
    inbound.rule("b", &[], "StopAction.Scope=RuleSet").await;
    mailer.v1("CreateReceiptRule", &format!("{}&After=b", rule("c", &[], ""))).await;
    assert_eq!(names(mailer.v1("DescribeActiveReceiptRuleSet", "").await), ["b", "c", "a"]);
    mailer.v1("SetReceiptRulePosition", "RuleSetName=set&RuleName=b&After=a").await;
    assert_eq!(names(mailer.v1("DescribeReceiptRuleSet", "RuleSetName=set").await), ["c", "a", "b"]);
    let order = "RuleSetName=set&RuleNames.member.1=a&RuleNames.member.2=b&RuleNames.member.3=c";
    mailer.v1("ReorderReceiptRuleSet", order).await;
    mailer.v1("CloneReceiptRuleSet", "RuleSetName=copy&OriginalRuleSetName=set").await;
    assert_eq!(names(mailer.v1("DescribeReceiptRuleSet", "RuleSetName=copy").await), ["a", "b", "c"]);
    mailer.v1("UpdateReceiptRule", &rule("a", &["x@example.com"], "S3Action.BucketName=mails")).await;
    let shown = mailer.v1("DescribeReceiptRule", "RuleSetName=set&RuleName=a").await;
    assert_eq!(between(&shown, "<BucketName>", "</BucketName>"), "mails");
    assert!(shown.contains("<Recipients><member>x@example.com</member></Recipients>"), "{shown}");
    mailer.v1("DeleteReceiptRule", "RuleSetName=set&RuleName=a").await;
    mailer.v1("DeleteReceiptRule", "RuleSetName=set&RuleName=a").await;
    let listed = mailer.v1("ListReceiptRuleSets", "").await;
    assert_eq!(listed.matches("<Name>").count(), 2);
    let said = "Cannot delete active rule set: set";
    mailer.v1_refuses("DeleteReceiptRuleSet", "RuleSetName=set", "CannotDelete", said).await;
    mailer.v1("DeleteReceiptRuleSet", "RuleSetName=copy").await;
    mailer.v1("SetActiveReceiptRuleSet", "").await;
    assert!(!mailer.v1("DescribeActiveReceiptRuleSet", "").await.contains("<Name>"));
}

#[tokio::test]
async fn rules_that_can_not_be_are_refused() {
    let inbound = Inbound::new().await;
    let mailer = &inbound.mailer;
    let gone = "Rule set does not exist: none";
    mailer.v1_refuses("SetActiveReceiptRuleSet", "RuleSetName=none", "RuleSetDoesNotExist", gone).await;
    mailer.v1_refuses("DescribeReceiptRuleSet", "RuleSetName=none", "RuleSetDoesNotExist", gone).await;
    let said = "Rule set already exists: set";
    mailer.v1_refuses("CreateReceiptRuleSet", "RuleSetName=set", "AlreadyExists", said).await;
    inbound.rule("a", &[], "").await;
    let create = "CreateReceiptRule";
    mailer.v1_refuses(create, &rule("a", &[], ""), "AlreadyExists", "Rule already exists: a").await;
    let fields = "RuleSetName=set&RuleName=none";
    mailer.v1_refuses("DescribeReceiptRule", fields, "RuleDoesNotExist", "Rule does not exist: none").await;
    let after = format!("{}&After=none", rule("b", &[], ""));
    mailer.v1_refuses(create, &after, "RuleDoesNotExist", "Rule does not exist: none").await;
    let bucket = rule("b", &[], "S3Action.BucketName=none");
    mailer.v1_refuses(create, &bucket, "InvalidS3Configuration", "Could not write to bucket: none").await;
    let topic = "arn:aws:sns:us-east-1:000000000000:none";
    let told = rule("b", &[], &format!("SNSAction.TopicArn={topic}"));
    mailer
        .v1_refuses(create, &told, "InvalidSnsTopic", &format!("Could not publish to SNS topic: {topic}"))
        .await;
    let function = "arn:aws:lambda:us-east-1:000000000000:function:none";
    let invoked = rule("b", &[], &format!("LambdaAction.FunctionArn={function}"));
    let said = format!("Could not invoke Lambda function: {function}");
    mailer.v1_refuses(create, &invoked, "InvalidLambdaFunction", &said).await;
    for refused in ["&Rule.TlsPolicy=Require", "&Rule.ScanEnabled=true"] {
        let answer = mailer.form(create, &(rule("b", &[], "") + refused)).await;
        assert_eq!(answer.status, 501, "{refused}");
    }
    let mail = rule(
        "b",
        &[],
        "WorkmailAction.OrganizationArn=arn:aws:workmail:us-east-1:000000000000:organization/x",
    );
    assert_eq!(mailer.form(create, &mail).await.status, 501);
    let two = rule("b", &[], "StopAction.Scope=RuleSet,S3Action.BucketName=mails");
    mailer
        .v1_refuses(create, &two, "InvalidParameterValue", "An action must be exactly one of its kinds.")
        .await;
    let bad = rule("b", &["no one"], "");
    mailer.v1_refuses(create, &bad, "InvalidParameterValue", "Invalid recipient: no one").await;
    let listed = mailer.v1("DescribeReceiptRuleSet", "RuleSetName=set").await;
    assert_eq!(listed.matches("<Enabled>").count(), 1, "{listed}");
}

#[tokio::test]
async fn an_action_that_fails_for_good_keeps_nothing_from_the_next() {
    let inbound = Inbound::new().await;
    inbound
        .rule(
            "r",
            &[],
            "S3Action.BucketName=mails SNSAction.TopicArn=arn:aws:sns:us-east-1:000000000000:told",
        )
        .await;
    // A bucket that is gone when the mail comes is refused for good; the next action goes on.
    let gone = inbound.mailer.0.send(request("DELETE", "/mails", "s3", &[], "")).await;
    assert_eq!(gone.status, 204);
    inbound.deliver(&["in@example.com"], MAIL).await;
    let told: Vec<Json> = inbound.mailer.heard("told", 1).await;
    assert_eq!(told[0]["receipt"]["action"]["type"], "SNS");
    inbound.settled().await;
}
