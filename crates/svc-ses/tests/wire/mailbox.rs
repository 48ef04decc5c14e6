//! `/_aws/ses`: what was sent, for whoever looks.

use std::time::Duration;

use kv::Table;
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

#[tokio::test]
async fn what_a_crash_left_of_a_mail_is_swept_and_old_counts_are_forgotten() {
    const CONTENTS: Table<(String, String, String, u32), String> = Table::new(786, "contents of mails");
    let mailer = Mailer::verified().await;
    let kept = mailer.send("me@example.com", &["a@b.c"], json!({})).await;
    let orphan = kept.replace("010001a2", "010001a1");
    let part = |id: &str, number| ("000000000000".to_owned(), "us-east-1".to_owned(), id.to_owned(), number);
    let write = |id: String| {
        let key = part(&id, 2);
        mailer.0.kv.transact(move |tx| CONTENTS.put(tx, &key, &"eA==".to_owned()))
    };
    write(orphan).await.expect("memory has no failures");
    // This one may belong to a mail that is being sent.
    write(kept.replace("-000000", "-000001")).await.expect("memory has no failures");
    assert_eq!((mailer.0.rows(786).await, mailer.0.rows(787).await), (3, 1));
    mailer.0.clock.advance(Duration::from_secs(1800));
    mailer.0.stop_jobs().await;
    mailer.0.start_jobs();
    mailer.0.until("the sweep", || async { mailer.0.rows(786).await == 2 }).await;
    mailer.0.clock.advance(Duration::from_secs(15 * 24 * 3600));
    mailer.0.until("the next sweep", || async { mailer.0.rows(787).await == 0 }).await;
    assert_eq!(mailer.0.rows(786).await, 1);
    assert_eq!(mailer.mails("").await[0]["Body"]["text_part"], "t");
}
