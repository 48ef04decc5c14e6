//! Who may do what with a bucket and its objects, where that is not the bucket's own account: what the bucket's policy
//! and the ACLs say, within what the bucket keeps from being public.

use api_s3::{GetBucketPolicyInput, Permission};
use aws_auth::policy::Policy;
use aws_wire::{AwsError, Result};
use kv::Read;
use service::{Asking, Sender};

use crate::access::{self, CanonicalUser};
use crate::bucket::{self, Bucket};
use crate::object::Object;
use crate::{Ctx, document, errors, object, public};

/// One who is not the bucket's own account.
pub(crate) struct Stranger {
    asking: Asking,
    user: CanonicalUser,
    /// A service that sends, which no block of what is public concerns.
    is_service: bool,
}

impl Stranger {
    /// The one who asks, unless that is the bucket's own account.
    fn of(cx: &Ctx, bucket: &Bucket) -> Option<Self> {
        if let Some(sender) = &cx.sender {
            return Some(Self::sending(cx, sender));
        }
        if *cx.caller.account == bucket.account {
            return None;
        }
        let user = (!cx.caller.is_anonymous()).then(|| access::canonical_id(&cx.caller.account));
        Some(Self { asking: cx.asking(), user, is_service: false })
    }

    pub(crate) fn sending(cx: &Ctx, sender: &Sender) -> Self {
        let user = sender.role_account().map(access::canonical_id);
        Self { asking: cx.asking_as(sender), user, is_service: sender.role.is_none() }
    }

    /// Nobody in particular.
    pub(crate) fn nobody(asking: Asking) -> Self {
        Self { asking, user: None, is_service: false }
    }

    /// Whether the bucket's policy lets them do it; `key` is empty for what is done with the bucket itself.
    fn is_let_in(&self, reader: &impl Read, bucket: &Bucket, action: &str, key: &str) -> Result<bool> {
        let stored = document::read::<GetBucketPolicyInput>(reader, bucket)?.and_then(|found| found.policy);
        let document = stored.and_then(|text| serde_json::from_str(&text).ok());
        let Some((document, policy)) =
            document.and_then(|document| Policy::parse(&document).ok().map(|policy| (document, policy)))
        else {
            return Ok(false);
        };
        let resource = if key.is_empty() { bucket.arn() } else { format!("{}/{key}", bucket.arn()) };
        if !self.asking.is_let_in(&policy, action, &resource) {
            return Ok(false);
        }
        // A policy that is public is then one for services and the bucket's own account alone.
        let restricted = access::block(reader, bucket)?.restrict_public_buckets == Some(true);
        Ok(self.is_service || !restricted || !public::is_public(&document))
    }

    /// Whether policy or ACL let them do this with the bucket, or with an object that need not be there.
    pub(crate) fn may(&self, reader: &impl Read, bucket: &Bucket, action: &str, key: &str) -> Result<bool> {
        if self.is_let_in(reader, bucket, action, key)? {
            return Ok(true);
        }
        let permission = match action {
            "s3:ListBucket" | "s3:ListBucketVersions" | "s3:ListBucketMultipartUploads" => Permission::Read,
            "s3:PutObject" | "s3:DeleteObject" => Permission::Write,
            "s3:GetBucketAcl" => Permission::ReadAcp,
            "s3:PutBucketAcl" => Permission::WriteAcp,
            _ => return Ok(false),
        };
        access::lets_in(reader, bucket, bucket.acl.as_ref(), &self.user, permission)
    }

    /// An object with which they may do what they want to.
    ///
    /// # Errors
    /// 404 without it, 403 where they may not.
    pub(crate) fn object(&self, reader: &impl Read, bucket: &Bucket, wanted: Wanted<'_>) -> Result<Object> {
        let (action, permission) = wanted.right.of(wanted.version);
        let found = object::find(reader, bucket, wanted.key, wanted.version, wanted.method);
        let is_let_in = self.is_let_in(reader, bucket, action, wanted.key)?;
        let may = match (&found, permission) {
            (Ok(object), Some(permission)) if !is_let_in => {
                access::lets_in(reader, bucket, object.acl.as_ref(), &self.user, permission)?
            }
            _ => is_let_in,
        };
        if may { found } else { Err(denied()) }
    }
}

/// What somebody would do with an object that is there.
#[derive(Clone, Copy)]
pub(crate) enum Right {
    Read,
    ReadAcl,
    WriteAcl,
    ReadTags,
    WriteTags,
    DeleteTags,
}

impl Right {
    /// The action that policies name, and the permission that ACLs grant.
    fn of(self, version: Option<&str>) -> (&'static str, Option<Permission>) {
        let (latest, named, permission) = match self {
            Self::Read => ("s3:GetObject", "s3:GetObjectVersion", Some(Permission::Read)),
            Self::ReadAcl => ("s3:GetObjectAcl", "s3:GetObjectVersionAcl", Some(Permission::ReadAcp)),
            Self::WriteAcl => ("s3:PutObjectAcl", "s3:PutObjectVersionAcl", Some(Permission::WriteAcp)),
            Self::ReadTags => ("s3:GetObjectTagging", "s3:GetObjectVersionTagging", None),
            Self::WriteTags => ("s3:PutObjectTagging", "s3:PutObjectVersionTagging", None),
            Self::DeleteTags => ("s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging", None),
        };
        (if version.is_some() { named } else { latest }, permission)
    }
}

/// The object that somebody would do something with.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub key: &'a str,
    pub version: Option<&'a str>,
    /// The HTTP method, for the error of a delete marker.
    pub method: &'static str,
    pub right: Right,
}

/// A bucket and an object in it with which the one who asks may do that.
///
/// # Errors
/// 404 without them, 403 where they may not.
pub(crate) fn object(
    cx: &Ctx,
    reader: &impl Read,
    name: &str,
    expected_owner: Option<&str>,
    wanted: Wanted<'_>,
) -> Result<(Bucket, Object)> {
    let bucket = bucket::named(reader, name, expected_owner)?;
    let object = match Stranger::of(cx, &bucket) {
        Some(stranger) => match stranger.object(reader, &bucket, wanted) {
            // That there is none is only told to those who may list the bucket.
            Err(error) if error.status == 404 && !stranger.may(reader, &bucket, "s3:ListBucket", "")? => {
                return Err(denied());
            }
            found => found?,
        },
        None => object::find(reader, &bucket, wanted.key, wanted.version, wanted.method)?,
    };
    Ok((bucket, object))
}

/// A bucket with which the one who asks may do this.
///
/// # Errors
/// 404 without it, 403 where they may not.
pub(crate) fn bucket(
    cx: &Ctx,
    reader: &impl Read,
    name: &str,
    expected_owner: Option<&str>,
    (action, key): (&str, &str),
) -> Result<Bucket> {
    let bucket = bucket::named(reader, name, expected_owner)?;
    match Stranger::of(cx, &bucket) {
        Some(stranger) if !stranger.may(reader, &bucket, action, key)? => Err(denied()),
        _ => Ok(bucket),
    }
}

fn denied() -> AwsError {
    errors::access_denied("Access Denied")
}
