//! The many ways to name a function, and what they come to.

use api_lambda::errors;
use aws_wire::{AwsError, Result};
use service::Caller;

use crate::keys::FunctionKey;

/// The unpublished version.
pub(crate) const LATEST: &str = "$LATEST";
/// A bare name's length; the model allows for a whole ARN.
pub(crate) const NAME_LENGTH_MAX: usize = 64;

/// A function that a caller named, in their region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FunctionName {
    pub(crate) account: String,
    region: String,
    pub(crate) name: String,
    pub(crate) qualifier: Option<String>,
}

impl FunctionName {
    /// Reads `name`, `account:function:name`, `function:name` or an ARN, each with or without a qualifier.
    ///
    /// # Errors
    /// 404 for another region's function, 403 for another account's, 400 when the two qualifiers differ.
    pub(crate) fn parse(caller: &Caller, text: &str, qualifier: Option<&str>) -> Result<Self> {
        let name = Self::parse_any(caller, text, qualifier)?;
        if name.is_of(caller) {
            return Ok(name);
        }
        let message = format!(
            "User: {} is not authorized to perform: lambda on resource: {text} because no resource-based policy allows it",
            caller.principal.arn
        );
        Err(AwsError::common("AccessDeniedException", 403, message))
    }

    /// As [`FunctionName::parse`], but of any account: who reads it so asks the function's policy.
    ///
    /// # Errors
    /// 404 for another region's function, 400 when the two qualifiers differ.
    pub(crate) fn parse_any(caller: &Caller, text: &str, qualifier: Option<&str>) -> Result<Self> {
        let mut parts = text.split(':').collect::<Vec<_>>();
        let mut region = caller.region.to_string();
        let mut account = caller.account.to_string();
        if parts.first() == Some(&"arn") {
            // The model's pattern has let pass only whole ARNs: arn:aws:lambda:region:account:function:name[:qualifier]
            region = parts.get(3).copied().unwrap_or_default().to_owned();
            account = parts.get(4).copied().unwrap_or_default().to_owned();
            parts.drain(..parts.len().min(6));
        } else if let Some(position) = parts.iter().position(|part| *part == "function")
            && position <= 2
            && parts.len() > position + 1
        {
            for part in &parts[..position] {
                let is_account = part.len() == 12 && part.bytes().all(|byte| byte.is_ascii_digit());
                *(if is_account { &mut account } else { &mut region }) = (*part).to_owned();
            }
            parts.drain(..=position);
        }
        let mut parts = parts.into_iter();
        let name = parts.next().unwrap_or_default().to_owned();
        let own = parts.next();
        let qualifier = match (own, qualifier) {
            (Some(own), Some(given)) if own != given => {
                return Err(errors::invalid_parameter_value_exception(
                    "The derived qualifier from the function name does not match the specified qualifier.",
                ));
            }
            (own, given) => own.or(given).map(str::to_owned),
        };
        if region != *caller.region {
            return Err(errors::resource_not_found_exception(format!(
                "Functions from '{region}' are not reachable in this region ('{}')",
                caller.region
            )));
        }
        Ok(Self { account, region, name, qualifier })
    }

    /// For operations on `$LATEST`.
    ///
    /// # Errors
    /// 404 when a version or an alias is named.
    pub(crate) fn parse_latest(caller: &Caller, text: &str, qualifier: Option<&str>) -> Result<Self> {
        Self::parse(caller, text, qualifier)?.latest()
    }

    /// # Errors
    /// 404 when it names a version or an alias.
    pub(crate) fn latest(self) -> Result<Self> {
        match self.qualifier.as_deref() {
            None | Some(LATEST) => Ok(self),
            Some(_) => Err(self.not_found()),
        }
    }

    /// The function of this key, unqualified.
    pub(crate) fn of((account, region, name): &FunctionKey) -> Self {
        Self { account: account.clone(), region: region.clone(), name: name.clone(), qualifier: None }
    }

    /// Whether it is the caller's own.
    pub(crate) fn is_of(&self, caller: &Caller) -> bool {
        self.account == *caller.account
    }

    pub(crate) fn key(&self) -> FunctionKey {
        (self.account.clone(), self.region.clone(), self.name.clone())
    }

    /// The same function, by another qualifier.
    pub(crate) fn with_qualifier(&self, qualifier: &str) -> Self {
        Self { qualifier: Some(qualifier.to_owned()), ..self.clone() }
    }

    /// Without the qualifier.
    pub(crate) fn arn(&self) -> String {
        format!("arn:aws:lambda:{}:{}:function:{}", self.region, self.account, self.name)
    }

    /// With the qualifier that was given, if one was.
    pub(crate) fn qualified_arn(&self) -> String {
        match &self.qualifier {
            Some(qualifier) => format!("{}:{qualifier}", self.arn()),
            None => self.arn(),
        }
    }

    pub(crate) fn not_found(&self) -> AwsError {
        errors::resource_not_found_exception(format!("Function not found: {}", self.qualified_arn()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_names_the_same_function() {
        let caller = Caller::root("123456789012", "eu-west-1");
        let check = |text: &str, qualifier: Option<&str>, expected: Result<(&str, Option<&str>), u16>| {
            let found = FunctionName::parse(&caller, text, qualifier);
            let found = found.as_ref().map(|name| (name.name.as_str(), name.qualifier.as_deref()));
            assert_eq!(found.map_err(|error| error.status), expected, "{text}");
        };
        check("f", None, Ok(("f", None)));
        check("f:v1", None, Ok(("f", Some("v1"))));
        check("f", Some("$LATEST"), Ok(("f", Some("$LATEST"))));
        check("f:v1", Some("v2"), Err(400));
        check("function:f", None, Ok(("f", None)));
        check("123456789012:function:f:7", None, Ok(("f", Some("7"))));
        check("eu-west-1:123456789012:function:f", None, Ok(("f", None)));
        check("arn:aws:lambda:eu-west-1:123456789012:function:f", None, Ok(("f", None)));
        check("arn:aws:lambda:eu-west-1:123456789012:function:f:live", None, Ok(("f", Some("live"))));
        check("arn:aws:lambda:us-east-1:123456789012:function:f", None, Err(404));
        check("arn:aws:lambda:eu-west-1:999999999999:function:f", None, Err(403));
    }
}
