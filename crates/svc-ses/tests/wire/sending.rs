//! Mails on their way in: parts, bytes, checks, quotas and statistics.

use serde_json::json;

use crate::{Mailer, between, escaped};

const PLAIN: &str = "Source=me%40example.com&Message.Subject.Data=Hello&Message.Body.Text.Data=plain";

#[tokio::test]
async fn a_mail_in_parts_is_written_and_kept() {
    let mailer = Mailer::verified().await;
    let fields = "Source=Me+%3Cme%40example.com%3E&Destination.ToAddresses.member.1=A+%3Ca%40b.c%3E\
                  &Destination.CcAddresses.member.1=c%40b.c&Destination.BccAddresses.member.1=hidden%40b.c\
                  &ReplyToAddresses.member.1=r%40b.c&Message.Subject.Data=Gr%C3%BC%C3%9Fe\
                  &Message.Body.Text.Data=plain&Message.Body.Html.Data=%3Cb%3Erich%3C%2Fb%3E\
                  &Tags.member.1.Name=k&Tags.member.1.Value=v";
    let sent = mailer.v1("SendEmail", fields).await;
    let id = between(&sent, "<MessageId>", "</MessageId>");
    assert!(id.starts_with("010001a2") && id.ends_with("-000000") && id.len() == 60, "{id}");
    let [mail] = mailer.mails("").await.try_into().expect("one mail");
    assert_eq!(mail["Id"], id.as_str());
    assert_eq!(mail["Region"], "us-east-1");
    assert_eq!(mail["Timestamp"], "2026-11-23T10:11:12.345Z");
    assert_eq!(mail["Source"], "Me <me@example.com>");
    assert_eq!(mail["Subject"], "Grüße");
    assert_eq!(mail["Body"], json!({ "text_part": "plain", "html_part": "<b>rich</b>" }));
    assert_eq!(
        mail["Destination"],
        json!({ "ToAddresses": ["A <a@b.c>"], "CcAddresses": ["c@b.c"], "BccAddresses": ["hidden@b.c"] })
    );
    assert_eq!(
        mail["Status"],
        json!({ "a@b.c": "Delivered", "c@b.c": "Delivered", "hidden@b.c": "Delivered" })
    );
    assert_eq!(mail["Tags"], json!([{ "Name": "k", "Value": "v" }]));
    let raw = mail["RawData"].as_str().expect("bytes");
    for line in [
        "From: \"Me\" <me@example.com>",
        "To: \"A\" <a@b.c>",
        "Cc: <c@b.c>",
        "Reply-To: <r@b.c>",
        "Date: Mon, 23 Nov 2026 10:11:12 +0000",
        &format!("Message-ID: <{id}@email.amazonses.com>"),
    ] {
        assert!(raw.lines().any(|known| known == line), "{line} in {raw}");
    }
    assert!(!raw.contains("hidden"));
}

#[tokio::test]
async fn a_raw_mail_goes_to_whom_it_says_or_whom_the_request_says() {
    let mailer = Mailer::verified().await;
    let raw = "From: me@example.com\r\nTo: a@b.c\r\nBcc: hidden@b.c\r\nSubject: raw\r\nX-SES-MESSAGE-TAGS: k=v\r\n\r\nbody\r\n";
    let data = escaped(&base64(raw.as_bytes()));
    mailer.v1("SendRawEmail", &format!("RawMessage.Data={data}")).await;
    let fields = format!("RawMessage.Data={data}&Source=x%40example.org&Destinations.member.1=only%40b.c");
    mailer.v1("SendRawEmail", &fields).await;
    let mails = mailer.mails("").await;
    assert_eq!(mails[0]["Status"], json!({ "a@b.c": "Delivered", "hidden@b.c": "Delivered" }));
    assert_eq!(mails[0]["Tags"], json!([{ "Name": "k", "Value": "v" }]));
    assert_eq!(mails[0]["Subject"], "raw");
    let kept = mails[0]["RawData"].as_str().expect("bytes");
    assert!(
        kept.contains("\r\n\r\nbody\r\n") && !kept.contains("hidden") && !kept.contains("X-SES"),
        "{kept}"
    );
    assert_eq!(mails[1]["Status"], json!({ "only@b.c": "Delivered" }));
    assert_eq!(mails[1]["ReturnPath"], "x@example.org");
    let data = escaped(&base64(b"To: a@b.c\r\n\r\nbody"));
    let fields = format!("RawMessage.Data={data}");
    mailer
        .v1_refuses("SendRawEmail", &fields, "InvalidParameterValue", "Missing required header 'From'.")
        .await;
    let data = escaped(&base64(b"From: x@example.net\r\nTo: a@b.c\r\n\r\nbody"));
    let fields = format!("RawMessage.Data={data}&Source=me%40example.com");
    let refused = "Email address is not verified. The following identities failed the check in region US-EAST-1: \
                   x@example.net";
    mailer.v1_refuses("SendRawEmail", &fields, "MessageRejected", refused).await;
    let content = json!({ "Content": { "Raw": { "Data": base64(raw.as_bytes()) } } });
    let sent = mailer.v2("POST", "outbound-emails", content).await.ok();
    assert!(sent["MessageId"].is_string());
}

#[tokio::test]
async fn what_can_not_be_sent_is_refused_with_a_reason() {
    let mailer = Mailer::verified().await;
    let invalid = "InvalidParameterValue";
    let to = |address: &str| format!("{PLAIN}&Destination.ToAddresses.member.1={}", escaped(address));
    mailer.v1_refuses("SendEmail", &to("nobody"), invalid, "Missing final '@domain'").await;
    mailer.v1_refuses("SendEmail", &to("a@b..c"), invalid, "Domain contains dot-dot").await;
    let nobody = format!("{PLAIN}&Destination.ToAddresses=");
    mailer.v1_refuses("SendEmail", &nobody, invalid, "Missing required header 'To'.").await;
    let said = "1 validation error detected: Value null at 'destination' failed to satisfy constraint: Member must not \
                be null";
    mailer.v1_refuses("SendEmail", PLAIN, "ValidationError", said).await;
    let said = said.replace("destination", "content");
    mailer.v2("POST", "outbound-emails", json!({})).await.refuses(400, "BadRequestException", &said);
    let many =
        (1..=51).map(|n| format!("&Destination.ToAddresses.member.{n}=u{n}%40b.c")).collect::<String>();
    mailer.v1_refuses("SendEmail", &format!("{PLAIN}{many}"), invalid, "Recipient count exceeds 50.").await;
    let fields = format!("{}&Tags.member.1.Name=a+b&Tags.member.1.Value=v", to("a@b.c"));
    let said = "Invalid tag name &lt;a b&gt;: only alphanumeric ASCII characters, '_', and '-' are allowed.";
    mailer.v1_refuses("SendEmail", &fields, invalid, said).await;
    let fields = format!("{}&ConfigurationSetName=none", to("a@b.c"));
    let said = "Configuration set &lt;none&gt; does not exist.";
    mailer.v1_refuses("SendEmail", &fields, "ConfigurationSetDoesNotExist", said).await;
    let body = json!({
        "FromEmailAddress": "me@example.com", "Destination": { "ToAddresses": ["a@b.c"] }, "ConfigurationSetName": "none",
        "Content": { "Simple": { "Subject": { "Data": "s" }, "Body": { "Text": { "Data": "t" } } } },
    });
    let answer = mailer.v2("POST", "outbound-emails", body.clone()).await;
    answer.refuses(404, "NotFoundException", "Configuration set <none> does not exist.");
    let with = |name: &str, value: serde_json::Value| {
        let mut body = body.clone();
        body.as_object_mut().expect("an object").remove("ConfigurationSetName");
        body[name] = value;
        body
    };
    let answer = mailer.v2("POST", "outbound-emails", with("TenantName", json!("t"))).await;
    let said = "Lambent's SendEmail does not honour TenantName yet, so it refuses it.";
    answer.refuses(501, "NotImplementedException", said);
    let answer = mailer.v2("POST", "outbound-emails", with("Content", json!({}))).await;
    answer.refuses(400, "BadRequestException", "Exactly one of Simple, Raw and Template must be given.");
    let foreign = "arn:aws:ses:us-east-1:111111111111:identity/example.com";
    let answer =
        mailer.v2("POST", "outbound-emails", with("FromEmailAddressIdentityArn", json!(foreign))).await;
    assert_eq!(answer.status, 501);
    let own = "arn:aws:ses:us-east-1:000000000000:identity/me@example.com";
    mailer.v2("POST", "outbound-emails", with("FromEmailAddressIdentityArn", json!(own))).await.ok();
}

#[tokio::test]
async fn attachments_and_headers_travel_and_large_mails_are_kept_whole() {
    let mailer = Mailer::verified().await;
    let large = "0123456789abcdef".repeat(400_000);
    let content = json!({ "Content": { "Simple": {
        "Subject": { "Data": "s" }, "Body": { "Text": { "Data": "t" } },
        "Headers": [{ "Name": "X-Own", "Value": "yes" }],
        "Attachments": [{ "FileName": "a.bin", "ContentType": "application/pdf", "RawContent": base64(large.as_bytes()) }],
    } } });
    let id = mailer.send("me@example.com", &["a@b.c"], content).await;
    let [mail] = mailer.mails(&format!("?id={id}")).await.try_into().expect("one mail");
    let raw = mail["RawData"].as_str().expect("bytes");
    assert!(raw.contains("X-Own: yes\r\n") && raw.contains("filename=\"a.bin\""), "{}", &raw[..1000]);
    assert!(raw.replace("\r\n", "").contains(&base64(large.as_bytes())), "the attachment is whole");
    assert!(mailer.0.rows(786).await > 3);
    mailer.visit("DELETE", &format!("?id={id}")).await.is(204, "");
    assert_eq!((mailer.0.rows(785).await, mailer.0.rows(786).await), (0, 0));
    let header = json!({ "Content": { "Simple": {
        "Subject": { "Data": "s" }, "Body": { "Text": { "Data": "t" } }, "Headers": [{ "Name": "Bcc", "Value": "x" }],
    } }, "FromEmailAddress": "me@example.com", "Destination": { "ToAddresses": ["a@b.c"] } });
    let answer = mailer.v2("POST", "outbound-emails", header).await;
    answer.refuses(400, "BadRequestException", "Invalid header name <Bcc>.");
}

#[tokio::test]
async fn what_was_sent_is_counted_by_quarters_of_an_hour() {
    let mailer = Mailer::verified().await;
    mailer.send("me@example.com", &["a@b.c", "bounce@simulator.amazonses.com"], json!({})).await;
    mailer.0.clock.advance(std::time::Duration::from_secs(3600));
    mailer.send("me@example.com", &["complaint@simulator.amazonses.com"], json!({})).await;
    let statistics = mailer.v1("GetSendStatistics", "").await;
    let points = statistics.matches("<member>").count();
    assert_eq!(points, 2, "{statistics}");
    for (name, counts) in
        [("DeliveryAttempts", ["2", "1"]), ("Bounces", ["1", "0"]), ("Complaints", ["0", "1"])]
    {
        let start = format!("<{name}>");
        let found = statistics.split(&start).skip(1).map(|rest| rest.split('<').next());
        assert_eq!(found.collect::<Vec<_>>(), counts.map(Some), "{name}");
    }
    assert!(statistics.contains("<Timestamp>2026-11-23T10:00:00Z</Timestamp>"), "{statistics}");
    let quota = mailer.v1("GetSendQuota", "").await;
    assert!(quota.contains("<SentLast24Hours>3") && quota.contains("<Max24HourSend>-1"), "{quota}");
    mailer.0.clock.advance(std::time::Duration::from_secs(25 * 3600));
    let account = mailer.v2("GET", "account", json!(null)).await.ok();
    assert_eq!(account["SendQuota"]["SentLast24Hours"], json!(0.0));
    assert_eq!(account["SendingEnabled"], true);
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
