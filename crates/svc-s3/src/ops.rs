//! The operations, one file each.

/// What `GetObject` and `HeadObject` say alike of a version.
macro_rules! describe_object {
    ($output:ident, $bucket:expr, $object:expr, $wanted:expr, $span:expr, $input:expr, $key:expr, $now:expr) => {{
        let object: &$crate::object::Object = &$object;
        let headers = object.headers.clone();
        let mut shown = $output {
            accept_ranges: Some("bytes".to_owned()),
            last_modified: Some(object.modified()),
            content_length: i64::try_from($span.size_bytes).ok(),
            content_range: $wanted
                .filter(|_| object.size_bytes > 0)
                .map(|span| span.content_range(object.size_bytes)),
            e_tag: Some(object.quoted_etag()),
            version_id: object.shown_version(&$bucket),
            content_type: Some($crate::asked::content_type(&headers)),
            cache_control: headers.cache_control,
            content_disposition: headers.content_disposition,
            content_encoding: headers.content_encoding,
            content_language: headers.content_language,
            expires: headers.expires,
            website_redirect_location: headers.website_redirect,
            storage_class: headers.storage_class.and_then(|class| class.parse().ok()),
            restore: object.restore.and_then(|restore| restore.shown($now)),
            metadata: (!headers.metadata.is_empty()).then_some(headers.metadata),
            parts_count: ($input.part_number.is_some() && object.parts > 0)
                .then(|| i32::try_from(object.parts).unwrap_or(i32::MAX)),
            tag_count: (!object.tags.is_empty())
                .then(|| i32::try_from(object.tags.len()).unwrap_or(i32::MAX)),
            object_lock_mode: object.lock.shown_mode(),
            object_lock_retain_until_date: object.lock.retention.map(|retention| retention.until()),
            object_lock_legal_hold_status: object.lock.shown_hold(),
            ..$output::default()
        };
        $crate::customer::show_key!(shown, $key);
        // The checksum is of the whole.
        if $input.checksum_mode == Some(ChecksumMode::Enabled) && $wanted.is_none() {
            show_checksum!(shown, &object.checksum);
            shown.checksum_type = object.checksum.as_ref().map(|checksum| checksum.shown_type());
        }
        shown
    }};
}

mod abort_multipart_upload;
mod complete_multipart_upload;
mod copy_object;
mod create_bucket;
mod create_multipart_upload;
mod delete_bucket;
mod delete_bucket_cors;
mod delete_bucket_encryption;
mod delete_bucket_lifecycle;
mod delete_bucket_ownership_controls;
mod delete_bucket_policy;
mod delete_bucket_tagging;
mod delete_bucket_website;
mod delete_object;
mod delete_object_tagging;
mod delete_objects;
mod delete_public_access_block;
mod get_bucket_accelerate_configuration;
mod get_bucket_acl;
mod get_bucket_cors;
mod get_bucket_encryption;
mod get_bucket_lifecycle_configuration;
mod get_bucket_location;
mod get_bucket_logging;
mod get_bucket_notification_configuration;
mod get_bucket_ownership_controls;
mod get_bucket_policy;
mod get_bucket_policy_status;
mod get_bucket_replication;
mod get_bucket_request_payment;
mod get_bucket_tagging;
mod get_bucket_versioning;
mod get_bucket_website;
mod get_object;
mod get_object_acl;
mod get_object_attributes;
mod get_object_legal_hold;
mod get_object_lock_configuration;
mod get_object_retention;
mod get_object_tagging;
mod get_public_access_block;
mod head_bucket;
mod head_object;
mod list_buckets;
mod list_multipart_uploads;
mod list_object_versions;
mod list_objects;
mod list_objects_v2;
mod list_parts;
mod put_bucket_acl;
mod put_bucket_cors;
mod put_bucket_encryption;
mod put_bucket_lifecycle_configuration;
mod put_bucket_notification_configuration;
mod put_bucket_ownership_controls;
mod put_bucket_policy;
mod put_bucket_tagging;
mod put_bucket_versioning;
mod put_bucket_website;
mod put_object;
mod put_object_acl;
mod put_object_legal_hold;
mod put_object_lock_configuration;
mod put_object_retention;
mod put_object_tagging;
mod put_public_access_block;
mod restore_object;
mod upload_part;
mod upload_part_copy;

pub(crate) use abort_multipart_upload::abort_multipart_upload;
pub(crate) use complete_multipart_upload::complete_multipart_upload;
pub(crate) use copy_object::copy_object;
pub(crate) use create_bucket::create_bucket;
pub(crate) use create_multipart_upload::create_multipart_upload;
pub(crate) use delete_bucket::delete_bucket;
pub(crate) use delete_bucket_cors::delete_bucket_cors;
pub(crate) use delete_bucket_encryption::delete_bucket_encryption;
pub(crate) use delete_bucket_lifecycle::delete_bucket_lifecycle;
pub(crate) use delete_bucket_ownership_controls::delete_bucket_ownership_controls;
pub(crate) use delete_bucket_policy::delete_bucket_policy;
pub(crate) use delete_bucket_tagging::delete_bucket_tagging;
pub(crate) use delete_bucket_website::delete_bucket_website;
pub(crate) use delete_object::delete_object;
pub(crate) use delete_object_tagging::delete_object_tagging;
pub(crate) use delete_objects::delete_objects;
pub(crate) use delete_public_access_block::delete_public_access_block;
pub(crate) use get_bucket_accelerate_configuration::get_bucket_accelerate_configuration;
pub(crate) use get_bucket_acl::get_bucket_acl;
pub(crate) use get_bucket_cors::get_bucket_cors;
pub(crate) use get_bucket_encryption::get_bucket_encryption;
pub(crate) use get_bucket_lifecycle_configuration::get_bucket_lifecycle_configuration;
pub(crate) use get_bucket_location::get_bucket_location;
pub(crate) use get_bucket_logging::get_bucket_logging;
pub(crate) use get_bucket_notification_configuration::get_bucket_notification_configuration;
pub(crate) use get_bucket_ownership_controls::get_bucket_ownership_controls;
pub(crate) use get_bucket_policy::get_bucket_policy;
pub(crate) use get_bucket_policy_status::get_bucket_policy_status;
pub(crate) use get_bucket_replication::get_bucket_replication;
pub(crate) use get_bucket_request_payment::get_bucket_request_payment;
pub(crate) use get_bucket_tagging::get_bucket_tagging;
pub(crate) use get_bucket_versioning::get_bucket_versioning;
pub(crate) use get_bucket_website::get_bucket_website;
pub(crate) use get_object::get_object;
pub(crate) use get_object_acl::get_object_acl;
pub(crate) use get_object_attributes::get_object_attributes;
pub(crate) use get_object_legal_hold::get_object_legal_hold;
pub(crate) use get_object_lock_configuration::get_object_lock_configuration;
pub(crate) use get_object_retention::get_object_retention;
pub(crate) use get_object_tagging::get_object_tagging;
pub(crate) use get_public_access_block::get_public_access_block;
pub(crate) use head_bucket::head_bucket;
pub(crate) use head_object::head_object;
pub(crate) use list_buckets::list_buckets;
pub(crate) use list_multipart_uploads::list_multipart_uploads;
pub(crate) use list_object_versions::list_object_versions;
pub(crate) use list_objects::list_objects;
pub(crate) use list_objects_v2::list_objects_v2;
pub(crate) use list_parts::list_parts;
pub(crate) use put_bucket_acl::put_bucket_acl;
pub(crate) use put_bucket_cors::put_bucket_cors;
pub(crate) use put_bucket_encryption::put_bucket_encryption;
pub(crate) use put_bucket_lifecycle_configuration::put_bucket_lifecycle_configuration;
pub(crate) use put_bucket_notification_configuration::put_bucket_notification_configuration;
pub(crate) use put_bucket_ownership_controls::put_bucket_ownership_controls;
pub(crate) use put_bucket_policy::put_bucket_policy;
pub(crate) use put_bucket_tagging::put_bucket_tagging;
pub(crate) use put_bucket_versioning::put_bucket_versioning;
pub(crate) use put_bucket_website::put_bucket_website;
pub(crate) use put_object::put;
pub(crate) use put_object::put_object;
pub(crate) use put_object_acl::put_object_acl;
pub(crate) use put_object_legal_hold::put_object_legal_hold;
pub(crate) use put_object_lock_configuration::put_object_lock_configuration;
pub(crate) use put_object_retention::put_object_retention;
pub(crate) use put_object_tagging::put_object_tagging;
pub(crate) use put_public_access_block::put_public_access_block;
pub(crate) use restore_object::restore_object;
pub(crate) use upload_part::upload_part;
pub(crate) use upload_part_copy::upload_part_copy;
