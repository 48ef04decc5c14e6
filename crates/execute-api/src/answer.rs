//! Answers of the gateway itself.

use aws_wire::Response;
use aws_wire::rest::insert_header;

/// An answer of JSON.
pub fn json(status: u16, body: &str) -> Response {
    let mut response = Response::empty(status);
    insert_header(&mut response.headers, "content-type", "application/json");
    response.body = body.to_owned().into();
    response
}

/// `{"message":"…"}`
pub fn message(status: u16, message: &str) -> Response {
    json(status, &serde_json::json!({ "message": message }).to_string())
}
