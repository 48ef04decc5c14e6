//! S3: buckets, objects and their versions.
//!
//! Start with `ops/put_object.rs` and `ops/get_object.rs`; `content.rs` says how bodies are kept, `object.rs` how
//! versions follow each other, `keys.rs` everything stored. `edge.rs` has what S3 does in a way of its own on the wire.

mod access;
mod asked;
mod bridge;
mod bucket;
mod checksum;
mod conditions;
mod content;
mod copy_source;
mod cors;
mod customer;
mod document;
mod edge;
mod errors;
mod holds;
mod keys;
mod lifecycle;
mod listing;
mod lock;
mod notify;
mod object;
mod ops;
mod post_form;
mod public;
mod range;
mod restore;
mod right;
mod site;
mod sweep;
mod tags;
mod target;
mod upload;
mod website;

use std::sync::Arc;

use blob::Blobs;
use service::Service;

pub(crate) type Ctx = service::Ctx<State>;

/// What S3 stands on.
pub struct Config {
    /// A store of its own: what nobody in S3 refers to is removed from it.
    pub blobs: Arc<dyn Blobs>,
}

pub(crate) struct State {
    blobs: Arc<dyn Blobs>,
    holds: holds::Holds,
}

/// The service and its operations.
pub fn service(config: Config) -> Service {
    let state = State { blobs: config.blobs, holds: holds::Holds::default() };
    Service::new(&api_s3::SERVICE, Arc::new(state))
        .op(ops::abort_multipart_upload)
        .op(ops::complete_multipart_upload)
        .op(ops::copy_object)
        .op(ops::create_bucket)
        .op(ops::create_multipart_upload)
        .op(ops::delete_bucket)
        .op(ops::delete_bucket_cors)
        .op(ops::delete_bucket_encryption)
        .op(ops::delete_bucket_lifecycle)
        .op(ops::delete_bucket_ownership_controls)
        .op(ops::delete_bucket_policy)
        .op(ops::delete_bucket_tagging)
        .op(ops::delete_bucket_website)
        .op(ops::delete_object)
        .op(ops::delete_object_tagging)
        .op(ops::delete_objects)
        .op(ops::delete_public_access_block)
        .op(ops::get_bucket_accelerate_configuration)
        .op(ops::get_bucket_acl)
        .op(ops::get_bucket_cors)
        .op(ops::get_bucket_encryption)
        .op(ops::get_bucket_lifecycle_configuration)
        .op(ops::get_bucket_location)
        .op(ops::get_bucket_logging)
        .op(ops::get_bucket_notification_configuration)
        .op(ops::get_bucket_ownership_controls)
        .op(ops::get_bucket_policy)
        .op(ops::get_bucket_policy_status)
        .op(ops::get_bucket_replication)
        .op(ops::get_bucket_request_payment)
        .op(ops::get_bucket_tagging)
        .op(ops::get_bucket_versioning)
        .op(ops::get_bucket_website)
        .op(ops::get_object)
        .op(ops::get_object_acl)
        .op(ops::get_object_attributes)
        .op(ops::get_object_legal_hold)
        .op(ops::get_object_lock_configuration)
        .op(ops::get_object_retention)
        .op(ops::get_object_tagging)
        .op(ops::get_public_access_block)
        .op(ops::head_bucket)
        .op(ops::head_object)
        .op(ops::list_buckets)
        .op(ops::list_multipart_uploads)
        .op(ops::list_object_versions)
        .op(ops::list_objects)
        .op(ops::list_objects_v2)
        .op(ops::list_parts)
        .op(ops::put_bucket_acl)
        .op(ops::put_bucket_cors)
        .op(ops::put_bucket_encryption)
        .op(ops::put_bucket_lifecycle_configuration)
        .op(ops::put_bucket_notification_configuration)
        .op(ops::put_bucket_ownership_controls)
        .op(ops::put_bucket_policy)
        .op(ops::put_bucket_tagging)
        .op(ops::put_bucket_versioning)
        .op(ops::put_bucket_website)
        .op(ops::put_object)
        .op(ops::put_object_acl)
        .op(ops::put_object_legal_hold)
        .op(ops::put_object_lock_configuration)
        .op(ops::put_object_retention)
        .op(ops::put_object_tagging)
        .op(ops::put_public_access_block)
        .op(ops::restore_object)
        .op(ops::upload_part)
        .op(ops::upload_part_copy)
        .target("s3", target::check, target::deliver)
        .job("remove blobs that nobody refers to", sweep::run)
        .job("expire objects", lifecycle::run)
        .job("restore archived objects", restore::run)
        .job("tell events of buckets", notify::run)
        .site(|state| site::S3Site { state })
        .edge(edge::S3Edge)
        .done()
}
