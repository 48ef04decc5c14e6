//! What `PutObject`, `CopyObject` and `CreateMultipartUpload` say alike of the object to be.

use std::collections::BTreeMap;

use api_s3::StorageClass;
use aws_wire::Result;

use crate::errors;
use crate::object::Headers;

/// All of a client's own metadata, names and values.
const METADATA_BYTES_MAX: usize = 2048;

/// Reads [`Headers`] off an input.
macro_rules! headers_of {
    ($operation:literal, $input:expr) => {{
        $crate::asked::refuse_unserved!($operation, $input);
        $crate::asked::check_class($input.storage_class)?;
        $crate::object::Headers {
            content_type: $input.content_type.clone().filter(|text| !text.is_empty()),
            cache_control: $input.cache_control.clone(),
            content_disposition: $input.content_disposition.clone(),
            content_encoding: $crate::asked::encoding($input.content_encoding.as_deref()),
            content_language: $input.content_language.clone(),
            expires: $input.expires.clone(),
            website_redirect: $crate::asked::redirect($input.website_redirect_location.clone())?,
            storage_class: $crate::asked::class($input.storage_class),
            metadata: $crate::asked::metadata($input.metadata.clone())?,
        }
    }};
}

/// Refuses what is not honoured.
macro_rules! refuse_unserved {
    ($operation:literal, $input:expr) => {
        let unserved = [
            ("SSEKMSKeyId", $input.ssekms_key_id.is_some()),
            ("SSEKMSEncryptionContext", $input.ssekms_encryption_context.is_some()),
            ("ObjectLockEventHold", $input.object_lock_event_hold.is_some()),
            (
                "ServerSideEncryption other than AES256",
                $input
                    .server_side_encryption
                    .is_some_and(|kind| kind != api_s3::ServerSideEncryption::Aes256),
            ),
        ];
        if let Some((parameter, _)) = unserved.iter().find(|(_, asked)| *asked) {
            return Err(aws_wire::AwsError::parameter_not_implemented($operation, parameter));
        }
    };
}

pub(crate) use {headers_of, refuse_unserved};

/// # Errors
/// 400 for classes of other kinds of buckets.
pub(crate) fn check_class(class: Option<StorageClass>) -> Result<()> {
    match class {
        None
        | Some(
            StorageClass::Standard
            | StorageClass::ReducedRedundancy
            | StorageClass::StandardIa
            | StorageClass::OnezoneIa
            | StorageClass::IntelligentTiering
            | StorageClass::Glacier
            | StorageClass::GlacierIr
            | StorageClass::DeepArchive,
        ) => Ok(()),
        Some(_) => {
            Err(errors::other(400, "InvalidStorageClass", "The storage class you specified is not valid"))
        }
    }
}

pub(crate) fn class(class: Option<StorageClass>) -> Option<String> {
    class.filter(|class| *class != StorageClass::Standard).map(|class| class.as_str().to_owned())
}

/// Without `aws-chunked`, which was of the way here.
pub(crate) fn encoding(given: Option<&str>) -> Option<String> {
    let kept = given?.split(',').map(str::trim).filter(|coding| !coding.eq_ignore_ascii_case("aws-chunked"));
    let kept = kept.filter(|coding| !coding.is_empty()).collect::<Vec<_>>().join(",");
    (!kept.is_empty()).then_some(kept)
}

pub(crate) fn redirect(given: Option<String>) -> Result<Option<String>> {
    let is_good = |text: &str| ["/", "http://", "https://"].iter().any(|prefix| text.starts_with(prefix));
    match given {
        Some(text) if !is_good(&text) => {
            let message =
                "The website redirect location must have a prefix of 'http://' or 'https://' or '/'.";
            Err(errors::other(400, "InvalidRedirectLocation", message))
        }
        given => Ok(given),
    }
}

pub(crate) fn metadata(given: Option<BTreeMap<String, String>>) -> Result<BTreeMap<String, String>> {
    let given = given.unwrap_or_default();
    let size = given.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
    if size > METADATA_BYTES_MAX {
        let message = "Your metadata headers exceed the maximum allowed metadata size";
        return Err(errors::other(400, "MetadataTooLarge", message)
            .with("Size", size.to_string())
            .with("MaxSizeAllowed", METADATA_BYTES_MAX.to_string()));
    }
    Ok(given)
}

/// What an object's type is when nobody said.
pub(crate) fn content_type(headers: &Headers) -> String {
    headers.content_type.clone().unwrap_or_else(|| "binary/octet-stream".to_owned())
}
