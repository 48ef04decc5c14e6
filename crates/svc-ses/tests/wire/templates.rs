//! Templates: kept, rendered, and sent to many.

use serde_json::{Value as Json, json};

use crate::{Mailer, between, escaped};

const TEMPLATE: &str = "Template.TemplateName=t&Template.SubjectPart=Hi+%7B%7Bname%7D%7D\
                        &Template.TextPart=You+like+%7B%7Bthing%7D%7D&Template.HtmlPart=%3Cb%3E%7B%7Bthing%7D%7D%3C%2Fb%3E";

#[tokio::test]
async fn templates_are_kept_for_both_apis() {
    let mailer = Mailer::new();
    mailer.v1("CreateTemplate", TEMPLATE).await;
    mailer.v1_refuses("CreateTemplate", TEMPLATE, "AlreadyExists", "Template t already exists.").await;
    let shown = mailer.v2("GET", "templates/t", json!(null)).await.ok();
    assert_eq!(shown["TemplateContent"]["Subject"], "Hi {{name}}");
    let body = json!({ "TemplateName": "u", "TemplateContent": { "Subject": "s", "Html": "h" } });
    mailer.v2("POST", "templates", body.clone()).await.ok();
    mailer.v2("POST", "templates", body).await.refuses(
        400,
        "AlreadyExistsException",
        "Template u already exists.",
    );
    mailer
        .v2("PUT", "templates/u", json!({ "TemplateContent": { "Subject": "new", "Text": "x" } }))
        .await
        .ok();
    let shown = mailer.v1("GetTemplate", "TemplateName=u").await;
    assert!(shown.contains("<SubjectPart>new</SubjectPart>") && !shown.contains("HtmlPart"), "{shown}");
    let listed = mailer.v1("ListTemplates", "").await;
    assert!(listed.contains("<Name>t</Name><CreatedTimestamp>2026-11-23T10:11:12.345Z"), "{listed}");
    let page = mailer.v2("GET", "templates?PageSize=1", json!(null)).await.ok();
    let next = format!("templates?NextToken={}", page["NextToken"].as_str().expect("more"));
    let rest = mailer.v2("GET", &next, json!(null)).await;
    assert_eq!(rest.ok()["TemplatesMetadata"][0]["TemplateName"], "u");
    mailer.v1("DeleteTemplate", "TemplateName=t").await;
    mailer.v1("DeleteTemplate", "TemplateName=t").await;
    mailer
        .v1_refuses("GetTemplate", "TemplateName=t", "TemplateDoesNotExist", "Template t does not exist")
        .await;
    mailer.v1_refuses("UpdateTemplate", TEMPLATE, "TemplateDoesNotExist", "Template t does not exist").await;
    let gone = mailer.v2("DELETE", "templates/t", json!(null)).await;
    gone.refuses(404, "NotFoundException", "Template t does not exist");
    let broken = "Template.TemplateName=b&Template.SubjectPart=s&Template.TextPart=%7B%7B%23if";
    assert!(mailer.form("CreateTemplate", broken).await.text().contains("<Code>InvalidTemplate</Code>"));
}

#[tokio::test]
async fn a_template_is_rendered_as_a_mail() {
    let mailer = Mailer::new();
    mailer.v1("CreateTemplate", TEMPLATE).await;
    let data = |json: &str| format!("TemplateName=t&TemplateData={}", escaped(json));
    let rendered = mailer.v1("TestRenderTemplate", &data(r#"{"name":"Ann","thing":"<tea>"}"#)).await;
    for part in
        ["Subject: Hi Ann", "You like &lt;tea&gt;", "&lt;b&gt;&lt;tea&gt;&lt;/b&gt;", "MIME-Version: 1.0"]
    {
        assert!(rendered.contains(part), "{part} in {rendered}");
    }
    let missing = "Attribute 'thing' is not present in the rendering data.";
    mailer
        .v1_refuses("TestRenderTemplate", &data(r#"{"name":"Ann"}"#), "MissingRenderingAttribute", missing)
        .await;
    let invalid = "Template rendering data is invalid";
    mailer.v1_refuses("TestRenderTemplate", &data("[]"), "InvalidRenderingParameter", invalid).await;
    let answer = mailer.v2("POST", "templates/t/render", json!({ "TemplateData": "{\"name\":1}" })).await;
    answer.refuses(400, "BadRequestException", missing);
    let answer =
        mailer.v2("POST", "templates/t/render", json!({ "TemplateData": "{\"name\":1,\"thing\":2}" })).await;
    assert!(answer.ok()["RenderedTemplate"].as_str().expect("a mail").contains("Subject: Hi 1"));
}

#[tokio::test]
async fn one_template_is_sent_to_many() {
    let mailer = Mailer::verified().await;
    mailer.v1("CreateTemplate", TEMPLATE).await;
    let fields = format!(
        "Source=me%40example.com&Template=t&Destination.ToAddresses.member.1=a%40b.c&TemplateData={}",
        escaped(r#"{"name":"Ann","thing":"tea"}"#)
    );
    mailer.v1("SendTemplatedEmail", &fields).await;
    let bulk = format!(
        "Source=me%40example.com&Template=t&DefaultTemplateData={}&Destinations.member.1.Destination.ToAddresses.member.1=x%40b.c\
         &Destinations.member.1.ReplacementTemplateData={}&Destinations.member.2.Destination.ToAddresses.member.1=nobody\
         &Destinations.member.3.Destination.ToAddresses.member.1=z%40b.c",
        escaped(r#"{"name":"friend","thing":"cake"}"#),
        escaped(r#"{"name":"Xu"}"#)
    );
    let sent = mailer.v1("SendBulkTemplatedEmail", &bulk).await;
    let statuses = sent.split("<Status>").skip(2).map(|rest| rest.split('<').next().unwrap_or_default());
    assert_eq!(statuses.collect::<Vec<_>>(), ["Success", "InvalidParameterValue", "Success"], "{sent}");
    let body = json!({
        "FromEmailAddress": "me@example.com",
        "DefaultContent": { "Template": { "TemplateContent": { "Subject": "{{s}}", "Text": "{{t}}" }, "TemplateData": "{\"t\":\"T\"}" } },
        "BulkEmailEntries": [
            { "Destination": { "ToAddresses": ["p@b.c"] },
              "ReplacementEmailContent": { "ReplacementTemplate": { "ReplacementTemplateData": "{\"s\":\"own\"}" } },
              "ReplacementHeaders": [{ "Name": "X-Own", "Value": "1" }] },
            { "Destination": { "ToAddresses": ["q@b.c"] } },
        ],
    });
    let results = mailer.v2("POST", "outbound-bulk-emails", body).await.ok();
    assert_eq!(results["BulkEmailEntryResults"][0]["Status"], "SUCCESS");
    assert_eq!(results["BulkEmailEntryResults"][1]["Status"], "SUCCESS");
    let mails = mailer.mails("").await;
    let subjects =
        mails.iter().map(|mail| (mail["Destination"]["ToAddresses"][0].clone(), mail["Subject"].clone()));
    let mut subjects = subjects.collect::<Vec<(Json, Json)>>();
    subjects.sort_by_key(|(to, _)| to.to_string());
    let expected =
        [("a@b.c", "Hi Ann"), ("p@b.c", "own"), ("q@b.c", ""), ("x@b.c", "Hi Xu"), ("z@b.c", "Hi friend")];
    assert_eq!(subjects, expected.map(|(to, subject)| (json!(to), json!(subject))));
    let [lost] = mailer.mails("?email=q@b.c").await.try_into().expect("one mail");
    assert_eq!(lost["Status"], json!({ "q@b.c": "NotRendered" }), "its data lacks the subject");
}

#[tokio::test]
async fn sending_wants_a_template_and_data() {
    let mailer = Mailer::verified().await;
    let fields = |data: &str| {
        format!(
            "Source=me%40example.com&Template=t&Destination.ToAddresses.member.1=a%40b.c&TemplateData={}",
            escaped(data)
        )
    };
    mailer
        .v1_refuses("SendTemplatedEmail", &fields("{}"), "TemplateDoesNotExist", "Template t does not exist")
        .await;
    mailer.v1("CreateTemplate", TEMPLATE).await;
    let invalid = "Template rendering data is invalid";
    mailer.v1_refuses("SendTemplatedEmail", &fields("no"), "InvalidParameterValue", invalid).await;
    let bulk = "Source=x%40example.net&Template=t&DefaultTemplateData=%7B%7D&Destinations.member.1.Destination.ToAddresses.member.1=x%40b.c";
    let refused = mailer.form("SendBulkTemplatedEmail", bulk).await;
    assert_eq!(between(refused.text(), "<Code>", "</Code>"), "MessageRejected");
}
