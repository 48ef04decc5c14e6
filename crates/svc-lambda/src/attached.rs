//! The layers of a function: which it may have, and what it keeps of them.

use api_lambda as api;
use api_lambda::errors;
use aws_wire::Result;
use kv::Read;
use serde::{Deserialize, Serialize};
use service::Caller;

use crate::function::{Code, Settings};
use crate::layer::{LayerVersionName, does_not_exist};
use crate::package::UNZIPPED_BYTES_MAX;

const LAYERS_MAX: usize = 5;

/// A version of a layer as a function keeps it: whole, so that it outlives the layer's own record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attached {
    pub arn: String,
    pub code: Code,
}

impl Attached {
    pub(crate) fn shown(&self) -> api::Layer {
        api::Layer {
            arn: Some(self.arn.clone()),
            code_size: i64::try_from(self.code.size_bytes).ok(),
            ..api::Layer::default()
        }
    }
}

/// The layers that a request asks for, in its order.
#[derive(Debug)]
pub(crate) struct Wanted(Vec<LayerVersionName>);

impl Wanted {
    /// What can be refused without looking a layer up.
    ///
    /// # Errors
    /// 400 for too many, for another region's, for numbers below 1, for two versions of one layer.
    pub(crate) fn parse(caller: &Caller, arns: &[String]) -> Result<Self> {
        if arns.len() > LAYERS_MAX {
            return Err(errors::invalid_parameter_value_exception(format!(
                "Cannot reference more than {LAYERS_MAX} layers."
            )));
        }
        let mut names = Vec::<LayerVersionName>::new();
        for arn in arns {
            let name = LayerVersionName::parse_arn(caller, arn)?;
            if let Some(other) = names.iter().find(|other| other.layer == name.layer) {
                return Err(errors::invalid_parameter_value_exception(format!(
                    "Two different versions of the same layer are not allowed to be referenced in the same function. {} \
                     and {} are versions of the same layer.",
                    other.arn(),
                    name.arn()
                )));
            }
            names.push(name);
        }
        Ok(Self(names))
    }

    /// Looks them up.
    ///
    /// # Errors
    /// 400 for a version that is not there, 403 for another account's that was not granted.
    pub(crate) fn find(&self, reader: &impl Read, caller: &Caller) -> Result<Vec<Attached>> {
        let find = |name: &LayerVersionName| {
            let arn = name.arn();
            let version = name.find(reader, caller)?.ok_or_else(|| does_not_exist(&arn))?;
            Ok(Attached { arn, code: version.code })
        };
        self.0.iter().map(find).collect()
    }
}

/// # Errors
/// 400 when a function and its layers unpack to more than AWS takes.
pub(crate) fn check_size(settings: &Settings) -> Result<()> {
    let layers = settings.layers.iter().map(|layer| layer.code.unzipped_bytes).sum::<u64>();
    let size = settings.code.unzipped_bytes + layers;
    if size <= UNZIPPED_BYTES_MAX {
        return Ok(());
    }
    Err(errors::invalid_parameter_value_exception(format!(
        "Function code combined with layers exceeds the maximum allowed size of {UNZIPPED_BYTES_MAX} bytes. The actual \
         size is {size} bytes."
    )))
}
