//! A browser's upload by form: fields, among them a signed policy that says what they may be, and then the file.

use std::collections::BTreeMap;

use api_s3::PutObjectInput;
use aws_auth::SignedForm;
use aws_wire::schema::TimestampFormat;
use aws_wire::{AwsError, Response, Result, rest, timestamp, xml};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use env::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value as Json;
use service::{Caller, Principal, Visit};

use crate::site::bucket_of;
use crate::{Ctx, errors, ops};

/// What a policy need not speak of.
const FREE: [&str; 6] = ["policy", "x-amz-signature", "file", "bucket", "awsaccesskeyid", "signature"];
const FIELDS_MAX: usize = 100;

/// The fields by lower-case name, and the file.
struct Form {
    fields: BTreeMap<String, String>,
    file: Bytes,
    file_name: String,
    file_type: Option<String>,
}

pub(crate) async fn answer(cx: Ctx, visit: Visit) -> Result<Response> {
    let bucket = bucket_of(&visit.request);
    let content_type = visit.request.header("content-type").unwrap_or_default();
    let form = read(content_type, &visit.request.body)?;
    let field = |name: &str| form.fields.get(name).map(String::as_str);
    let now = cx.env.now();
    let policy = field("policy");
    let signed = policy.map(|policy| SignedForm {
        policy,
        credential: field("x-amz-credential").unwrap_or_default(),
        date: field("x-amz-date").unwrap_or_default(),
        signature: field("x-amz-signature").unwrap_or_default(),
        session_token: field("x-amz-security-token"),
    });
    let identity = visit.authenticator.authenticate_form(signed, now).await?;
    if let Some(policy) = policy {
        check(policy, &form, &bucket, now)?;
    }
    let key = field("key").ok_or_else(|| missing("key"))?.replace("${filename}", &form.file_name);
    if key.is_empty() {
        return Err(missing("key"));
    }
    let (redirect, status) = (field("success_action_redirect"), field("success_action_status"));
    let input = input(&form, &bucket, &key)?;
    let principal = Principal { arn: identity.arn, user_id: identity.user_id };
    let caller = Caller { account: identity.account, region: identity.region, principal: principal.into() };
    let request_id = cx.request_id.clone();
    let stored = ops::put(cx.as_caller(caller), input, "ObjectCreated:Post").await?;

    let etag = stored.e_tag.unwrap_or_default();
    let mut response = success(&bucket, &key, &etag, redirect, status);
    rest::insert_header(&mut response.headers, "etag", &etag);
    rest::insert_header(&mut response.headers, "x-amz-request-id", &request_id);
    if let Some(version) = stored.version_id {
        rest::insert_header(&mut response.headers, "x-amz-version-id", &version);
    }
    Ok(response)
}

fn success(bucket: &str, key: &str, etag: &str, redirect: Option<&str>, status: Option<&str>) -> Response {
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let location = format!("http://{bucket}.s3.localhost/{}", encode(key).replace("%2F", "/"));
    if let Some(redirect) = redirect {
        let glue = if redirect.contains('?') { '&' } else { '?' };
        let mut response = Response::empty(303);
        let to =
            format!("{redirect}{glue}bucket={}&key={}&etag={}", encode(bucket), encode(key), encode(etag));
        rest::insert_header(&mut response.headers, "location", &to);
        return response;
    }
    if status != Some("201") {
        let mut response = Response::empty(if status == Some("200") { 200 } else { 204 });
        rest::insert_header(&mut response.headers, "location", &location);
        return response;
    }
    let mut document = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?><PostResponse>");
    for (name, text) in [("Location", location.as_str()), ("Bucket", bucket), ("Key", key), ("ETag", etag)] {
        xml::write_text_element(&mut document, name, text);
    }
    document.push_str("</PostResponse>");
    let mut response = Response::empty(201);
    rest::insert_header(&mut response.headers, "location", &location);
    rest::insert_header(&mut response.headers, "content-type", "application/xml");
    response.body = document.into();
    response
}

fn missing(name: &str) -> AwsError {
    let message = format!(
        "Bucket POST must contain a field named '{name}'.  If it is specified, please check the order of the fields."
    );
    errors::invalid_argument(name, "", message)
}

fn input(form: &Form, bucket: &str, key: &str) -> Result<PutObjectInput> {
    let field = |name: &str| form.fields.get(name).cloned();
    let prefix = "x-amz-meta-";
    let metadata = form
        .fields
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix(prefix)?.to_owned(), value.clone())));
    let unserved = form.fields.keys().find(|name| {
        name.starts_with("x-amz-server-side-encryption-") || name.starts_with("x-amz-object-lock-")
    });
    if let Some(name) = unserved {
        return Err(AwsError::parameter_not_implemented("POST Object", name));
    }
    let invalid = |name: &'static str| move |()| errors::invalid_argument(name, "", "Invalid value");
    Ok(PutObjectInput {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        body: Some(form.file.clone().into()),
        acl: field("acl").map(|acl| acl.parse().map_err(invalid("acl"))).transpose()?,
        cache_control: field("cache-control"),
        content_disposition: field("content-disposition"),
        content_encoding: field("content-encoding"),
        content_type: field("content-type").or_else(|| form.file_type.clone()),
        expires: field("expires"),
        metadata: Some(metadata.collect()),
        storage_class: field("x-amz-storage-class")
            .map(|class| class.parse().map_err(invalid("x-amz-storage-class")))
            .transpose()?,
        server_side_encryption: field("x-amz-server-side-encryption")
            .map(|kind| kind.parse().map_err(invalid("x-amz-server-side-encryption")))
            .transpose()?,
        tagging: field("tagging").map(|document| tagging(&document)).transpose()?,
        website_redirect_location: field("x-amz-website-redirect-location"),
        checksum_crc32: field("x-amz-checksum-crc32"),
        checksum_crc32_c: field("x-amz-checksum-crc32c"),
        checksum_crc64_nvme: field("x-amz-checksum-crc64nvme"),
        checksum_sha1: field("x-amz-checksum-sha1"),
        checksum_sha256: field("x-amz-checksum-sha256"),
        ..PutObjectInput::default()
    })
}

/// A form has tags as a document; a header has them as a query.
fn tagging(document: &str) -> Result<String> {
    let root = xml::parse(document.as_bytes()).map_err(|_| errors::malformed_xml())?;
    let set = root.children.iter().find(|child| child.name == "TagSet").ok_or_else(errors::malformed_xml)?;
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let fields = set.children.iter().map(|tag| {
        let text = |name: &str| {
            tag.children.iter().find(|child| child.name == name).map(|child| child.text.as_str())
        };
        format!("{}={}", encode(text("Key").unwrap_or_default()), encode(text("Value").unwrap_or_default()))
    });
    Ok(fields.collect::<Vec<_>>().join("&"))
}

/// # Errors
/// 400 for a policy that is none, 403 for a form that it does not allow.
fn check(policy: &str, form: &Form, bucket: &str, now: Timestamp) -> Result<()> {
    let malformed = |message: &str| errors::other(400, "InvalidPolicyDocument", message);
    let not_json = "Invalid Policy: Invalid JSON.";
    let document = BASE64.decode(policy).map_err(|_| malformed("Invalid Policy: Invalid base64."))?;
    let document = serde_json::from_slice::<Json>(&document).map_err(|_| malformed(not_json))?;
    let expiration = document["expiration"].as_str();
    let expires = expiration.and_then(|text| timestamp::parse(text, TimestampFormat::Iso8601));
    let expires = expires.ok_or_else(|| malformed("Invalid Policy: Invalid 'expiration' value."))?;
    let denied = |message: String| Err(errors::access_denied(&message));
    if expires <= now {
        return denied("Invalid according to Policy: Policy expired.".to_owned());
    }
    let conditions = document["conditions"].as_array();
    let conditions = conditions.ok_or_else(|| malformed("Invalid Policy: Policy missing conditions."))?;
    let mut spoken = Vec::new();
    for condition in conditions {
        let (operator, name, value) = match condition {
            Json::Object(fields) if fields.len() == 1 => {
                let (name, value) = fields.iter().next().expect("there is one");
                ("eq", name.to_ascii_lowercase(), value.as_str().unwrap_or_default())
            }
            Json::Array(parts) => match parts.as_slice() {
                [Json::String(range), least, most] if range.eq_ignore_ascii_case("content-length-range") => {
                    check_size(form.file.len() as u64, least, most)?;
                    continue;
                }
                [Json::String(operator), Json::String(name), Json::String(value)] => {
                    let name = name.trim_start_matches('$').to_ascii_lowercase();
                    (operator.as_str(), name, value.as_str())
                }
                _ => return Err(malformed("Invalid Policy: Invalid condition.")),
            },
            _ => return Err(malformed("Invalid Policy: Invalid condition.")),
        };
        let found = match name.as_str() {
            "bucket" => bucket,
            name => form.fields.get(name).map_or("", String::as_str),
        };
        let holds = match operator.to_ascii_lowercase().as_str() {
            "eq" => found == value,
            "starts-with" => found.starts_with(value),
            _ => return Err(malformed("Invalid Policy: Invalid condition.")),
        };
        if !holds {
            return denied(format!("Invalid according to Policy: Policy Condition failed: {condition}"));
        }
        spoken.push(name);
    }
    let free = |name: &String| FREE.contains(&name.as_str()) || name.starts_with("x-ignore-");
    match form.fields.keys().find(|name| !free(name) && !spoken.contains(name)) {
        Some(name) => denied(format!("Invalid according to Policy: Extra input fields: {name}")),
        None => Ok(()),
    }
}

fn check_size(size: u64, least: &Json, most: &Json) -> Result<()> {
    let number = |bound: &Json| bound.as_u64().or_else(|| bound.as_str()?.parse().ok());
    let (least, most) = (number(least).unwrap_or_default(), number(most).unwrap_or(u64::MAX));
    if size > most {
        return Err(errors::entity_too_large(most).with("ProposedSize", size.to_string()));
    }
    if size < least {
        let message = "Your proposed upload is smaller than the minimum allowed size";
        let error = errors::other(400, "EntityTooSmall", message);
        return Err(error.with("ProposedSize", size.to_string()).with("MinSizeAllowed", least.to_string()));
    }
    Ok(())
}

/// # Errors
/// 400 for what is no form with a file at its end.
fn read(content_type: &str, body: &Bytes) -> Result<Form> {
    let malformed = || {
        let message = "The body of your POST request is not well-formed multipart/form-data.";
        errors::other(400, "MalformedPOSTRequest", message)
    };
    let boundary = content_type.split(';').find_map(|part| part.trim().strip_prefix("boundary="));
    let boundary = boundary.map(|text| text.trim_matches('"')).filter(|text| !text.is_empty());
    let delimiter = format!("\r\n--{}", boundary.ok_or_else(malformed)?);
    let first = &delimiter.as_bytes()[2..];
    let mut rest = body.slice_ref(body.strip_prefix(first).ok_or_else(malformed)?);
    let mut fields = BTreeMap::new();
    loop {
        if rest.starts_with(b"--") || fields.len() > FIELDS_MAX {
            return Err(missing("file"));
        }
        let start = rest.strip_prefix(b"\r\n").ok_or_else(malformed)?;
        let head_end = position(start, b"\r\n\r\n").ok_or_else(malformed)?;
        let head = std::str::from_utf8(&start[..head_end]).map_err(|_| malformed())?;
        let content = &start[head_end + 4..];
        let end = position(content, delimiter.as_bytes()).ok_or_else(malformed)?;
        let (name, file_name, kind) = part_head(head).ok_or_else(malformed)?;
        if name == "file" {
            let file = body.slice_ref(&content[..end]);
            return Ok(Form { fields, file, file_name: file_name.unwrap_or_default(), file_type: kind });
        }
        let value = std::str::from_utf8(&content[..end]).map_err(|_| malformed())?;
        fields.insert(name, value.to_owned());
        rest = body.slice_ref(&content[end + delimiter.len()..]);
    }
}

/// A part's name, its file's name and its type.
fn part_head(head: &str) -> Option<(String, Option<String>, Option<String>)> {
    let header = |wanted: &str| {
        head.split("\r\n")
            .filter_map(|line| line.split_once(':'))
            .find_map(|(name, value)| name.trim().eq_ignore_ascii_case(wanted).then_some(value.trim()))
    };
    let disposition = header("content-disposition")?;
    let parameter = |wanted: &str| {
        disposition.split(';').filter_map(|part| part.trim().split_once('=')).find_map(|(name, value)| {
            name.eq_ignore_ascii_case(wanted).then(|| value.trim_matches('"').to_owned())
        })
    };
    let file_name = parameter("filename");
    let file_name = file_name.map(|name| name.rsplit(['/', '\\']).next().unwrap_or_default().to_owned());
    Some((parameter("name")?.to_ascii_lowercase(), file_name, header("content-type").map(str::to_owned)))
}

fn position(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
