//! A bucket as a website: index and error documents, redirects. Errors are pages.

use api_s3::{GetBucketWebsiteInput, GetBucketWebsiteOutput, Redirect, WebsiteConfiguration};
use aws_wire::{AwsError, Body, Response, Result, rest, timestamp};
use http::Method;
use kv::Read;
use percent_encoding::percent_decode_str;
use service::{Caller, Visit};

use crate::bucket::Bucket;
use crate::holds::Entry;
use crate::keys::BUCKETS;
use crate::object::Object;
use crate::right::{Right, Stranger, Wanted};
use crate::{Ctx, asked, content, customer, document, errors, object, restore};

const RULES_MAX: usize = 50;

/// The bucket of `BUCKET.s3-website.localhost` and of AWS's own hosts.
pub(crate) fn bucket_of_host(host: &str) -> Option<&str> {
    let name = host.split(':').next().unwrap_or_default();
    let (bucket, rest) = name.split_once(".s3-website")?;
    let is_ours = rest.ends_with(".localhost") || rest.ends_with(".amazonaws.com");
    (is_ours && !bucket.is_empty()).then_some(bucket)
}

/// # Errors
/// 400 for what is no website.
pub(crate) fn check(site: &WebsiteConfiguration) -> Result<()> {
    let invalid = |message: &str| errors::invalid_argument("WebsiteConfiguration", "", message);
    if site.redirect_all_requests_to.is_some() {
        let others =
            site.index_document.is_some() || site.error_document.is_some() || site.routing_rules.is_some();
        return if others {
            Err(invalid("RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules."))
        } else {
            Ok(())
        };
    }
    let suffix = site.index_document.as_ref().map(|index| index.suffix.as_str());
    let suffix = suffix.ok_or_else(|| {
        invalid("A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty")
    })?;
    if suffix.is_empty() || suffix.contains('/') {
        return Err(errors::invalid_argument(
            "IndexDocument",
            suffix,
            "The IndexDocument Suffix is not well formed",
        ));
    }
    if site.routing_rules.as_ref().is_some_and(|rules| rules.len() > RULES_MAX) {
        return Err(invalid("At most 50 routing rules are allowed."));
    }
    Ok(())
}

pub(crate) async fn answer(cx: &Ctx, name: &str, visit: Visit) -> Result<Response> {
    let request = &visit.request;
    if !matches!(request.method, Method::GET | Method::HEAD) {
        return Ok(page(&errors::method_not_allowed(request.method.as_str())));
    }
    let key = percent_decode_str(request.path.trim_start_matches('/')).decode_utf8_lossy().into_owned();
    let entry = cx.state.holds.enter().await;
    let snapshot = cx.kv.snapshot().await?;
    let Some(bucket) = BUCKETS.get(&snapshot, &name.to_owned())? else {
        return Ok(page(&errors::no_such_bucket(name)));
    };
    let Some(site) = document::read::<GetBucketWebsiteInput>(&snapshot, &bucket)? else {
        let message = "The specified bucket does not have a website configuration";
        return Ok(page(&errors::not_configured("NoSuchWebsiteConfiguration", message, name)));
    };
    if let Some(all) = &site.redirect_all_requests_to {
        let scheme = all.protocol.map_or("http", |protocol| protocol.as_str());
        return Ok(redirect_to(301, &format!("{scheme}://{}/{key}", all.host_name)));
    }
    if let Some(response) = by_rule(&site, &key, None, request.header("host")) {
        return Ok(response);
    }
    let suffix = site.index_document.as_ref().map_or("index.html", |index| index.suffix.as_str());
    let wanted = if key.is_empty() || key.ends_with('/') { format!("{key}{suffix}") } else { key.clone() };
    let insider = visit.caller.is_ok();
    let error = match readable(cx, &snapshot, &bucket, &wanted, insider) {
        Ok(object) => return show(cx, &entry, &snapshot, &object, 200),
        Err(error) => error,
    };
    let folder = format!("{key}/{suffix}");
    if error.status == 404 && !key.is_empty() && readable(cx, &snapshot, &bucket, &folder, insider).is_ok() {
        return Ok(redirect_to(302, &format!("/{key}/")));
    }
    if let Some(response) = by_rule(&site, &key, Some(error.status), request.header("host")) {
        return Ok(response);
    }
    let own = site.error_document.as_ref().map(|document| document.key.as_str());
    match own.map(|own| readable(cx, &snapshot, &bucket, own, insider)) {
        Some(Ok(object)) => show(cx, &entry, &snapshot, &object, error.status),
        _ => Ok(page(&error)),
    }
}

/// An object that the visitor may read: everybody who is known, else whom policy or ACL let in.
fn readable(cx: &Ctx, reader: &impl Read, bucket: &Bucket, key: &str, insider: bool) -> Result<Object> {
    if insider {
        return object::find(reader, bucket, key, None, "GET");
    }
    let nobody = cx.as_caller(Caller::anonymous(&bucket.region));
    let wanted = Wanted { key, version: None, method: "GET", right: Right::Read };
    Stranger::nobody(nobody.asking()).object(reader, bucket, wanted)
}

fn show(cx: &Ctx, entry: &Entry<'_>, reader: &impl Read, object: &Object, status: u16) -> Result<Response> {
    if let Some(to) = object.headers.website_redirect.as_deref().filter(|_| status == 200) {
        return Ok(redirect_to(301, to));
    }
    customer::check_read(object.customer.as_ref(), None)?;
    restore::check_read(object, cx.env.now())?;
    let content = content::find(reader, object.content)?;
    let body = content::open_all(cx, entry, &content, object, None);
    let mut response = Response::empty(status);
    let mut set = |name: &str, value: &str| rest::insert_header(&mut response.headers, name, value);
    set("content-type", &asked::content_type(&object.headers));
    set("content-length", &object.size_bytes.to_string());
    set("etag", &object.quoted_etag());
    set("last-modified", &timestamp::http_date(object.modified()));
    let headers = &object.headers;
    for (name, value) in
        [("cache-control", &headers.cache_control), ("content-encoding", &headers.content_encoding)]
    {
        if let Some(value) = value {
            set(name, value);
        }
    }
    if let Some(source) = body.take() {
        response.body = Body::Pieces(source.pieces);
    }
    Ok(response)
}

/// The redirect of the first routing rule that fits.
fn by_rule(
    site: &GetBucketWebsiteOutput,
    key: &str,
    status: Option<u16>,
    host: Option<&str>,
) -> Option<Response> {
    let rule = site.routing_rules.iter().flatten().find(|rule| {
        let condition = rule.condition.as_ref();
        let prefix = condition.and_then(|condition| condition.key_prefix_equals.as_deref());
        let code = condition.and_then(|condition| condition.http_error_code_returned_equals.as_deref());
        let fits_code = match (code, status) {
            (None, None) => true,
            (Some(code), Some(status)) => code.parse() == Ok(status),
            _ => false,
        };
        fits_code && prefix.is_none_or(|prefix| key.starts_with(prefix))
    })?;
    let prefix = rule.condition.as_ref().and_then(|condition| condition.key_prefix_equals.as_deref());
    Some(follow(&rule.redirect, key, prefix.unwrap_or_default(), host))
}

fn follow(redirect: &Redirect, key: &str, prefix: &str, host: Option<&str>) -> Response {
    let target = match (&redirect.replace_key_with, &redirect.replace_key_prefix_with) {
        (Some(whole), _) => whole.clone(),
        (None, Some(start)) => format!("{start}{}", key.strip_prefix(prefix).unwrap_or(key)),
        (None, None) => key.to_owned(),
    };
    let scheme = redirect.protocol.map_or("http", |protocol| protocol.as_str());
    let host = redirect.host_name.as_deref().or(host).unwrap_or_default();
    let code = redirect.http_redirect_code.as_ref().and_then(|code| code.parse().ok()).unwrap_or(301);
    redirect_to(code, &format!("{scheme}://{host}/{target}"))
}

fn redirect_to(status: u16, location: &str) -> Response {
    let mut response = Response::empty(status);
    rest::insert_header(&mut response.headers, "location", location);
    response
}

/// An error as a page.
fn page(error: &AwsError) -> Response {
    let mut message = String::new();
    aws_wire::xml::write_text_element(
        &mut message,
        "li",
        &format!("Message: {}", error.message.as_deref().unwrap_or_default()),
    );
    let (status, code) = (error.status, &error.code);
    let mut response = Response::empty(status);
    rest::insert_header(&mut response.headers, "content-type", "text/html; charset=utf-8");
    response.body = format!(
        "<html><head><title>{status} {code}</title></head><body><h1>{status} {code}</h1><ul><li>Code: {code}</li>{message}</ul></body></html>"
    )
    .into();
    response
}
