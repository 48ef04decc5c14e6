//! ACLs: who owns buckets and objects, and what others are granted of them, by a canned ACL's name or grant by grant.

use api_s3::{
    AccessControlPolicy, GetBucketOwnershipControlsInput, GetPublicAccessBlockInput, Grant, Grantee,
    ObjectOwnership, Owner, Permission, PublicAccessBlockConfiguration, Type,
};
use aws_wire::{AwsError, Result};
use kv::Read;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::bucket::Bucket;
use crate::{document, errors};

const ALL_USERS: &str = "http://acs.amazonaws.com/groups/global/AllUsers";
const AUTHENTICATED_USERS: &str = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers";
const LOG_DELIVERY: &str = "http://acs.amazonaws.com/groups/s3/LogDelivery";
/// Who reads bundles for EC2: what `aws-exec-read` names.
const BUNDLE_READER: &str = "6aa5a366c34c1cbe25dc49211496e913e0351eb0e8c37aa3477e40942ec6b97c";
const GRANTS_MAX: usize = 100;

/// What others are granted. Where there is none, the owner alone is, everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Acl {
    /// Such as `public-read`.
    Canned(String),
    /// All grants, the owner's too.
    Grants(Vec<Granted>),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Granted {
    to: To,
    /// As the API has it: `FULL_CONTROL`.
    permission: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum To {
    /// A canonical user.
    User(String),
    /// By its URI.
    Group(String),
}

/// One who is not the bucket's account; none for nobody in particular.
pub(crate) type CanonicalUser = Option<String>;

/// Reads the ACL off the headers of an input.
macro_rules! acl_of {
    ($input:expr $(, $write:ident)?) => {
        $crate::access::of_headers(
            $input.acl.map(|acl| acl.as_str()),
            &[
                (api_s3::Permission::FullControl, $input.grant_full_control.as_deref()),
                (api_s3::Permission::Read, $input.grant_read.as_deref()),
                (api_s3::Permission::ReadAcp, $input.grant_read_acp.as_deref()),
                $((api_s3::Permission::Write, $input.$write.as_deref()),)?
                (api_s3::Permission::WriteAcp, $input.grant_write_acp.as_deref()),
            ],
        )
    };
}

/// Reads the ACL off an input of `PutBucketAcl` or `PutObjectAcl`: its headers or its document; a closure, for whose
/// account the document has to name.
macro_rules! acl_put {
    ($input:expr) => {{
        let by_headers = $crate::access::acl_of!($input, grant_write)?;
        let has_headers = by_headers.is_some() || $input.acl.is_some();
        match (&$input.access_control_policy, has_headers) {
            (Some(_), true) => {
                let message = "This request does not support content";
                return Err($crate::errors::other(400, "UnexpectedContent", message));
            }
            (None, false) => {
                let message = "Your request was missing a required header";
                return Err($crate::errors::other(400, "MissingSecurityHeader", message)
                    .with("MissingHeaderName", "x-amz-acl"));
            }
            _ => {}
        }
        let document = $input.access_control_policy.clone();
        move |account: &str| match &document {
            Some(document) => $crate::access::of_document(account, document),
            None => Ok(by_headers.clone()),
        }
    }};
}

pub(crate) use {acl_of, acl_put};

/// The canonical user of an account: 64 hexadecimal digits, always the same.
pub(crate) fn canonical_id(account: &str) -> String {
    let digest = Sha256::digest(format!("canonical user of {account}"));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn owner(account: &str) -> Owner {
    Owner { id: Some(canonical_id(account)), ..Owner::default() }
}

/// The ACL that headers name.
///
/// # Errors
/// 400 for a canned ACL beside grants, and for grantees that are none.
pub(crate) fn of_headers(
    canned: Option<&str>,
    headers: &[(Permission, Option<&str>)],
) -> Result<Option<Acl>> {
    let mut grants = Vec::new();
    for (permission, header) in headers {
        for grantee in header.iter().flat_map(|header| header.split(',')) {
            grants.push(Granted { to: of_header(grantee)?, permission: permission.as_str().to_owned() });
        }
    }
    if grants.is_empty() {
        return Ok(canned.filter(|canned| *canned != "private").map(|canned| Acl::Canned(canned.to_owned())));
    }
    if canned.is_some() {
        let message = "Specifying both Canned ACLs and Header Grants is not allowed";
        return Err(errors::invalid_request(message));
    }
    of_grants(grants)
}

/// One grantee of a header: `id="…"`, `uri="…"` or `emailAddress="…"`.
fn of_header(text: &str) -> Result<To> {
    let unreadable = || errors::invalid_argument("x-amz-grant", text, "Argument format not recognized");
    let (kind, value) = text.trim().split_once('=').ok_or_else(unreadable)?;
    let value = value.trim().trim_matches('"');
    match kind.trim() {
        "id" => user(value),
        "uri" => group(value),
        kind if kind.eq_ignore_ascii_case("emailAddress") => Err(unresolvable(value)),
        _ => Err(unreadable()),
    }
}

/// The ACL that a document tells, for something of that account's; none if that is what is so anyway.
///
/// # Errors
/// 400 for what is no ACL, 403 when it names another owner.
pub(crate) fn of_document(account: &str, document: &AccessControlPolicy) -> Result<Option<Acl>> {
    let malformed = || {
        let message =
            "The XML you provided was not well-formed or did not validate against our published schema";
        errors::other(400, "MalformedACLError", message)
    };
    let named = document.owner.as_ref().and_then(|owner| owner.id.as_deref()).ok_or_else(malformed)?;
    if named != canonical_id(account) {
        return Err(errors::access_denied("Access Denied"));
    }
    let granted = |grant: &Grant| {
        let grantee = grant.grantee.as_ref().ok_or_else(malformed)?;
        let to = match grantee.r#type {
            Type::CanonicalUser => user(grantee.id.as_deref().ok_or_else(malformed)?)?,
            Type::Group => group(grantee.uri.as_deref().ok_or_else(malformed)?)?,
            Type::AmazonCustomerByEmail => {
                return Err(unresolvable(grantee.email_address.as_deref().ok_or_else(malformed)?));
            }
        };
        Ok(Granted { to, permission: grant.permission.ok_or_else(malformed)?.as_str().to_owned() })
    };
    let grants = document.grants.iter().flatten().map(granted).collect::<Result<Vec<_>>>()?;
    let owns = Granted { to: To::User(canonical_id(account)), permission: "FULL_CONTROL".to_owned() };
    if grants == [owns] { Ok(None) } else { of_grants(grants) }
}

fn of_grants(grants: Vec<Granted>) -> Result<Option<Acl>> {
    if grants.len() > GRANTS_MAX {
        return Err(errors::invalid_request("The grant list exceeds the maximum of 100 grants."));
    }
    Ok(Some(Acl::Grants(grants)))
}

fn user(id: &str) -> Result<To> {
    if id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(To::User(id.to_owned()));
    }
    Err(errors::invalid_argument("CanonicalUser/ID", id, "Invalid id"))
}

fn group(uri: &str) -> Result<To> {
    if [ALL_USERS, AUTHENTICATED_USERS, LOG_DELIVERY].contains(&uri) {
        return Ok(To::Group(uri.to_owned()));
    }
    Err(errors::invalid_argument("Group/URI", uri, "Invalid group uri"))
}

/// Nobody's account has an address here.
fn unresolvable(email: &str) -> AwsError {
    let message = "The e-mail address you provided does not match any account on record.";
    errors::other(400, "UnresolvableGrantByEmailAddress", message).with("emailAddress", email)
}

impl Acl {
    fn granted(&self, account: &str) -> Vec<Granted> {
        let grant = |to, permission: Permission| Granted { to, permission: permission.as_str().to_owned() };
        let group = |uri: &str| To::Group(uri.to_owned());
        let more = match self {
            Self::Grants(grants) => return grants.clone(),
            Self::Canned(name) => match name.as_str() {
                "public-read" => vec![grant(group(ALL_USERS), Permission::Read)],
                "public-read-write" => {
                    [Permission::Read, Permission::Write].map(|one| grant(group(ALL_USERS), one)).to_vec()
                }
                "authenticated-read" => vec![grant(group(AUTHENTICATED_USERS), Permission::Read)],
                "aws-exec-read" => vec![grant(To::User(BUNDLE_READER.to_owned()), Permission::Read)],
                _ => Vec::new(),
            },
        };
        let owns = grant(To::User(canonical_id(account)), Permission::FullControl);
        [vec![owns], more].concat()
    }

    /// Whether everybody, or everybody with an account, is granted something.
    pub(crate) fn is_public(&self, account: &str) -> bool {
        let is_public = |granted: &Granted| matches!(&granted.to, To::Group(uri) if uri != LOG_DELIVERY);
        self.granted(account).iter().any(is_public)
    }

    /// Whether it grants `user` the permission, on something of that account's.
    fn grants(&self, account: &str, user: &CanonicalUser, permission: Permission, public: bool) -> bool {
        self.granted(account).iter().any(|granted| {
            let is_meant = match &granted.to {
                To::User(id) => user.as_ref() == Some(id),
                To::Group(uri) if uri == ALL_USERS => public,
                To::Group(uri) if uri == AUTHENTICATED_USERS => public && user.is_some(),
                To::Group(_) => false,
            };
            is_meant && (granted.permission == "FULL_CONTROL" || granted.permission == permission.as_str())
        })
    }
}

/// What is shown of the grants on something of that account's.
pub(crate) fn shown(account: &str, acl: Option<&Acl>) -> Vec<Grant> {
    let private = Acl::Canned("private".to_owned());
    let show = |granted: Granted| {
        let grantee = match granted.to {
            To::User(id) => Grantee { id: Some(id), r#type: Type::CanonicalUser, ..Grantee::default() },
            To::Group(uri) => Grantee { uri: Some(uri), r#type: Type::Group, ..Grantee::default() },
        };
        Grant { grantee: Some(grantee), permission: granted.permission.parse().ok() }
    };
    acl.unwrap_or(&private).granted(account).into_iter().map(show).collect()
}

/// Whether an ACL of the bucket, or of an object in it, lets a stranger do what needs the permission.
pub(crate) fn lets_in(
    reader: &impl Read,
    bucket: &Bucket,
    acl: Option<&Acl>,
    user: &CanonicalUser,
    permission: Permission,
) -> Result<bool> {
    let Some(acl) = acl else { return Ok(false) };
    if !acl.grants(&bucket.account, user, permission, true) || !has_acls(reader, bucket)? {
        return Ok(false);
    }
    let public = block(reader, bucket)?.ignore_public_acls != Some(true);
    Ok(acl.grants(&bucket.account, user, permission, public))
}

/// What the bucket keeps from being public.
pub(crate) fn block(reader: &impl Read, bucket: &Bucket) -> Result<PublicAccessBlockConfiguration> {
    let block = document::read::<GetPublicAccessBlockInput>(reader, bucket)?;
    Ok(block.and_then(|block| block.public_access_block_configuration).unwrap_or_default())
}

fn has_acls(reader: &impl Read, bucket: &Bucket) -> Result<bool> {
    let controls = document::read::<GetBucketOwnershipControlsInput>(reader, bucket)?;
    let controls = controls.and_then(|controls| controls.ownership_controls);
    let rule = controls.and_then(|controls| Some(controls.rules.first()?.object_ownership));
    Ok(rule.is_some_and(|rule| rule != ObjectOwnership::BucketOwnerEnforced))
}

/// # Errors
/// 400 where the bucket has no ACLs, which is so unless its ownership controls say otherwise; 403 for a public one where
/// none may be.
pub(crate) fn check_acl(reader: &impl Read, bucket: &Bucket, acl: Option<&Acl>) -> Result<()> {
    // This one says what is so anyway.
    let Some(acl) = acl.filter(|acl| **acl != Acl::Canned("bucket-owner-full-control".to_owned())) else {
        return Ok(());
    };
    if !has_acls(reader, bucket)? {
        return Err(errors::other(400, "AccessControlListNotSupported", "The bucket does not allow ACLs"));
    }
    if acl.is_public(&bucket.account) && block(reader, bucket)?.block_public_acls == Some(true) {
        return Err(errors::access_denied("Access Denied"));
    }
    Ok(())
}
