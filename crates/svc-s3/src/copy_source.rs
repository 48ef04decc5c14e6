//! Where a copy comes from: `bucket/key?versionId=…`.

use aws_wire::Result;
use env::Timestamp;
use kv::Read;
use percent_encoding::percent_decode_str;

use crate::bucket::Bucket;
use crate::conditions::Conditions;
use crate::object::Object;
use crate::right::{self, Right, Wanted};
use crate::{Ctx, errors};

pub(crate) struct CopySource {
    pub bucket: String,
    pub key: String,
    pub version: Option<String>,
}

impl CopySource {
    /// # Errors
    /// 400 for what names no object.
    pub(crate) fn read(header: &str) -> Result<Self> {
        let invalid = || {
            let message = "Copy Source must mention the source bucket and key: sourcebucket/sourcekey";
            errors::invalid_argument("x-amz-copy-source", header, message)
        };
        let (path, version) = match header.split_once("?versionId=") {
            Some((path, version)) => (path, Some(version.to_owned())),
            None => (header, None),
        };
        let path = percent_decode_str(path).decode_utf8().map_err(|_| invalid())?;
        let (bucket, key) = path.trim_start_matches('/').split_once('/').ok_or_else(invalid)?;
        if bucket.is_empty() || key.is_empty() {
            return Err(invalid());
        }
        Ok(Self { bucket: bucket.to_owned(), key: key.to_owned(), version })
    }

    /// # Errors
    /// 404 without it; 400 when the version is a delete marker.
    pub(crate) fn find(
        &self,
        cx: &Ctx,
        reader: &impl Read,
        owner: Option<&str>,
        conditions: &Conditions<'_>,
    ) -> Result<(Bucket, Object)> {
        let wanted =
            Wanted { key: &self.key, version: self.version.as_deref(), method: "HEAD", right: Right::Read };
        let found = right::object(cx, reader, &self.bucket, owner, wanted).map_err(|error| {
            if error.code != "MethodNotAllowed" {
                return error;
            }
            let message =
                "The source of a copy request may not specifically refer to a delete marker by version id.";
            errors::invalid_request(message)
        })?;
        conditions.check_source(&found.1)?;
        Ok(found)
    }
}

/// The conditions of a copy on its source.
pub(crate) fn conditions<'a>(
    if_match: Option<&'a str>,
    if_none_match: Option<&'a str>,
    if_modified_since: Option<Timestamp>,
    if_unmodified_since: Option<Timestamp>,
) -> Conditions<'a> {
    Conditions { if_match, if_none_match, if_modified_since, if_unmodified_since }
}
