//! Layers: numbered versions of a zip that functions find unpacked in `/opt`.

use api_lambda as api;
use api_lambda::errors;
use aws_wire::{AwsError, Result};
use env::Timestamp;
use kv::{Direction, Read, Span};
use serde::{Deserialize, Serialize};
use service::Caller;

use crate::Ctx;
use crate::function::Code;
use crate::keys::{LAYER_VERSIONS, LAYERS, LayerKey, LayerVersionKey};
use crate::layer_policy::Statement;
use crate::locations::location;
use crate::shown::last_modified;

/// Versions read at once when one that fits is looked for.
const PAGE: usize = 50;

/// A layer as it is stored, from its first version on and for ever: its numbers are never used again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Layer {
    /// Of this layout; readers of a later one still read it.
    pub format: u32,
    /// The number of the version that was published last.
    pub last_version: u64,
}

/// A version as it is stored, until it is deleted. Of it only the policy changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LayerVersion {
    /// Of this layout; readers of a later one still read it.
    pub format: u32,
    /// 1, 2, 3, …
    pub number: u64,
    pub code: Code,
    pub description: String,
    /// Microseconds since the epoch.
    pub created_us: i64,
    /// Absent when they were not given: reads then leave them out.
    pub compatible_runtimes: Option<Vec<String>>,
    pub compatible_architectures: Option<Vec<String>>,
    pub license_info: Option<String>,
    pub policy: Vec<Statement>,
    /// The policy's own.
    pub revision_id: String,
}

/// A layer that a caller named, by its name or its ARN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LayerName {
    account: String,
    region: String,
    name: String,
}

impl LayerName {
    /// # Errors
    /// 400 for another region's layer.
    pub(crate) fn parse(caller: &Caller, text: &str) -> Result<Self> {
        let (mut account, mut region) = (caller.account.to_string(), caller.region.to_string());
        let mut name = text;
        if text.starts_with("arn:") {
            // The model's pattern has let pass only whole ARNs: arn:aws:lambda:region:account:layer:name
            let mut parts = text.split(':').skip(3);
            region = parts.next().unwrap_or_default().to_owned();
            account = parts.next().unwrap_or_default().to_owned();
            name = parts.nth(1).unwrap_or_default();
        }
        let name = Self { account, region, name: name.to_owned() };
        name.check_region(caller)?;
        Ok(name)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn of_key((account, region, name): LayerKey) -> Self {
        Self { account, region, name }
    }

    pub(crate) fn key(&self) -> LayerKey {
        (self.account.clone(), self.region.clone(), self.name.clone())
    }

    pub(crate) fn arn(&self) -> String {
        format!("arn:aws:lambda:{}:{}:layer:{}", self.region, self.account, self.name)
    }

    /// # Errors
    /// 403 for another account's layer, which only its owner may change.
    pub(crate) fn check_owner(&self, caller: &Caller, action: &str) -> Result<()> {
        if self.account == *caller.account { Ok(()) } else { Err(denied(caller, action, &self.arn())) }
    }

    fn check_region(&self, caller: &Caller) -> Result<()> {
        if self.region == *caller.region {
            return Ok(());
        }
        Err(errors::invalid_parameter_value_exception(format!(
            "Layers are not in the same region as the function. Layers are expected to be in region {}.",
            caller.region
        )))
    }

    fn version_key(&self, number: u64) -> LayerVersionKey {
        (self.account.clone(), self.region.clone(), self.name.clone(), number)
    }

    /// The keys of its versions.
    pub(crate) fn versions(&self) -> Span<LayerVersionKey> {
        Span::prefix(&(self.account.as_str(), self.region.as_str(), self.name.as_str()))
    }
}

/// One version of a layer, as a caller named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LayerVersionName {
    pub layer: LayerName,
    pub number: u64,
}

impl LayerVersionName {
    /// # Errors
    /// 400 for another region's layer, and for numbers below 1.
    pub(crate) fn parse(caller: &Caller, layer: &str, number: i64) -> Result<Self> {
        let layer = LayerName::parse(caller, layer)?;
        let number = u64::try_from(number).ok().filter(|number| *number > 0);
        let number = number.ok_or_else(|| {
            errors::invalid_parameter_value_exception("Layer Version Cannot be less than 1")
        })?;
        Ok(Self { layer, number })
    }

    /// # Errors
    /// As [`LayerVersionName::parse`]; 400 for the layers of AWS's own, of which there are none here.
    pub(crate) fn parse_arn(caller: &Caller, arn: &str) -> Result<Self> {
        let (layer, number) = arn.rsplit_once(':').unwrap_or((arn, ""));
        if arn.contains(":::awslayer:") {
            return Err(does_not_exist(arn));
        }
        // A number with more digits than any layer has versions.
        Self::parse(caller, layer, number.parse().unwrap_or(i64::MAX))
    }

    pub(crate) fn arn(&self) -> String {
        format!("{}:{}", self.layer.arn(), self.number)
    }

    pub(crate) fn key(&self) -> LayerVersionKey {
        self.layer.version_key(self.number)
    }

    /// The version, if the caller may have it.
    ///
    /// # Errors
    /// 403 for another account's version, there or not, unless its policy grants it.
    pub(crate) fn find(&self, reader: &impl Read, caller: &Caller) -> Result<Option<LayerVersion>> {
        let found = LAYER_VERSIONS.get(reader, &self.key())?;
        let granted = found
            .as_ref()
            .is_some_and(|version| version.policy.iter().any(|statement| statement.grants(&caller.account)));
        if self.layer.account == *caller.account || granted {
            return Ok(found);
        }
        Err(denied(caller, "GetLayerVersion", &self.arn()))
    }

    /// # Errors
    /// 404 without the version, 403 when the caller may not have it.
    pub(crate) fn get(&self, reader: &impl Read, caller: &Caller) -> Result<LayerVersion> {
        self.find(reader, caller)?
            .ok_or_else(|| errors::resource_not_found_exception("The resource you requested does not exist."))
    }
}

/// The refusal of a function's layer that is not there.
pub(crate) fn does_not_exist(arn: &str) -> AwsError {
    errors::invalid_parameter_value_exception(format!("Layer version {arn} does not exist."))
}

fn denied(caller: &Caller, action: &str, arn: &str) -> AwsError {
    let message = format!(
        "User: {} is not authorized to perform: lambda:{action} on resource: {arn} because no resource-based policy \
         allows the lambda:{action} action",
        caller.principal.arn
    );
    AwsError::common("AccessDeniedException", 403, message)
}

/// Which versions a list is asked for.
#[derive(Default)]
pub(crate) struct Filter {
    pub runtime: Option<String>,
    pub architecture: Option<String>,
}

impl Filter {
    pub(crate) fn fits(&self, version: &LayerVersion) -> bool {
        let fits = |wanted: &Option<String>, has: &Option<Vec<String>>| {
            wanted.as_ref().is_none_or(|wanted| has.as_ref().is_some_and(|has| has.contains(wanted)))
        };
        fits(&self.runtime, &version.compatible_runtimes)
            && fits(&self.architecture, &version.compatible_architectures)
    }

    /// The versions of a layer that fit, newest first, at most `limit` of them, below `before`.
    pub(crate) fn newest(
        &self,
        reader: &impl Read,
        layer: &LayerName,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<LayerVersion>> {
        let mut span = layer.versions();
        if let Some(before) = before {
            span = span.before(&layer.version_key(before));
        }
        let mut found = Vec::new();
        loop {
            let page = LAYER_VERSIONS.scan(reader, &span, PAGE, Direction::Reverse)?;
            let Some((last, _)) = page.last() else { return Ok(found) };
            span = span.before(last);
            for (_, version) in page {
                if self.fits(&version) {
                    found.push(version);
                }
                if found.len() == limit {
                    return Ok(found);
                }
            }
        }
    }
}

impl Layer {
    /// # Errors
    /// Those of the store.
    pub(crate) fn find(reader: &impl Read, name: &LayerName) -> Result<Option<Self>> {
        Ok(LAYERS.get(reader, &name.key())?)
    }
}

impl LayerVersion {
    fn architectures(&self) -> Option<Vec<api::Architecture>> {
        let architectures = self.compatible_architectures.as_ref()?;
        Some(architectures.iter().filter_map(|architecture| architecture.parse().ok()).collect())
    }

    fn created_date(&self) -> String {
        last_modified(Timestamp::from_micros(self.created_us))
    }

    /// As lists show it.
    pub(crate) fn listed(&self, layer: &LayerName) -> api::LayerVersionsListItem {
        api::LayerVersionsListItem {
            layer_version_arn: Some(format!("{}:{}", layer.arn(), self.number)),
            version: i64::try_from(self.number).ok(),
            description: Some(self.description.clone()),
            created_date: Some(self.created_date()),
            compatible_architectures: self.architectures(),
            compatible_runtimes: self.compatible_runtimes.clone(),
            license_info: self.license_info.clone(),
        }
    }

    /// As the operations on one version show it.
    pub(crate) fn shown(&self, cx: &Ctx, layer: &LayerName) -> api::GetLayerVersionResponse {
        let listed = self.listed(layer);
        api::GetLayerVersionResponse {
            content: Some(api::LayerVersionContentOutput {
                location: location(cx, &cx.state.presigner, &self.code),
                code_sha256: Some(self.code.sha256_base64.clone()),
                code_size: i64::try_from(self.code.size_bytes).ok(),
                ..api::LayerVersionContentOutput::default()
            }),
            layer_arn: Some(layer.arn()),
            layer_version_arn: listed.layer_version_arn,
            description: listed.description,
            created_date: listed.created_date,
            version: listed.version,
            compatible_architectures: listed.compatible_architectures,
            compatible_runtimes: listed.compatible_runtimes,
            license_info: listed.license_info,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_names_the_same_layer() {
        let caller = Caller::root("123456789012", "eu-west-1");
        let check = |layer: &str, number: i64, expected: Result<&str, u16>| {
            let found = LayerVersionName::parse(&caller, layer, number);
            let arn = found.map(|name| name.arn()).map_err(|error| error.status);
            assert_eq!(arn.as_deref(), expected.as_ref().map(|arn| *arn), "{layer}:{number}");
        };
        let arn = "arn:aws:lambda:eu-west-1:123456789012:layer:l";
        let version = "arn:aws:lambda:eu-west-1:123456789012:layer:l:7";
        check("l", 7, Ok(version));
        check(arn, 7, Ok(version));
        check("l", 0, Err(400));
        check("l", -1, Err(400));
        check("arn:aws:lambda:us-east-1:123456789012:layer:l", 7, Err(400));
        let other = "arn:aws:lambda:eu-west-1:999999999999:layer:l";
        check(other, 7, Ok("arn:aws:lambda:eu-west-1:999999999999:layer:l:7"));
        let parsed = LayerVersionName::parse_arn(&caller, version).expect("an ARN");
        assert_eq!((parsed.arn().as_str(), parsed.number), (version, 7));
        let aws = LayerVersionName::parse_arn(&caller, "arn:aws:lambda:::awslayer:AmazonLinux1803");
        assert_eq!(aws.expect_err("there is none").status, 400);
    }

    /// Records outlive releases: this one was written by the first.
    #[test]
    fn an_old_record_is_read() {
        let text = r#"{"format":1,"number":3,"code":{"sha256":"ab","sha256_base64":"qw==","size_bytes":9,
            "unzipped_bytes":20},"description":"d","created_us":1000000,"compatible_runtimes":["python3.13"],
            "compatible_architectures":null,"license_info":"MIT","policy":[{"id":"s","principal":"*",
            "organization_id":null}],"revision_id":"r"}"#;
        let version = serde_json::from_str::<LayerVersion>(text).expect("the first layout");
        assert_eq!((version.number, version.code.unzipped_bytes, version.policy.len()), (3, 20, 1));
        assert_eq!(version.created_date(), "1970-01-01T00:00:01.000+0000");
    }
}
