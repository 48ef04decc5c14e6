//! The last of a response's way to its viewer: what they have already is not sent, a part is cut out, text is made small.

use std::io::Write as _;

use aws_wire::rest::insert_header;
use aws_wire::schema::TimestampFormat;
use aws_wire::{Body, Response, timestamp};
use bytes::{Bytes, BytesMut};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::StreamExt as _;
use http::{HeaderMap, Method};

use super::Viewer;
use super::cache::OBJECT_BYTES_MAX;
use super::page::Refusal;

/// What is made smaller, in bytes: what is little would not get smaller, what is large would take too long.
const COMPRESSED: std::ops::RangeInclusive<usize> = 1_000..=10_000_000;
/// Types that are, of those that AWS's guide lists ("Serve compressed files").
const TEXTS: [&str; 12] = [
    "application/javascript",
    "application/json",
    "application/ld+json",
    "application/manifest+json",
    "application/rss+xml",
    "application/vnd.ms-fontobject",
    "application/wasm",
    "application/x-javascript",
    "application/xhtml+xml",
    "application/xml",
    "image/svg+xml",
    "font/opentype",
];

/// A response with its body whole, if that is not too large to be kept.
///
/// # Errors
/// 502 where it breaks off.
pub(super) async fn gathered(response: Response) -> Result<Response, Refusal> {
    let Response { status, headers, body } = response;
    let mut pieces = match body {
        Body::Whole(_) => return Ok(Response { status, headers, body }),
        Body::Pieces(pieces) => pieces,
    };
    let said = headers.get("content-length").and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if said.is_some_and(|size| size > OBJECT_BYTES_MAX) {
        return Ok(Response { status, headers, body: Body::Pieces(pieces) });
    }
    let mut whole = BytesMut::new();
    while let Some(piece) = pieces.next().await {
        let broken =
            |_| Refusal::new(502, "The origin closed the connection before its response was complete.");
        whole.extend_from_slice(&piece.map_err(broken)?);
        if whole.len() > OBJECT_BYTES_MAX {
            let first = futures_util::stream::iter([Ok(whole.freeze())]);
            return Ok(Response { status, headers, body: Body::pieces(first.chain(pieces)) });
        }
    }
    Ok(Response { status, headers, body: whole.freeze().into() })
}

/// Makes text smaller for those who take it so.
pub(super) fn compress(response: &mut Response) {
    let Some(body) = response.body.whole().filter(|body| COMPRESSED.contains(&body.len())) else { return };
    let kind = response.headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_text = kind.starts_with("text/") || TEXTS.contains(&kind.as_str());
    if response.status != 200 || !is_text || response.headers.contains_key("content-encoding") {
        return;
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
    let written = encoder.write_all(body).and_then(|()| encoder.finish());
    let Ok(small) = written else { return };
    response.body = Bytes::from(small).into();
    response.headers.remove("content-length");
    insert_header(&mut response.headers, "content-encoding", "gzip");
    insert_header(&mut response.headers, "vary", "Accept-Encoding");
    // Other bytes than those that the strong tag is of.
    let etag = response.headers.get("etag").and_then(|etag| etag.to_str().ok()).map(str::to_owned);
    if let Some(etag) = etag.filter(|etag| !etag.starts_with("W/")) {
        insert_header(&mut response.headers, "etag", &format!("W/{etag}"));
    }
}

/// What the viewer gets of a response.
pub(super) fn finished(viewer: &Viewer, mut response: Response) -> Response {
    let reads = matches!(viewer.method, Method::GET | Method::HEAD);
    if reads && response.status == 200 && has_already(viewer, &response.headers) {
        response.headers.remove("content-length");
        response.status = 304;
        response.body = Body::Whole(Bytes::new());
        return response;
    }
    if viewer.method == Method::GET && response.status == 200 {
        cut(viewer, &mut response);
    }
    let Some(size) = response.body.whole().map(Bytes::len) else { return response };
    if viewer.method == Method::HEAD {
        if size > 0 {
            insert_header(&mut response.headers, "content-length", &size.to_string());
            response.body = Body::Whole(Bytes::new());
        }
    } else {
        response.headers.remove("content-length");
    }
    response
}

fn has_already(viewer: &Viewer, headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(known) = viewer.header("if-none-match") {
        let Some(etag) = text("etag") else { return false };
        let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
        return known.trim() == "*" || known.split(',').any(|tag| bare(tag) == bare(etag));
    }
    let moment = |text: &str| timestamp::parse(text, TimestampFormat::HttpDate);
    let since = viewer.header("if-modified-since").and_then(moment);
    let modified = text("last-modified").and_then(moment);
    since.zip(modified).is_some_and(|(since, modified)| modified <= since)
}

/// Cuts out the one range that is asked for; who asks for several gets everything.
fn cut(viewer: &Viewer, response: &mut Response) {
    let Some(range) = viewer.header("range").and_then(|range| range.strip_prefix("bytes=")) else { return };
    let Some(body) = response.body.whole() else { return };
    let etag = response.headers.get("etag").and_then(|etag| etag.to_str().ok());
    if viewer.header("if-range").is_some_and(|known| Some(known) != etag) || range.contains(',') {
        return;
    }
    let size = body.len();
    let Some((first, last)) = range.split_once('-') else { return };
    let span = match (first.trim().parse::<usize>().ok(), last.trim().parse::<usize>().ok()) {
        (Some(first), last) => first..last.map_or(size, |last| last.saturating_add(1)).min(size),
        (None, Some(count)) if first.is_empty() => size.saturating_sub(count)..size,
        _ => return,
    };
    if span.is_empty() {
        insert_header(&mut response.headers, "content-range", &format!("bytes */{size}"));
        response.status = 416;
        response.body = Body::Whole(Bytes::new());
        return;
    }
    let said = format!("bytes {}-{}/{size}", span.start, span.end - 1);
    let part = body.slice(span);
    insert_header(&mut response.headers, "content-range", &said);
    response.status = 206;
    response.body = part.into();
}
