//! S3's errors that its model does not list, by code. Their words are S3's.

use aws_wire::AwsError;

fn error(status: u16, code: &'static str, message: impl Into<String>) -> AwsError {
    AwsError::common(code, status, message)
}

pub(crate) fn no_such_bucket(bucket: &str) -> AwsError {
    error(404, "NoSuchBucket", "The specified bucket does not exist").with("BucketName", bucket)
}

pub(crate) fn no_such_key(key: &str) -> AwsError {
    error(404, "NoSuchKey", "The specified key does not exist.").with("Key", key)
}

pub(crate) fn no_such_version(key: &str, version: &str) -> AwsError {
    error(404, "NoSuchVersion", "The specified version does not exist.")
        .with("Key", key)
        .with("VersionId", version)
}

pub(crate) fn no_such_upload(upload: &str) -> AwsError {
    let message = "The specified upload does not exist. The upload ID may be invalid, or the upload may have been \
                   aborted or completed.";
    error(404, "NoSuchUpload", message).with("UploadId", upload)
}

pub(crate) fn invalid_argument(name: &str, value: &str, message: impl Into<String>) -> AwsError {
    error(400, "InvalidArgument", message).with("ArgumentName", name).with("ArgumentValue", value)
}

pub(crate) fn invalid_request(message: impl Into<String>) -> AwsError {
    error(400, "InvalidRequest", message)
}

pub(crate) fn malformed_xml() -> AwsError {
    let message = "The XML you provided was not well-formed or did not validate against our published schema";
    error(400, "MalformedXML", message)
}

pub(crate) fn access_denied(message: &str) -> AwsError {
    error(403, "AccessDenied", message)
}

pub(crate) fn invalid_bucket_name(bucket: &str) -> AwsError {
    error(400, "InvalidBucketName", "The specified bucket is not valid.").with("BucketName", bucket)
}

pub(crate) fn bad_digest(message: impl Into<String>) -> AwsError {
    error(400, "BadDigest", message)
}

pub(crate) fn invalid_digest(given: &str) -> AwsError {
    error(400, "InvalidDigest", "The Content-MD5 you specified was invalid.").with("Content-MD5", given)
}

pub(crate) fn precondition_failed(condition: &str) -> AwsError {
    error(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
        .with("Condition", condition)
}

pub(crate) fn not_modified() -> AwsError {
    error(304, "NotModified", "Not Modified")
}

pub(crate) fn invalid_range(asked: &str, size_bytes: u64) -> AwsError {
    error(416, "InvalidRange", "The requested range is not satisfiable")
        .with("RangeRequested", asked)
        .with("ActualObjectSize", size_bytes.to_string())
        .with_header("content-range", format!("bytes */{size_bytes}"))
}

pub(crate) fn method_not_allowed(method: &str) -> AwsError {
    error(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
        .with("Method", method)
        .with("ResourceType", "DeleteMarker")
        .with_header("allow", "DELETE")
}

pub(crate) fn invalid_part() -> AwsError {
    let message = "One or more of the specified parts could not be found.  The part may not have been uploaded, or \
                   the specified entity tag may not match the part's entity tag.";
    error(400, "InvalidPart", message)
}

pub(crate) fn invalid_part_order() -> AwsError {
    let message = "The list of parts was not in ascending order. The parts list must be specified in order by part \
                   number.";
    error(400, "InvalidPartOrder", message)
}

pub(crate) fn entity_too_small(proposed: u64, part: i32) -> AwsError {
    error(400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size")
        .with("ProposedSize", proposed.to_string())
        .with("MinSizeAllowed", "5242880")
        .with("PartNumber", part.to_string())
}

pub(crate) fn entity_too_large(size_bytes_max: u64) -> AwsError {
    error(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
        .with("MaxSizeAllowed", size_bytes_max.to_string())
}

pub(crate) fn incomplete_body() -> AwsError {
    let message = "You did not provide the number of bytes specified by the Content-Length HTTP header";
    error(400, "IncompleteBody", message)
}

/// What a bucket has not been given.
pub(crate) fn not_configured(code: &'static str, message: &'static str, bucket: &str) -> AwsError {
    error(404, code, message).with("BucketName", bucket)
}

pub(crate) fn other(status: u16, code: &'static str, message: impl Into<String>) -> AwsError {
    error(status, code, message)
}
