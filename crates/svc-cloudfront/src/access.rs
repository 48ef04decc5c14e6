//! How a distribution shows buckets who it is: origin access controls, and the older origin access identities.

use api_cloudfront::{
    CloudFrontOriginAccessIdentity, CloudFrontOriginAccessIdentityConfig, OriginAccessControl,
    OriginAccessControlConfig, OriginAccessControlOriginTypes, OriginAccessControlSigningBehaviors,
    OriginAccessControlSigningProtocols, errors,
};
use aws_wire::schema::Operation;
use aws_wire::{AwsError, Result};
use env::Env;
use kv::Read;
use sha2::{Digest as _, Sha256};

use crate::Ctx;
use crate::distribution::Distributions;
use crate::keys::{ACCESS_CONTROLS, ACCESS_IDENTITIES, Key};
use crate::plan::identity;
use crate::things::{self, Clash, Kind, Record, Thing};

/// Of each kind.
const ACCESS_MAX: usize = 100;

pub(crate) struct AccessControls;

impl Kind for AccessControls {
    type Config = OriginAccessControlConfig;
    type Shown = OriginAccessControl;
    const TABLE: kv::Table<Key, Record> = ACCESS_CONTROLS;
    const MAX: usize = ACCESS_MAX;

    fn reads() -> &'static Operation {
        &api_cloudfront::GET_ORIGIN_ACCESS_CONTROL_CONFIG
    }

    fn missing() -> AwsError {
        errors::no_such_origin_access_control("The specified origin access control does not exist.")
    }

    fn too_many() -> AwsError {
        errors::too_many_origin_access_controls(
            "The number of origin access controls in your account exceeds the maximum allowed.",
        )
    }

    fn new_id(env: &Env) -> String {
        things::capital_id(env)
    }

    fn show(_: &Ctx, thing: Thing<OriginAccessControlConfig>) -> OriginAccessControl {
        OriginAccessControl { id: thing.id, origin_access_control_config: Some(thing.config) }
    }

    fn clash(
        all: &[Thing<OriginAccessControlConfig>],
        own: Option<&str>,
        config: &OriginAccessControlConfig,
    ) -> Option<Clash<OriginAccessControlConfig>> {
        let taken =
            all.iter().any(|thing| Some(thing.id.as_str()) != own && thing.config.name == config.name);
        taken.then(|| {
            Clash::Other(errors::origin_access_control_already_exists(
                "An origin access control with the same name already exists.",
            ))
        })
    }

    fn check(_: &impl Read, _: &str, config: &OriginAccessControlConfig) -> Result<()> {
        let operation = "CreateOriginAccessControl";
        if config.origin_access_control_origin_type != OriginAccessControlOriginTypes::S3 {
            return Err(AwsError::parameter_not_implemented(operation, "OriginAccessControlOriginType"));
        }
        if config.signing_protocol != OriginAccessControlSigningProtocols::Sigv4 {
            return Err(AwsError::parameter_not_implemented(operation, "SigningProtocol"));
        }
        if config.signing_behavior == OriginAccessControlSigningBehaviors::AlwaysAmzAuth {
            return Err(AwsError::parameter_not_implemented(operation, "SigningBehavior"));
        }
        if config.name.is_empty() || config.name.len() > 64 {
            return Err(errors::invalid_argument("The parameter Name is not valid."));
        }
        Ok(())
    }

    fn check_unused(
        reader: &impl Read,
        account: &str,
        thing: &Thing<OriginAccessControlConfig>,
    ) -> Result<()> {
        let all = things::all::<Distributions>(reader, account)?;
        let mut origins = all.iter().flat_map(|one| &one.config.origins.items);
        if origins.any(|origin| origin.origin_access_control_id.as_ref() == Some(&thing.id)) {
            return Err(errors::origin_access_control_in_use(
                "Cannot delete the origin access control because it's in use by one or more distributions.",
            ));
        }
        Ok(())
    }
}

pub(crate) struct AccessIdentities;

impl Kind for AccessIdentities {
    type Config = CloudFrontOriginAccessIdentityConfig;
    type Shown = CloudFrontOriginAccessIdentity;
    const TABLE: kv::Table<Key, Record> = ACCESS_IDENTITIES;
    const MAX: usize = ACCESS_MAX;

    fn reads() -> &'static Operation {
        &api_cloudfront::GET_CLOUD_FRONT_ORIGIN_ACCESS_IDENTITY_CONFIG
    }

    fn missing() -> AwsError {
        errors::no_such_cloud_front_origin_access_identity(
            "The specified origin access identity does not exist.",
        )
    }

    fn too_many() -> AwsError {
        errors::too_many_cloud_front_origin_access_identities(
            "Your request would cause you to exceed the maximum number of origin access identities allowed.",
        )
    }

    fn new_id(env: &Env) -> String {
        things::capital_id(env)
    }

    fn show(_: &Ctx, thing: Thing<CloudFrontOriginAccessIdentityConfig>) -> CloudFrontOriginAccessIdentity {
        CloudFrontOriginAccessIdentity {
            s3_canonical_user_id: canonical_user(&thing.id),
            cloud_front_origin_access_identity_config: Some(thing.config),
            id: thing.id,
        }
    }

    fn clash(
        all: &[Thing<CloudFrontOriginAccessIdentityConfig>],
        own: Option<&str>,
        config: &CloudFrontOriginAccessIdentityConfig,
    ) -> Option<Clash<CloudFrontOriginAccessIdentityConfig>> {
        things::clash_by_reference(
            all,
            own,
            config,
            |config| &config.caller_reference,
            |id| {
                errors::cloud_front_origin_access_identity_already_exists(format!(
                    "The caller reference that you are using to create an origin access identity is associated with another. \
                 Already exists: {id}"
                ))
            },
        )
    }

    fn check(_: &impl Read, _: &str, config: &CloudFrontOriginAccessIdentityConfig) -> Result<()> {
        if config.comment.chars().count() > 128 {
            return Err(errors::invalid_argument("The parameter Comment is too long."));
        }
        Ok(())
    }

    fn check_unused(
        reader: &impl Read,
        account: &str,
        thing: &Thing<CloudFrontOriginAccessIdentityConfig>,
    ) -> Result<()> {
        let all = things::all::<Distributions>(reader, account)?;
        let origins = all.iter().flat_map(|one| &one.config.origins.items);
        let mut used = origins.filter_map(|origin| origin.s3_origin_config.as_ref());
        if used.any(|s3| identity(&s3.origin_access_identity) == Some(&thing.id)) {
            return Err(errors::cloud_front_origin_access_identity_in_use(
                "The CloudFront origin access identity is still being used.",
            ));
        }
        Ok(())
    }
}

/// The canonical user of an identity: 64 hexadecimal digits, always the same.
pub(crate) fn canonical_user(id: &str) -> String {
    let digest = Sha256::digest(format!("origin access identity {id}"));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
