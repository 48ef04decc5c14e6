//! `/_aws/ses`: what was sent, for whoever looks.

use serde_json::json;

use crate::Mailer;

#[tokio::test]
async fn mails_are_found_by_id_and_by_address_and_taken_away() {
    let mailer = Mailer::verified().await;
    assert_eq!(mailer.mails("").await.len(), 0);
    let first = mailer.send("me@example.com", &["a@b.c"], json!({})).await;
    let second = mailer.send("x@example.org", &["a@b.c", "Plus+label@b.c"], json!({})).await;
    let ids = |query: &'static str| {
        let mailer = &mailer;
        async move {
            let mails = mailer.mails(query).await;
            mails.iter().map(|mail| mail["Id"].as_str().expect("an id").to_owned()).collect::<Vec<_>>()
        }
    };
    assert_eq!(mailer.mails(&format!("?id={second}")).await.len(), 1);
    assert_eq!(ids("?email=me@example.com").await, [first.as_str()]);
    assert_eq!(ids("?email=ME%40example.com").await, [first.as_str()]);
    assert_eq!(ids("?email=plus+label@b.c").await, [second.as_str()]);
    assert_eq!(ids("?email=plus%2Blabel@b.c").await, [second.as_str()]);
    assert_eq!(ids("?email=nobody@b.c").await, [""; 0]);
    assert_eq!(ids("?email=a@b.c").await.len(), 2);
    mailer.visit("GET", "?id=none").await.refuses(404, "NotFoundException", "There is no mail <none>.");
    mailer.visit("POST", "").await.refuses(
        405,
        "MethodNotAllowedException",
        "The mailbox knows GET and DELETE.",
    );
    mailer.visit("DELETE", "?email=me@example.com").await.is(204, "");
    assert_eq!(ids("").await, [second]);
    mailer.visit("DELETE", "").await.is(204, "");
    assert_eq!(ids("").await, [""; 0]);
}

#[tokio::test]
async fn a_full_mailbox_comes_in_pages() {
    let mailer = Mailer::verified().await;
    for _ in 0..105 {
        mailer.send("me@example.com", &["a@b.c"], json!({})).await;
    }
    let page = mailer.visit("GET", "").await.ok();
    assert_eq!(page["messages"].as_array().map(Vec::len), Some(100));
    let token = page["nextToken"].as_str().expect("more");
    let rest = mailer.visit("GET", &format!("?nextToken={token}")).await.ok();
    assert_eq!(rest["messages"].as_array().map(Vec::len), Some(5));
    assert!(rest["nextToken"].is_null());
    mailer.visit("DELETE", "").await.is(204, "");
    assert_eq!(mailer.mails("").await.len(), 0);
}
