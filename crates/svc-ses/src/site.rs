//! `/_aws/ses`: the mailbox, for tests and people who want to see what was sent.
//!
//! `GET` lists, oldest first; `?id=` gives one mail, `?email=` those that an address sent or got. `DELETE` takes away
//! what `GET` would list.

use std::sync::Arc;

use aws_wire::protocol::encode_error;
use aws_wire::rest::insert_header;
use aws_wire::{AwsError, Request, Response, Result};
use kv::{Direction, Read, Span};
use percent_encoding::percent_decode_str;
use serde_json::{Value as Json, json};
use service::{Pending, Site, Visit};

use crate::address::Mailbox;
use crate::keys::{MAILS, Named};
use crate::mail::Mail;
use crate::{Ctx, Ses, event, mail, mime};

const PATH: &str = "/_aws/ses";
/// Mails in one answer; a token says where the next begins.
const MAILS_MAX: usize = 100;
/// Bytes of mails in one answer, after which it ends.
const BYTES_MAX: usize = 16 << 20;

pub(crate) struct MailboxSite(pub Arc<Ses>);

impl Site for MailboxSite {
    fn claims(&self, request: &Request) -> bool {
        request.path == PATH || request.path.strip_prefix(PATH) == Some("/")
    }

    fn body_bytes_max(&self) -> usize {
        0
    }

    fn answer(&self, cx: service::Ctx, visit: Visit) -> Pending<Response> {
        let cx = cx.with_state(Arc::clone(&self.0));
        Box::pin(async move {
            let request_id = Arc::clone(&cx.request_id);
            let api = &api_sesv2::SERVICE;
            let mut response = serve(&cx, visit).await.unwrap_or_else(|error| {
                if error.status >= 500 {
                    tracing::error!(request_id = &*request_id, cause = ?error.cause, "the mailbox failed");
                }
                encode_error(api.protocols[0], api, &error, &request_id)
            });
            insert_header(&mut response.headers, "x-amzn-requestid", &request_id);
            response
        })
    }
}

/// What a visitor asks for.
#[derive(Default)]
struct Wish {
    id: Option<String>,
    email: Option<String>,
    token: Option<String>,
}

impl Wish {
    fn parse(query: &str) -> Self {
        let mut wish = Self::default();
        for (name, value) in query.split('&').filter_map(|field| field.split_once('=')) {
            let value = value.replace('+', "%20");
            // A plus is a label in an address far more often than a space.
            let plus = name == "email";
            let value = if plus { value.replace("%20", "+") } else { value };
            let value = percent_decode_str(&value).decode_utf8_lossy().into_owned();
            match name {
                "id" => wish.id = Some(value),
                "email" => wish.email = Some(value.to_lowercase()),
                "nextToken" => wish.token = Some(value),
                _ => {}
            }
        }
        wish
    }

    fn wants(&self, mail: &Mail) -> bool {
        let Some(email) = &self.email else { return true };
        let source = Mailbox::parse(&mail.source).map(|mailbox| mailbox.address.to_lowercase());
        source.is_ok_and(|source| source == *email)
            || mail.fates.keys().any(|recipient| recipient.to_lowercase() == *email)
    }
}

async fn serve(cx: &Ctx, visit: Visit) -> Result<Response> {
    let caller = visit.caller?;
    let wish = Wish::parse(&visit.request.query);
    match visit.request.method.as_str() {
        "GET" | "HEAD" => list(cx, &caller.account, &wish).await,
        "DELETE" => delete(cx, &caller.account, &wish).await,
        _ => Err(AwsError::common("MethodNotAllowedException", 405, "The mailbox knows GET and DELETE.")),
    }
}

/// Mails of an account in all regions from a place on, each with its key.
fn page(reader: &impl Read, account: &str, wish: &Wish) -> Result<(Vec<(Named, Mail)>, bool)> {
    let mut span = Span::prefix(&(account,));
    if let Some((region, id)) = wish.token.as_deref().and_then(|token| token.split_once('/')) {
        span = span.after(&(account, region, id));
    }
    let rows = MAILS.scan(reader, &span, MAILS_MAX, Direction::Forward)?;
    let full = rows.len() == MAILS_MAX;
    Ok((rows, full))
}

async fn list(cx: &Ctx, account: &str, wish: &Wish) -> Result<Response> {
    let snapshot = cx.kv.snapshot().await?;
    if let Some(id) = &wish.id {
        let (key, mail) = one(&snapshot, account, id)?;
        return Ok(answer(&json!({ "messages": [shown(&snapshot, &key, &mail)?] })));
    }
    let (mut messages, mut bytes, mut last) = (Vec::new(), 0, None);
    let (rows, mut more) = page(&snapshot, account, wish)?;
    for (key, mail) in rows {
        if bytes > BYTES_MAX {
            more = true;
            break;
        }
        if wish.wants(&mail) {
            bytes += mail.size_bytes;
            messages.push(shown(&snapshot, &key, &mail)?);
        }
        last = Some(format!("{}/{}", key.1, key.2));
    }
    let mut body = json!({ "messages": messages });
    if let Some(last) = last.filter(|_| more) {
        body["nextToken"] = last.into();
    }
    Ok(answer(&body))
}

/// A mail by its id, in whichever region.
fn one(reader: &impl Read, account: &str, id: &str) -> Result<(Named, Mail)> {
    let mut span = Span::prefix(&(account,));
    while let Some((key, _)) = MAILS.scan(reader, &span, 1, Direction::Forward)?.into_iter().next() {
        let key = (key.0, key.1, id.to_owned());
        if let Some(mail) = MAILS.get(reader, &key)? {
            return Ok((key, mail));
        }
        span = Span::prefix(&(account,)).after_prefix(&(account, &key.1));
    }
    Err(api_sesv2::errors::not_found_exception(format!("There is no mail <{id}>.")))
}

async fn delete(cx: &Ctx, account: &str, wish: &Wish) -> Result<Response> {
    if let Some(id) = &wish.id {
        let (key, _) = one(&cx.kv.snapshot().await?, account, id)?;
        cx.kv.transact(|tx| mail::delete(tx, &key)).await?;
        return Ok(Response::empty(204));
    }
    let mut wish = Wish { email: wish.email.clone(), ..Wish::default() };
    loop {
        let (rows, more) = page(&cx.kv.snapshot().await?, account, &wish)?;
        for (key, _) in rows.iter().filter(|(_, mail)| wish.wants(mail)) {
            cx.kv.transact(|tx| mail::delete(tx, key)).await?;
        }
        let Some((last, _)) = rows.last().filter(|_| more) else { break };
        wish.token = Some(format!("{}/{}", last.1, last.2));
    }
    Ok(Response::empty(204))
}

/// A mail as the field's emulators show theirs, and what became of it.
fn shown(reader: &impl Read, key: &Named, mail: &Mail) -> Result<Json> {
    let content = mail::content(reader, key)?;
    let message = mime::parse(&content).filter(|_| !content.is_empty());
    let text = message.as_ref().filter(|message| message.text_body_count() > 0);
    let html = message.as_ref().filter(|message| message.html_body_count() > 0);
    let fates = mail.fates.iter().map(|(recipient, fate)| (recipient.clone(), json!(format!("{fate:?}"))));
    let mut out = json!({
        "Id": key.2,
        "Region": key.1,
        "Timestamp": event::iso(mail.at),
        "Source": mail.source,
        "Destination": { "ToAddresses": mail.to, "CcAddresses": mail.cc, "BccAddresses": mail.bcc },
        "Subject": mail.subject,
        "Body": {
            "text_part": text.and_then(|message| message.body_text(0)),
            "html_part": html.and_then(|message| message.body_html(0)),
        },
        "ReturnPath": mail.return_path,
        "Tags": mail.tags.iter().map(|(name, value)| json!({ "Name": name, "Value": value })).collect::<Vec<_>>(),
        "ConfigurationSetName": mail.configuration_set,
        "Status": fates.collect::<serde_json::Map<_, _>>(),
    });
    if mail.size_bytes > 0 {
        out["RawData"] = String::from_utf8_lossy(&content).into();
    }
    if let Some(template) = &mail.template {
        out["Template"] = template.as_str().into();
        out["TemplateData"] = mail.template_data.as_deref().into();
    }
    Ok(out)
}

fn answer(body: &Json) -> Response {
    let mut response = Response::empty(200);
    insert_header(&mut response.headers, "content-type", "application/json");
    response.body = body.to_string().into();
    response
}
