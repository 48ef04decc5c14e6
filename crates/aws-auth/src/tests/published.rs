//! AWS's published test vectors of Signature Version 4, read from the sources of the crate that ships them.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::*;

/// Vectors that no HTTP request can be, or that AWS's services don't follow.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("get-space-normalized", "header", "no request line of HTTP holds a bare space"),
    ("get-space-normalized", "query", "no request line of HTTP holds a bare space"),
    ("get-space-unnormalized", "header", "no request line of HTTP holds a bare space"),
    ("get-space-unnormalized", "query", "no request line of HTTP holds a bare space"),
    ("post-sts-header-after", "query", "the token joins the URL unsigned, as only AWS IoT takes it"),
    ("double-encode-path", "header", "signed with a key that the vectors do not tell"),
];

/// The folder of the version that this workspace is locked to.
fn vectors() -> PathBuf {
    let arguments = ["metadata", "--format-version=1", "--offline", "--locked"];
    let out = Command::new(env!("CARGO")).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    let out = out.expect("cargo runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&out.stdout).expect("JSON");
    let mut packages = metadata["packages"].as_array().expect("packages").iter();
    let package = packages.find(|package| package["name"] == "aws-sigv4").expect("a dependency of ours");
    let manifest = package["manifest_path"].as_str().expect("a path");
    Path::new(manifest).with_file_name("aws-signing-test-suite").join("v4")
}

/// Reads a request as the vectors write it: an HTTP/1 message with bare line feeds.
pub fn read_request(text: &str) -> Request {
    let (head, body) = text.split_once("\n\n").unwrap_or((text.trim_end(), ""));
    // A folded header is one line with spaces, for a server.
    let head = head.replace("\n ", " ");
    let mut lines = head.lines();
    let line = lines.next().expect("a request line");
    let (method, target) = line.split_once(' ').expect("a method");
    let target = target.strip_suffix(" HTTP/1.1").unwrap_or(target);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(':').expect("a header");
        let name = HeaderName::try_from(name).expect("a name");
        headers.append(name, HeaderValue::try_from(value.trim()).expect("a value"));
    }
    Request {
        method: method.parse().expect("a method"),
        path: path.to_owned(),
        query: query.to_owned(),
        headers,
        body: body.to_owned().into(),
    }
}

fn verify(mut request: Request, path_form: PathForm) -> Result<(), Refusal> {
    let claim = Claim::read(&request)?.ok_or(Refusal::Missing)?;
    let service = claim.scope.service.clone();
    claim.check_scope(&service)?;
    claim.check_time(claim.at, Duration::ZERO, false)?;
    let rules = Rules { path_form, ..Rules::of(&service) };
    check_signature(&claim, &example_key(), rules, &mut request)
}

/// Every way to change one byte of what a signature covers, by name.
fn changes(request: &Request) -> Vec<(String, Request)> {
    let claim = Claim::read(request).expect("read before").expect("signed");
    let mut all = Vec::new();
    let mut push = |name: &str, change: &dyn Fn(&mut Request)| {
        let mut changed = copy(request);
        change(&mut changed);
        all.push((name.to_owned(), changed));
    };
    push("method", &|r| r.method = "PUT".parse().expect("a method"));
    push("path", &|r| r.path.push('x'));
    push("query", &|r| r.query.push_str("&x"));
    push("body", &|r| r.body = [&r.body[..], b"x"].concat().into());
    for name in claim.signed_headers.iter().filter(|name| *name != "x-amz-date") {
        push(name, &|r| {
            let value = r.headers[name.as_str()].to_str().expect("text").to_owned() + "x";
            r.headers.insert(HeaderName::try_from(name).expect("a name"), value.parse().expect("a value"));
        });
    }
    let wrong = claim.signature.replace('0', "1");
    push("signature", &|r| {
        r.query = r.query.replace(&claim.signature, &wrong);
        if let Some(text) = r.header("authorization").map(|text| text.replace(&claim.signature, &wrong)) {
            r.headers.insert("authorization", text.parse().expect("a value"));
        }
    });
    all
}

#[test]
fn published_vectors_verify_and_one_changed_byte_does_not() {
    let (mut seen, mut failed) = (0, Vec::new());
    for folder in std::fs::read_dir(vectors()).expect("the crate ships its vectors") {
        let folder = folder.expect("an entry").path();
        let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
        let context = std::fs::read_to_string(folder.join("context.json")).unwrap_or_default();
        let path_form =
            if context.contains("\"normalize\": false") { PathForm::Doubled } else { PathForm::Normalized };
        for carrier in ["header", "query"] {
            let Ok(text) = std::fs::read_to_string(folder.join(format!("{carrier}-signed-request.txt")))
            else {
                continue;
            };
            seen += 1;
            let request = read_request(&text);
            let verified = verify(copy(&request), path_form);
            if let Some((.., reason)) = EXCEPTIONS.iter().find(|(n, c, _)| (*n, *c) == (&*name, carrier)) {
                assert!(verified.is_err(), "{name} ({carrier}) verifies, so it is no exception: {reason}");
                continue;
            }
            if let Err(refusal) = verified {
                failed.push(format!("{name} ({carrier}): {refusal:?}"));
                continue;
            }
            for (what, changed) in changes(&request) {
                assert!(verify(changed, path_form).is_err(), "{name} ({carrier}): another {what} verifies");
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(seen >= 70, "only {seen} vectors");
}
