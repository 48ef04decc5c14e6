//! `CreateBucket`: a bucket of a name that nobody has.

use api_s3::{
    BucketNamespace, CreateBucketInput, CreateBucketOutput, GetBucketOwnershipControlsInput,
    GetBucketOwnershipControlsOutput, GetBucketTaggingInput, GetBucketTaggingOutput,
    GetObjectLockConfigurationInput, GetObjectLockConfigurationOutput, GetPublicAccessBlockInput,
    GetPublicAccessBlockOutput, ObjectLockConfiguration, ObjectLockEnabled, ObjectOwnership,
    OwnershipControls, OwnershipControlsRule, PublicAccessBlockConfiguration, errors as modelled,
};
use aws_wire::{AwsError, Result};
use kv::Tx;

use crate::bucket::{self, Bucket, Versioning};
use crate::keys::{BUCKETS, BUCKETS_OF};
use crate::{Ctx, access, document, errors, tags};

const HOME: &str = "us-east-1";

pub(crate) async fn create_bucket(cx: Ctx, input: CreateBucketInput) -> Result<CreateBucketOutput> {
    let configuration = input.create_bucket_configuration.clone().unwrap_or_default();
    let unserved = [
        ("BucketNamespace", input.bucket_namespace.is_some_and(|space| space != BucketNamespace::Global)),
        ("Location", configuration.location.is_some()),
        ("Bucket", configuration.bucket.is_some()),
    ];
    if let Some((parameter, _)) = unserved.iter().find(|(_, asked)| *asked) {
        return Err(AwsError::parameter_not_implemented("CreateBucket", parameter));
    }
    bucket::check_name(&input.bucket)?;
    let region = region(&cx, configuration.location_constraint.as_deref())?;
    let tags = tags::check(configuration.tags.unwrap_or_default(), tags::OF_BUCKET_MAX)?;
    let locks = input.object_lock_enabled_for_bucket == Some(true);
    let acl = access::acl_of!(input, grant_write)?;
    let enforced = input.object_ownership.unwrap_or(ObjectOwnership::BucketOwnerEnforced);
    if acl.is_some() && enforced == ObjectOwnership::BucketOwnerEnforced {
        let message = "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting";
        return Err(errors::other(400, "InvalidBucketAclWithObjectOwnership", message));
    }
    if acl.as_ref().is_some_and(|acl| acl.is_public(&cx.caller.account)) {
        let message = "Bucket cannot have public ACLs set with BlockPublicAccess enabled";
        return Err(errors::other(400, "InvalidBucketAclWithBlockPublicAccessError", message));
    }
    let bucket = Bucket {
        id: *cx.env.uuid().as_bytes(),
        name: input.bucket.clone(),
        account: cx.caller.account.to_string(),
        region: region.clone(),
        created_ms: cx.env.now().as_millis(),
        versioning: if locks { Versioning::Enabled } else { Versioning::Never },
        locks,
        acl,
    };
    let create = |tx: &mut Tx| {
        if let Some(there) = BUCKETS.get(tx, &bucket.name)? {
            return check_there(&cx, &there, &region);
        }
        BUCKETS.put(tx, &bucket.name, &bucket)?;
        BUCKETS_OF.put(tx, &(bucket.account.clone(), bucket.name.clone()), &())?;
        document::write::<GetPublicAccessBlockInput>(tx, &bucket, nothing_public())?;
        if let Some(object_ownership) = input.object_ownership {
            let rules = vec![OwnershipControlsRule { object_ownership }];
            let controls =
                GetBucketOwnershipControlsOutput { ownership_controls: Some(OwnershipControls { rules }) };
            document::write::<GetBucketOwnershipControlsInput>(tx, &bucket, controls)?;
        }
        if !tags.is_empty() {
            let tagging = GetBucketTaggingOutput { tag_set: tags::shown(&tags) };
            document::write::<GetBucketTaggingInput>(tx, &bucket, tagging)?;
        }
        if locks {
            document::write::<GetObjectLockConfigurationInput>(tx, &bucket, enabled())?;
        }
        Ok(())
    };
    cx.kv.transact(create).await?;
    Ok(CreateBucketOutput { bucket_arn: Some(bucket.arn()), location: Some(format!("/{}", input.bucket)) })
}

/// What a new bucket begins with since 2023.
fn nothing_public() -> GetPublicAccessBlockOutput {
    let all = PublicAccessBlockConfiguration {
        block_public_acls: Some(true),
        ignore_public_acls: Some(true),
        block_public_policy: Some(true),
        restrict_public_buckets: Some(true),
    };
    GetPublicAccessBlockOutput { public_access_block_configuration: Some(all) }
}

fn enabled() -> GetObjectLockConfigurationOutput {
    GetObjectLockConfigurationOutput {
        object_lock_configuration: Some(ObjectLockConfiguration {
            object_lock_enabled: Some(ObjectLockEnabled::Enabled),
            rule: None,
        }),
    }
}

/// In the first region one's own bucket is created again without a word.
fn check_there(cx: &Ctx, there: &Bucket, region: &str) -> Result<()> {
    if there.account != *cx.caller.account {
        return Err(modelled::bucket_already_exists(
            "The requested bucket name is not available. The bucket namespace is shared by all users of the system. \
             Please select a different name and try again.",
        )
        .with("BucketName", there.name.as_str()));
    }
    if there.region == HOME && region == HOME {
        return Ok(());
    }
    let message = "Your previous request to create the named bucket succeeded and you already own it.";
    Err(modelled::bucket_already_owned_by_you(message).with("BucketName", there.name.as_str()))
}

/// Where the bucket is to be: what the document says, which must be where it is asked.
fn region(cx: &Ctx, constraint: Option<&str>) -> Result<String> {
    let here = &*cx.caller.region;
    let invalid = |constraint: &str| {
        let message = "The specified location-constraint is not valid";
        errors::other(400, "InvalidLocationConstraint", message).with("LocationConstraint", constraint)
    };
    match constraint {
        None | Some("") if here == HOME => Ok(HOME.to_owned()),
        None | Some("") => {
            let message = "The unspecified location constraint is incompatible for the region specific endpoint this \
                           request was sent to.";
            Err(errors::other(400, "IllegalLocationConstraintException", message))
        }
        Some("EU") => Ok("eu-west-1".to_owned()),
        Some(HOME) => Err(invalid(HOME)),
        Some(constraint) if constraint == here || here == HOME => {
            let looks_good = constraint.split('-').count() >= 3
                && constraint.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            if looks_good { Ok(constraint.to_owned()) } else { Err(invalid(constraint)) }
        }
        Some(constraint) => {
            let message = format!(
                "The {constraint} location constraint is incompatible for the region specific endpoint this request \
                 was sent to."
            );
            Err(errors::other(400, "IllegalLocationConstraintException", message))
        }
    }
}
