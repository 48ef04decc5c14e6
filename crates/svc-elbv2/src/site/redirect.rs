//! Redirects: a URL of the request's parts and the action's.

use aws_wire::Response;
use aws_wire::rest::insert_header;

use super::{Passage, refusal};
use crate::action::Redirect;
use crate::condition;

pub(super) fn redirect(to: &Redirect, passage: &Passage<'_>) -> Response {
    let request = &passage.visit.request;
    let asked = Asked {
        host: condition::host(request),
        port: passage.port,
        path: passage.path.strip_prefix('/').unwrap_or(passage.path),
        query: &request.query,
    };
    let mut response = refusal(if to.permanent { 301 } else { 302 });
    insert_header(&mut response.headers, "location", &location(to, &asked));
    response
}

/// What placeholders stand for; they come by HTTP only.
struct Asked<'a> {
    host: &'a str,
    port: u16,
    path: &'a str,
    query: &'a str,
}

fn location(to: &Redirect, asked: &Asked<'_>) -> String {
    let protocol = filled(&to.protocol, asked).to_ascii_lowercase();
    let (host, port) = (filled(&to.host, asked), filled(&to.port, asked));
    let (path, query) = (filled(&to.path, asked), filled(&to.query, asked));
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{protocol}://{host}:{port}{path}{mark}{query}")
}

/// A text with its placeholders filled in, once: what a request says is not read for more.
fn filled(text: &str, asked: &Asked<'_>) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("#{") {
        filled.push_str(before);
        let known = after.split_once('}').and_then(|(name, behind)| {
            let value = match name {
                "protocol" => "http".to_owned(),
                "host" => asked.host.to_owned(),
                "port" => asked.port.to_string(),
                "path" => asked.path.to_owned(),
                "query" => asked.query.to_owned(),
                _ => return None,
            };
            Some((value, behind))
        });
        match known {
            Some((value, behind)) => {
                filled.push_str(&value);
                rest = behind;
            }
            None => {
                filled.push_str("#{");
                rest = after;
            }
        }
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_in_once() {
        let check = |parts: [&str; 5], expected: &str| {
            let [protocol, host, port, path, query] = parts.map(str::to_owned);
            let to = Redirect { protocol, host, port, path, query, permanent: true };
            let asked = Asked { host: "#{port}.example.com", port: 81, path: "a/b", query: "x=1" };
            assert_eq!(location(&to, &asked), expected);
        };
        let same = "http://#{port}.example.com:81/a/b?x=1";
        check(["#{protocol}", "#{host}", "#{port}", "/#{path}", "#{query}"], same);
        check(
            ["HTTPS", "new.#{host}", "443", "/v2/#{path}/#{other}", "#{query}&y=#{port}"],
            "https://new.#{port}.example.com:443/v2/a/b/#{other}?x=1&y=81",
        );
        check(["HTTP", "h", "80", "/", ""], "http://h:80/");
    }
}
