//! Canned ACLs: who owns buckets and objects, and what is shown of their grants.

use api_s3::{GetBucketOwnershipControlsInput, Grant, Grantee, ObjectOwnership, Owner, Permission, Type};
use aws_wire::{AwsError, Result};
use kv::Read;
use sha2::{Digest as _, Sha256};

use crate::bucket::Bucket;
use crate::{document, errors};

const ALL_USERS: &str = "http://acs.amazonaws.com/groups/global/AllUsers";
const AUTHENTICATED_USERS: &str = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers";

/// The canonical user of an account: 64 hexadecimal digits, always the same.
pub(crate) fn canonical_id(account: &str) -> String {
    let digest = Sha256::digest(format!("canonical user of {account}"));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn owner(account: &str) -> Owner {
    Owner { id: Some(canonical_id(account)), ..Owner::default() }
}

/// # Errors
/// 400 where the bucket has no ACLs, which is so unless its ownership controls say otherwise.
pub(crate) fn check_acl(reader: &impl Read, bucket: &Bucket, acl: Option<&str>) -> Result<()> {
    // This one says what is so anyway.
    if acl.is_none_or(|acl| matches!(acl, "private" | "bucket-owner-full-control")) {
        return Ok(());
    }
    let controls = document::read::<GetBucketOwnershipControlsInput>(reader, bucket)?;
    let controls = controls.and_then(|controls| controls.ownership_controls);
    let rule = controls.and_then(|controls| Some(controls.rules.first()?.object_ownership));
    if rule.unwrap_or(ObjectOwnership::BucketOwnerEnforced) == ObjectOwnership::BucketOwnerEnforced {
        return Err(no_acls());
    }
    Ok(())
}

pub(crate) fn no_acls() -> AwsError {
    errors::other(400, "AccessControlListNotSupported", "The bucket does not allow ACLs")
}

/// What a canned ACL grants.
pub(crate) fn grants(account: &str, acl: Option<&str>) -> Vec<Grant> {
    let grant = |grantee: Grantee, permission| Grant { grantee: Some(grantee), permission: Some(permission) };
    let user = Grantee { id: Some(canonical_id(account)), r#type: Type::CanonicalUser, ..Grantee::default() };
    let group = |uri: &str| Grantee { uri: Some(uri.to_owned()), r#type: Type::Group, ..Grantee::default() };
    let mut grants = vec![grant(user, Permission::FullControl)];
    match acl {
        Some("public-read") => grants.push(grant(group(ALL_USERS), Permission::Read)),
        Some("public-read-write") => {
            grants.push(grant(group(ALL_USERS), Permission::Read));
            grants.push(grant(group(ALL_USERS), Permission::Write));
        }
        Some("authenticated-read") => grants.push(grant(group(AUTHENTICATED_USERS), Permission::Read)),
        _ => {}
    }
    grants
}
