//! `lambent mail`: what was sent with SES, and one mail whole.

use std::fmt::Write as _;

use clap::Args;
use http::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value as Json;

use crate::{Client, Common, Done, Error};

/// Where the mailbox is.
const PATH: &str = "/_aws/ses";

#[derive(Args)]
pub struct Flags {
    /// The mail to show, by its message id
    id: Option<String>,
    /// Only mails that this address sent or got
    #[arg(long, value_name = "ADDRESS", conflicts_with = "id")]
    email: Option<String>,
    /// Show the mail as its bytes, headers and all
    #[arg(long, requires = "id")]
    raw: bool,
    #[command(flatten)]
    common: Common,
}

pub(crate) async fn run(flags: Flags) -> Result<Done, Error> {
    let mut client = Client::new(&flags.common)?;
    match &flags.id {
        Some(id) => show(&mut client, &flags, id).await?,
        None => list(&mut client, &flags).await?,
    }
    Ok(Done::Well)
}

async fn show(client: &mut Client, flags: &Flags, id: &str) -> Result<(), Error> {
    let page = get(client, &format!("?id={}", encoded(id))).await?;
    let mail = &page["messages"][0];
    if flags.common.json {
        say!("{mail}");
    } else if flags.raw {
        say!("{}", text(&mail["RawData"]).trim_end());
    } else {
        say!("{}", whole(mail));
    }
    Ok(())
}

async fn list(client: &mut Client, flags: &Flags) -> Result<(), Error> {
    let filter = flags.email.as_ref().map(|email| format!("email={}", encoded(email))).unwrap_or_default();
    let mut token = String::new();
    loop {
        let page = get(client, &format!("?{filter}&{token}")).await?;
        for mail in page["messages"].as_array().into_iter().flatten() {
            if flags.common.json {
                say!("{mail}");
            } else {
                say!("{}", line(mail));
            }
        }
        let Some(next) = page["nextToken"].as_str() else { return Ok(()) };
        token = format!("nextToken={}", encoded(next));
    }
}

async fn get(client: &mut Client, query: &str) -> Result<Json, Error> {
    let operation = "read the mailbox";
    let answer = client.visit("ses", operation, Method::GET, &format!("{PATH}{query}"), "").await?;
    serde_json::from_slice(&answer.body).map_err(|error| Error::failed(operation, error))
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn text(value: &Json) -> &str {
    value.as_str().unwrap_or_default()
}

/// When, from whom, to whom and what became of it, about what, and by which id it is shown.
fn line(mail: &Json) -> String {
    format!(
        "{}  {}  {} > {}  {}",
        text(&mail["Id"]),
        text(&mail["Timestamp"]),
        text(&mail["Source"]),
        recipients(mail),
        text(&mail["Subject"])
    )
}

/// Everybody that it was for; what became of it where it was not delivered.
fn recipients(mail: &Json) -> String {
    let fates = mail["Status"].as_object().into_iter().flatten();
    let shown = fates.map(|(recipient, fate)| match text(fate) {
        "Delivered" => recipient.clone(),
        fate => format!("{recipient} ({})", fate.to_lowercase()),
    });
    shown.collect::<Vec<_>>().join(", ")
}

fn whole(mail: &Json) -> String {
    let mut out = format!(
        "Id       {}\nDate     {}\nFrom     {}\nTo       {}\nSubject  {}\n",
        text(&mail["Id"]),
        text(&mail["Timestamp"]),
        text(&mail["Source"]),
        recipients(mail),
        text(&mail["Subject"])
    );
    let body = &mail["Body"];
    let body = body["text_part"].as_str().or(body["html_part"].as_str()).unwrap_or_default();
    let _ = write!(out, "\n{}", body.trim_end());
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_mail_is_a_line_or_a_page() {
        let mail = json!({
            "Id": "0100", "Timestamp": "2026-11-23T10:11:12.345Z", "Source": "me@b.c", "Subject": "Hi",
            "Status": { "a@b.c": "Delivered", "x@b.c": "Bounced" }, "Body": { "text_part": "hello\r\n", "html_part": null },
        });
        assert_eq!(line(&mail), "0100  2026-11-23T10:11:12.345Z  me@b.c > a@b.c, x@b.c (bounced)  Hi");
        assert_eq!(
            whole(&mail),
            "Id       0100\nDate     2026-11-23T10:11:12.345Z\nFrom     me@b.c\nTo       a@b.c, x@b.c (bounced)\nSubject  Hi\n\nhello"
        );
    }
}
