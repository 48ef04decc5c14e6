//! What can have tags: functions, event source mappings, code signing configurations.

use std::collections::BTreeMap;

use api_lambda::errors;
use aws_wire::{AwsError, Result};
use kv::{Read, Tx};

use crate::Ctx;
use crate::code_signing;
use crate::keys::{CODE_SIGNING_CONFIGS, EVENT_SOURCE_MAPPINGS, FUNCTIONS, MappingKey};
use crate::name::FunctionName;
use crate::policy;
use crate::settings;

pub(crate) type Tags = BTreeMap<String, String>;

/// A resource that a tag operation names.
pub(crate) enum Tagged {
    Function(FunctionName),
    Mapping { key: MappingKey, arn: String },
    CodeSigning { arn: String },
}

impl Tagged {
    /// Reads an ARN for `operation`.
    ///
    /// # Errors
    /// 400 for versions and aliases, which have no tags; 403 for another account's function; 501 for what is not served.
    pub(crate) async fn parse(cx: &Ctx, operation: &str, arn: &str) -> Result<Self> {
        let mut parts = arn.splitn(7, ':').skip(3);
        let (region, account) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let (kind, id) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        match kind {
            "event-source-mapping" => {
                let key = (account.to_owned(), region.to_owned(), id.to_owned());
                return Ok(Self::Mapping { key, arn: arn.to_owned() });
            }
            "code-signing-config" => return Ok(Self::CodeSigning { arn: arn.to_owned() }),
            "function" => {}
            _ => {
                return Err(AwsError::parameter_not_implemented(operation, &format!("Resource of a {kind}")));
            }
        }
        let name = policy::named(cx, operation, arn, None).await?;
        if name.qualifier.is_some() {
            return Err(errors::invalid_parameter_value_exception(
                "Tags on function aliases and versions are not supported. Please specify a function ARN.",
            ));
        }
        Ok(Self::Function(name))
    }

    /// # Errors
    /// 404 when there is no such resource.
    pub(crate) fn tags(&self, cx: &Ctx, reader: &impl Read) -> Result<Tags> {
        match self {
            Self::Function(name) => {
                let function = FUNCTIONS.get(reader, &name.key())?;
                Ok(function.ok_or_else(|| name.not_found())?.tags)
            }
            Self::Mapping { key, arn } => {
                let mapping = EVENT_SOURCE_MAPPINGS.get(reader, key)?.filter(|_| is_own(cx, key));
                Ok(mapping.ok_or_else(|| mapping_not_found(arn))?.tags)
            }
            Self::CodeSigning { arn } => Ok(code_signing::find(reader, &cx.caller, arn)?.1.tags),
        }
    }

    /// # Errors
    /// As [`Tagged::tags`]; 409 while a function is being updated; 400 for too many tags.
    pub(crate) fn change(&self, cx: &Ctx, tx: &mut Tx, change: impl Fn(&mut Tags)) -> Result<()> {
        let changed = |tags: &mut Tags| {
            change(tags);
            settings::check_tags(tags)
        };
        match self {
            Self::Function(name) => {
                let mut function = FUNCTIONS.get(tx, &name.key())?.ok_or_else(|| name.not_found())?;
                function.check_not_updating()?;
                changed(&mut function.tags)?;
                Ok(FUNCTIONS.put(tx, &name.key(), &function)?)
            }
            Self::Mapping { key, arn } => {
                let mapping = EVENT_SOURCE_MAPPINGS.get(tx, key)?.filter(|_| is_own(cx, key));
                let mut mapping = mapping.ok_or_else(|| mapping_not_found(arn))?;
                changed(&mut mapping.tags)?;
                Ok(EVENT_SOURCE_MAPPINGS.put(tx, key, &mapping)?)
            }
            Self::CodeSigning { arn } => {
                let (key, mut config) = code_signing::find(tx, &cx.caller, arn)?;
                changed(&mut config.tags)?;
                Ok(CODE_SIGNING_CONFIGS.put(tx, &key, &config)?)
            }
        }
    }
}

fn is_own(cx: &Ctx, (account, region, _): &MappingKey) -> bool {
    *account == *cx.caller.account && *region == *cx.caller.region
}

fn mapping_not_found(arn: &str) -> AwsError {
    errors::resource_not_found_exception(format!("Event source mapping not found: {arn}"))
}
