//! Aliases: names that lead to a version, or to two of them by weight.

use std::collections::BTreeMap;

use api_lambda as api;
use api_lambda::errors;
use aws_wire::Result;
use kv::Read;
use serde::{Deserialize, Serialize};

use crate::keys::{ALIASES, AliasKey, FunctionKey};
use crate::name::{FunctionName, LATEST};
use crate::published::{self, of_function};

/// An alias as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Alias {
    /// Of this layout; readers of a later one still read it.
    pub format: u32,
    pub name: String,
    /// `$LATEST` or a number.
    pub version: String,
    /// Another version, and the share of invocations that it gets, 0 to 1.
    pub additional: Option<(u64, f64)>,
    pub description: String,
    pub revision_id: String,
}

impl Alias {
    /// As the API shows it; `name` is its function.
    pub(crate) fn shown(&self, name: &FunctionName) -> api::AliasConfiguration {
        api::AliasConfiguration {
            alias_arn: Some(self.arn(name)),
            name: Some(self.name.clone()),
            function_version: Some(self.version.clone()),
            description: Some(self.description.clone()),
            routing_config: self.additional.map(|(number, weight)| api::AliasRoutingConfiguration {
                additional_version_weights: Some([(number.to_string(), weight)].into()),
            }),
            revision_id: Some(self.revision_id.clone()),
        }
    }

    fn arn(&self, name: &FunctionName) -> String {
        format!("{}:{}", name.arn(), self.name)
    }

    /// Whether it leads to this version.
    pub(crate) fn leads_to(&self, version: &str) -> bool {
        self.version == version || self.additional.is_some_and(|(other, _)| other.to_string() == version)
    }

    /// Checks where it leads, in AWS's words.
    ///
    /// # Errors
    /// 404 for a version that is not there; 400 for weights that make no sense.
    pub(crate) fn check(&self, reader: &impl Read, name: &FunctionName) -> Result<()> {
        if self.additional.is_some() && self.version == LATEST {
            return Err(errors::invalid_parameter_value_exception(
                "$LATEST is not supported for an alias pointing to more than 1 version",
            ));
        }
        let numbers =
            published::number(&self.version).into_iter().chain(self.additional.map(|(other, _)| other));
        for number in numbers {
            let version = name.with_qualifier(&number.to_string());
            published::get(reader, &version, number)?;
        }
        Ok(())
    }
}

/// The version and the share that a routing configuration adds to `version`.
///
/// # Errors
/// 400 for more than one, and for the alias' own version.
pub(crate) fn additional(
    version: &str,
    routing: Option<&api::AliasRoutingConfiguration>,
) -> Result<Option<(u64, f64)>> {
    let empty = BTreeMap::new();
    let weights = routing.and_then(|routing| routing.additional_version_weights.as_ref()).unwrap_or(&empty);
    if weights.len() > 1 {
        return Err(errors::invalid_parameter_value_exception(
            "Number of items in AdditionalVersionWeights cannot be greater than 1",
        ));
    }
    let Some((other, weight)) = weights.iter().next() else { return Ok(None) };
    if other == version {
        return Err(errors::invalid_parameter_value_exception(format!(
            "Invalid function version {other}. Function version {other} is already included in routing configuration."
        )));
    }
    // The model has let pass only digits; what is no number of ours is a version that nobody published.
    Ok(Some((published::number(other).unwrap_or(u64::MAX), *weight)))
}

/// The key of the alias `alias` of a function.
pub(crate) fn key(name: &FunctionName, alias: &str) -> AliasKey {
    let (account, region, function) = name.key();
    (account, region, function, alias.to_owned())
}

/// Every alias of a function.
///
/// # Errors
/// Those of the store.
pub(crate) fn all(reader: &impl Read, key: &FunctionKey) -> Result<Vec<(AliasKey, Alias)>> {
    Ok(ALIASES.all(reader, &of_function(key))?)
}
