//! Accounts, configuration sets, the suppression list, tags.

use serde_json::json;

use crate::Mailer;

#[tokio::test]
async fn an_account_or_a_set_that_is_paused_sends_nothing() {
    let mailer = Mailer::verified().await;
    let body = json!({
        "FromEmailAddress": "me@example.com", "Destination": { "ToAddresses": ["a@b.c"] }, "ConfigurationSetName": "s",
        "Content": { "Simple": { "Subject": { "Data": "s" }, "Body": { "Text": { "Data": "t" } } } },
    });
    mailer.v1("CreateConfigurationSet", "ConfigurationSet.Name=s").await;
    mailer.v1("UpdateConfigurationSetSendingEnabled", "ConfigurationSetName=s&Enabled=false").await;
    let answer = mailer.v2("POST", "outbound-emails", body.clone()).await;
    answer.refuses(400, "SendingPausedException", "Email sending is disabled for the configuration set <s>.");
    mailer.v2("PUT", "configuration-sets/s/sending", json!({ "SendingEnabled": true })).await.ok();
    mailer.v2("POST", "outbound-emails", body).await.ok();
    mailer.v1("UpdateAccountSendingEnabled", "Enabled=false").await;
    let fields = "Source=me%40example.com&Destination.ToAddresses.member.1=a%40b.c&Message.Subject.Data=s&Message.Body.Text.Data=t";
    let said = "Email sending is disabled for this account.";
    mailer.v1_refuses("SendEmail", fields, "AccountSendingPausedException", said).await;
    assert!(mailer.v1("GetAccountSendingEnabled", "").await.contains("<Enabled>false</Enabled>"));
    mailer.v2("PUT", "account/sending", json!({ "SendingEnabled": true })).await.ok();
    mailer.v1("SendEmail", fields).await;
}

#[tokio::test]
async fn configuration_sets_are_made_shown_and_deleted() {
    let mailer = Mailer::new();
    mailer.v1("CreateConfigurationSet", "ConfigurationSet.Name=one").await;
    let said = "Configuration set &lt;one&gt; already exists.";
    mailer
        .v1_refuses(
            "CreateConfigurationSet",
            "ConfigurationSet.Name=one",
            "ConfigurationSetAlreadyExists",
            said,
        )
        .await;
    let said = "Invalid Configuration Set Name &lt;a b&gt;: only alphanumeric ASCII characters, '_', and '-' are allowed.";
    mailer
        .v1_refuses("CreateConfigurationSet", "ConfigurationSet.Name=a+b", "InvalidConfigurationSet", said)
        .await;
    let body = json!({
        "ConfigurationSetName": "two", "SuppressionOptions": { "SuppressedReasons": ["BOUNCE"] },
        "Tags": [{ "Key": "k", "Value": "v" }],
    });
    mailer.v2("POST", "configuration-sets", body).await.ok();
    let shown = mailer.v2("GET", "configuration-sets/two", json!(null)).await.ok();
    assert_eq!(shown["SuppressionOptions"]["SuppressedReasons"], json!(["BOUNCE"]));
    assert_eq!(shown["SendingOptions"]["SendingEnabled"], true);
    assert_eq!(shown["Tags"], json!([{ "Key": "k", "Value": "v" }]));
    let refused =
        json!({ "ConfigurationSetName": "three", "TrackingOptions": { "CustomRedirectDomain": "d" } });
    assert_eq!(mailer.v2("POST", "configuration-sets", refused).await.status, 501);
    let listed = mailer.v2("POST", "list-configuration-sets", json!({})).await.ok();
    assert_eq!(listed["ConfigurationSets"], json!(["one", "two"]));
    let listed = mailer.v1("ListConfigurationSets", "MaxItems=1").await;
    assert!(listed.contains("<Name>one</Name>") && listed.contains("<NextToken>"), "{listed}");
    let described = mailer.v1("DescribeConfigurationSet", "ConfigurationSetName=one").await;
    assert!(described.contains("<ConfigurationSet><Name>one</Name></ConfigurationSet>"), "{described}");
    mailer.v1("DeleteConfigurationSet", "ConfigurationSetName=one").await;
    mailer.v2("DELETE", "configuration-sets/two", json!(null)).await.ok();
    let gone = mailer.v2("GET", "configuration-sets/two", json!(null)).await;
    gone.refuses(404, "NotFoundException", "Configuration set <two> does not exist.");
    let said = "Configuration set &lt;one&gt; does not exist.";
    mailer
        .v1_refuses(
            "DeleteConfigurationSet",
            "ConfigurationSetName=one",
            "ConfigurationSetDoesNotExist",
            said,
        )
        .await;
}

#[tokio::test]
async fn nothing_is_sent_to_addresses_on_the_suppression_list() {
    let mailer = Mailer::verified().await;
    mailer
        .v2("PUT", "suppression/addresses", json!({ "EmailAddress": "Bad@b.c", "Reason": "BOUNCE" }))
        .await
        .ok();
    mailer
        .v2("PUT", "suppression/addresses", json!({ "EmailAddress": "cross@b.c", "Reason": "COMPLAINT" }))
        .await
        .ok();
    let shown = mailer.v2("GET", "suppression/addresses/bad%40b.c", json!(null)).await.ok();
    assert_eq!(shown["SuppressedDestination"]["Reason"], "BOUNCE");
    let listed = mailer.v2("GET", "suppression/addresses?Reason=COMPLAINT", json!(null)).await.ok();
    assert_eq!(listed["SuppressedDestinationSummaries"][0]["EmailAddress"], "cross@b.c");
    assert_eq!(listed["SuppressedDestinationSummaries"].as_array().map(Vec::len), Some(1));
    let fate = |to: &'static str| {
        let mailer = &mailer;
        async move {
            let id = mailer.send("me@example.com", &[to], json!({})).await;
            mailer.mails(&format!("?id={id}")).await[0]["Status"][to].clone()
        }
    };
    assert_eq!(fate("bad@b.c").await, "Suppressed");
    assert_eq!(fate("cross@b.c").await, "Suppressed");
    mailer.v2("PUT", "account/suppression", json!({ "SuppressedReasons": ["BOUNCE"] })).await.ok();
    assert_eq!(fate("cross@b.c").await, "Delivered");
    mailer.v2("DELETE", "suppression/addresses/BAD%40b.c", json!(null)).await.ok();
    assert_eq!(fate("bad@b.c").await, "Delivered");
    let gone = mailer.v2("GET", "suppression/addresses/bad%40b.c", json!(null)).await;
    gone.refuses(404, "NotFoundException", "Email address does not exist on your suppression list.");
    let gone = mailer.v2("DELETE", "suppression/addresses/bad%40b.c", json!(null)).await;
    gone.refuses(404, "NotFoundException", "Email address does not exist on your suppression list.");
    let bad = mailer.v2("GET", "suppression/addresses?NextToken=!", json!(null)).await;
    bad.refuses(400, "InvalidNextTokenException", "The token is not valid.");
    mailer.v2("POST", "configuration-sets", json!({ "ConfigurationSetName": "s" })).await.ok();
    mailer
        .v2("PUT", "configuration-sets/s/suppression-options", json!({ "SuppressedReasons": ["COMPLAINT"] }))
        .await
        .ok();
    let id = mailer.send("me@example.com", &["cross@b.c"], json!({ "ConfigurationSetName": "s" })).await;
    assert_eq!(mailer.mails(&format!("?id={id}")).await[0]["Status"]["cross@b.c"], "Suppressed");
}

#[tokio::test]
async fn tags_are_on_identities_sets_and_templates() {
    let mailer = Mailer::verified().await;
    mailer.v2("POST", "configuration-sets", json!({ "ConfigurationSetName": "s" })).await.ok();
    let content = json!({ "TemplateName": "t", "TemplateContent": { "Subject": "s", "Text": "t" } });
    mailer.v2("POST", "templates", content).await.ok();
    for resource in ["identity/me@example.com", "configuration-set/s", "template/t"] {
        let arn = format!("arn:aws:ses:us-east-1:000000000000:{resource}");
        let tags = json!([{ "Key": "a", "Value": "1" }, { "Key": "b", "Value": "2" }]);
        mailer.v2("POST", "tags", json!({ "ResourceArn": arn, "Tags": tags })).await.ok();
        mailer.v2("DELETE", &format!("tags?ResourceArn={arn}&TagKeys=a"), json!(null)).await.ok();
        let listed = mailer.v2("GET", &format!("tags?ResourceArn={arn}"), json!(null)).await.ok();
        assert_eq!(listed["Tags"], json!([{ "Key": "b", "Value": "2" }]), "{resource}");
    }
    let arn = "arn:aws:ses:us-east-1:000000000000:template/none";
    let gone = mailer.v2("GET", &format!("tags?ResourceArn={arn}"), json!(null)).await;
    gone.refuses(404, "NotFoundException", &format!("Resource <{arn}> does not exist."));
    let bad = mailer.v2("GET", "tags?ResourceArn=x", json!(null)).await;
    bad.refuses(400, "BadRequestException", "Invalid resource ARN <x>.");
}
