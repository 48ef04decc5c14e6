//! Identities: who may send.

use serde_json::json;

use crate::{Mailer, between};

#[tokio::test]
async fn an_address_is_verified_at_once_and_listed() {
    let mailer = Mailer::new();
    let made = mailer.v1("VerifyEmailIdentity", "EmailAddress=a%40b.c").await;
    // Clients look for the element of an output even where it has no members.
    assert!(made.contains("<VerifyEmailIdentityResult></VerifyEmailIdentityResult>"), "{made}");
    mailer.v1("VerifyEmailAddress", "EmailAddress=old%40b.c").await;
    let domain = mailer.v1("VerifyDomainIdentity", "Domain=example.org").await;
    let token = between(&domain, "<VerificationToken>", "</VerificationToken>");
    assert_eq!(token.len(), 44);
    let again = mailer.v1("VerifyDomainIdentity", "Domain=example.org").await;
    assert_eq!(between(&again, "<VerificationToken>", "</VerificationToken>"), token);
    let listed = mailer.v1("ListIdentities", "").await;
    let all =
        "<Identities><member>a@b.c</member><member>example.org</member><member>old@b.c</member></Identities>";
    assert!(listed.contains(all), "{listed}");
    let listed = mailer.v1("ListIdentities", "IdentityType=Domain").await;
    assert!(listed.contains("<Identities><member>example.org</member></Identities>"), "{listed}");
    let listed = mailer.v1("ListVerifiedEmailAddresses", "").await;
    assert!(listed.contains("<member>a@b.c</member><member>old@b.c</member>"), "{listed}");
    let first = mailer.v1("ListIdentities", "MaxItems=2").await;
    let token = between(&first, "<NextToken>", "</NextToken>");
    let second = mailer.v1("ListIdentities", &format!("MaxItems=2&NextToken={token}")).await;
    assert!(second.contains("<Identities><member>old@b.c</member></Identities>"), "{second}");
    let fields = "Identities.member.1=a%40b.c&Identities.member.2=nobody%40b.c";
    let attributes = mailer.v1("GetIdentityVerificationAttributes", fields).await;
    assert!(attributes.contains("<key>a@b.c</key><value><VerificationStatus>Success</VerificationStatus>"));
    assert!(!attributes.contains("nobody"));
    mailer.v1("DeleteIdentity", "Identity=a%40b.c").await;
    mailer.v1("DeleteVerifiedEmailAddress", "EmailAddress=old%40b.c").await;
    mailer.v1("DeleteIdentity", "Identity=never%40b.c").await;
    assert!(
        mailer.v1("ListIdentities", "IdentityType=EmailAddress").await.contains("<Identities></Identities>")
    );
}

#[tokio::test]
async fn what_is_no_identity_is_refused() {
    let mailer = Mailer::new();
    let invalid = "InvalidParameterValue";
    mailer
        .v1_refuses("VerifyEmailIdentity", "EmailAddress=b.c", invalid, "Invalid email address&lt;b.c&gt;.")
        .await;
    mailer.v1_refuses("VerifyDomainIdentity", "Domain=a..b", invalid, "Invalid domain name a..b.").await;
    mailer.v1_refuses("ListIdentities", "NextToken=%21", invalid, "The token is not valid.").await;
    let answer = mailer.v2("POST", "identities", json!({ "EmailIdentity": "a b@c" })).await;
    answer.refuses(400, "BadRequestException", "Invalid email address<a b@c>.");
    let answer = mailer.v2("GET", "identities/none%40b.c", json!(null)).await;
    answer.refuses(404, "NotFoundException", "Email identity <none@b.c> does not exist.");
    let answer = mailer.v2("DELETE", "identities/none%40b.c", json!(null)).await;
    answer.refuses(404, "NotFoundException", "Email identity <none@b.c> does not exist.");
}

#[tokio::test]
async fn the_api_of_2019_sees_the_same_identities() {
    let mailer = Mailer::verified().await;
    let body = json!({ "EmailIdentity": "new@b.c", "Tags": [{ "Key": "k", "Value": "v" }] });
    let made = mailer.v2("POST", "identities", body.clone()).await.ok();
    assert_eq!(made["IdentityType"], "EMAIL_ADDRESS");
    assert_eq!(made["VerifiedForSendingStatus"], true);
    let again = mailer.v2("POST", "identities", body).await;
    again.refuses(400, "AlreadyExistsException", "Email identity new@b.c already exist.");
    let seen = mailer.v2("GET", "identities/new%40b.c", json!(null)).await.ok();
    assert_eq!(seen["Tags"], json!([{ "Key": "k", "Value": "v" }]));
    assert_eq!(seen["DkimAttributes"], json!({ "SigningEnabled": false, "Status": "NOT_STARTED" }));
    let names = |filter: serde_json::Value| {
        let mailer = &mailer;
        async move {
            let listed = mailer.v2("POST", "list-identities", json!({ "Filter": filter })).await.ok();
            let all = listed["EmailIdentities"].as_array().expect("a list").clone();
            all.iter().map(|one| one["IdentityName"].as_str().expect("a name").to_owned()).collect::<Vec<_>>()
        }
    };
    assert_eq!(names(json!({})).await, ["example.org", "me@example.com", "new@b.c"]);
    assert_eq!(names(json!({ "IDENTITY_TYPE": "DOMAIN" })).await, ["example.org"]);
    assert_eq!(names(json!({ "IDENTITY_NAME_CONTAINS": "b.c" })).await, ["new@b.c"]);
    mailer.v2("DELETE", "identities/new%40b.c", json!(null)).await.ok();
    assert_eq!(names(json!({ "IDENTITY_NAME_CONTAINS": "b.c" })).await, [""; 0]);
}

#[tokio::test]
async fn an_unverified_sender_is_refused_by_name() {
    let mailer = Mailer::verified().await;
    let fields = |source: &str| {
        format!(
            "Source={}&Destination.ToAddresses.member.1=x%40y.z&Message.Subject.Data=s&Message.Body.Text.Data=t",
            crate::escaped(source)
        )
    };
    let said =
        "Email address is not verified. The following identities failed the check in region US-EAST-1: ";
    let refused = format!("{said}other@example.com");
    mailer.v1_refuses("SendEmail", &fields("other@example.com"), "MessageRejected", &refused).await;
    let refused = format!("{said}A Name &lt;x@example.net&gt;");
    mailer.v1_refuses("SendEmail", &fields("A Name <x@example.net>"), "MessageRejected", &refused).await;
    for allowed in
        ["me@example.com", "me+label@example.com", "me@EXAMPLE.com", "x@example.org", "x@sub.example.org"]
    {
        mailer.v1("SendEmail", &fields(allowed)).await;
    }
    let body = json!({
        "FromEmailAddress": "x@example.net", "Destination": { "ToAddresses": ["x@y.z"] },
        "Content": { "Simple": { "Subject": { "Data": "s" }, "Body": { "Text": { "Data": "t" } } } },
    });
    let refused = format!("{said}x@example.net");
    mailer.v2("POST", "outbound-emails", body).await.refuses(400, "MessageRejected", &refused);
    assert_eq!(mailer.mails("").await.len(), 5);
}
