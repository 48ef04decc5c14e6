//! What events of both formats are made of.

use aws_wire::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use env::Timestamp;
use percent_encoding::percent_decode_str;

use crate::Arrival;

/// Every header by its name in small letters with its values, and what the gateway adds.
pub fn headers(request: &Request, arrival: &Arrival<'_>) -> Vec<(String, Vec<String>)> {
    let mut headers = Vec::new();
    for name in request.headers.keys() {
        let values = request.headers.get_all(name).iter();
        let values = values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        headers.push((name.as_str().to_owned(), values.collect::<Vec<_>>()));
    }
    let mut set = |name: &str, value: String| match headers.iter_mut().find(|(known, _)| known == name) {
        Some((_, values)) => *values = vec![value],
        None => headers.push((name.to_owned(), vec![value])),
    };
    let peer = arrival.source_ip();
    set(
        "x-forwarded-for",
        match request.header("x-forwarded-for") {
            Some(before) => format!("{before}, {peer}"),
            None => peer,
        },
    );
    set("x-forwarded-proto", "http".to_owned());
    set("x-forwarded-port", arrival.port.to_string());
    set("x-amzn-trace-id", arrival.trace_id.to_owned());
    headers
}

/// `content-type` as `Content-Type`.
pub fn title_case(name: &str) -> String {
    let mut at_start = true;
    let spell = |letter: char| {
        let spelled = if at_start { letter.to_ascii_uppercase() } else { letter };
        at_start = letter == '-';
        spelled
    };
    let spelled = name.chars().map(spell).collect::<String>();
    if spelled.starts_with("Sec-Websocket") { spelled.replacen("Websocket", "WebSocket", 1) } else { spelled }
}

pub fn cookies(request: &Request) -> Vec<String> {
    let values = request.headers.get_all("cookie").iter();
    let values = values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let cookies =
        values.flat_map(|value| value.split(';').map(|one| one.trim().to_owned()).collect::<Vec<_>>());
    cookies.filter(|cookie| !cookie.is_empty()).collect()
}

/// The parameters of a query, decoded, in order of their first appearance, each with all its values.
pub fn parameters(query: &str) -> Vec<(String, Vec<String>)> {
    let decode = |text: &str| decoded(&text.replace('+', " "));
    let mut parameters = Vec::<(String, Vec<String>)>::new();
    for field in query.split('&').filter(|field| !field.is_empty()) {
        let (name, value) = field.split_once('=').unwrap_or((field, ""));
        let (name, value) = (decode(name), decode(value));
        match parameters.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(value),
            None => parameters.push((name, vec![value])),
        }
    }
    parameters
}

/// Values of one name joined by commas.
pub fn joined(values: Vec<(String, Vec<String>)>) -> std::collections::BTreeMap<String, String> {
    values.into_iter().map(|(name, values)| (name, values.join(","))).collect()
}

/// Without percent signs; what is no UTF-8 then is replaced.
pub fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// The body and whether it is in base64, as all is that does not say that it is text.
pub fn body(body: &[u8], content_type: &str) -> (Option<String>, bool) {
    if body.is_empty() {
        return (None, false);
    }
    match std::str::from_utf8(body) {
        Ok(text) if is_text(content_type) => (Some(text.to_owned()), false),
        _ => (Some(base64(body)), true),
    }
}

pub fn base64(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

fn is_text(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    media_type.starts_with("text/")
        || media_type.ends_with("+json")
        || media_type.ends_with("+xml")
        || ["application/json", "application/xml", "application/javascript"].contains(&media_type.as_str())
}

/// Sixteen characters of a request's id, as API Gateway has in `apigw-requestid` and `x-amz-apigw-id`.
pub fn short_id(request_id: &str) -> String {
    let digits = request_id.bytes().filter(u8::is_ascii_hexdigit).collect::<Vec<_>>();
    let value = |digit: u8| char::from(digit).to_digit(16).unwrap_or_default() as u8;
    let bytes = digits.chunks_exact(2).map(|pair| value(pair[0]) << 4 | value(pair[1]));
    BASE64.encode(bytes.take(11).collect::<Vec<_>>())
}

/// `23/Nov/2026:10:11:12 +0000`, as logs of web servers have it.
pub fn clf_time(at: Timestamp) -> String {
    let at =
        time::OffsetDateTime::from_unix_timestamp(at.as_secs()).unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    let format =
        time::macros::format_description!("[day]/[month repr:short]/[year]:[hour]:[minute]:[second] +0000");
    at.format(format).expect("every component exists")
}

/// A moment as Java writes it, which claims of REST APIs show: `Mon Nov 23 10:11:12 UTC 2026`.
pub fn java_time(at: Timestamp) -> String {
    let at =
        time::OffsetDateTime::from_unix_timestamp(at.as_secs()).unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    let format = time::macros::format_description!(
        "[weekday repr:short] [month repr:short] [day] [hour]:[minute]:[second] UTC [year]"
    );
    at.format(format).expect("every component exists")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_and_joined() {
        let check = |query: &str, expected: &[(&str, &str)]| {
            let expected = expected.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            assert_eq!(joined(parameters(query)), expected, "{query}");
        };
        check("", &[]);
        check("a=1&b=2&a=3", &[("a", "1,3"), ("b", "2")]);
        check("a+b=%2B+c&d&e=", &[("a b", "+ c"), ("d", ""), ("e", "")]);
        check("a=b=c&&", &[("a", "b=c")]);
    }

    #[test]
    fn only_text_goes_as_it_is() {
        for text in
            ["text/plain", "Application/JSON; charset=utf-8", "application/problem+json", "image/svg+xml"]
        {
            assert!(is_text(text), "{text}");
        }
        for binary in ["", "application/octet-stream", "application/x-www-form-urlencoded", "image/png"] {
            assert!(!is_text(binary), "{binary}");
        }
    }

    #[test]
    fn times_are_as_in_logs() {
        assert_eq!(clf_time(Timestamp::from_secs(1_795_428_672)), "23/Nov/2026:10:11:12 +0000");
        assert_eq!(java_time(Timestamp::from_secs(1_795_428_672)), "Mon Nov 23 10:11:12 UTC 2026");
    }

    #[test]
    fn names_are_spelled_as_clients_do() {
        assert_eq!(title_case("content-type"), "Content-Type");
        assert_eq!(title_case("x-amzn-trace-id"), "X-Amzn-Trace-Id");
        assert_eq!(title_case("sec-websocket-protocol"), "Sec-WebSocket-Protocol");
    }

    #[test]
    fn short_ids_have_sixteen_characters() {
        assert_eq!(short_id("8d2f0e44-0000-4000-8000-0123456789ab"), "jS8ORAAAQACAAAE=");
    }
}
