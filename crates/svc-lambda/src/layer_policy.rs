//! Who else may use a version of a layer: the statements of its policy.

use api_lambda::errors;
use aws_wire::{AwsError, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::Ctx;
use crate::keys::LAYER_VERSIONS;
use crate::layer::{LayerVersion, LayerVersionName};

/// Of a policy as it is shown.
const POLICY_BYTES_MAX: usize = 20 * 1024;

/// One grant of `lambda:GetLayerVersion`, the only action there is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Statement {
    pub id: String,
    /// An account's number, the ARN of its root, or `*`.
    pub principal: String,
    pub organization_id: Option<String>,
}

impl Statement {
    /// Whether `account` may use the version. There are no organizations here, so nobody is in one.
    pub(crate) fn grants(&self, account: &str) -> bool {
        self.organization_id.is_none() && (self.principal == "*" || self.account() == account)
    }

    fn account(&self) -> &str {
        match self.principal.strip_prefix("arn:") {
            Some(arn) => arn.split(':').nth(3).unwrap_or_default(),
            None => &self.principal,
        }
    }

    /// As the API shows it.
    pub(crate) fn shown(&self, version: &LayerVersionName) -> Json {
        let principal = if self.principal == "*" {
            json!("*")
        } else {
            json!({ "AWS": format!("arn:aws:iam::{}:root", self.account()) })
        };
        let mut statement = json!({
            "Sid": self.id,
            "Effect": "Allow",
            "Principal": principal,
            "Action": "lambda:GetLayerVersion",
            "Resource": version.arn(),
        });
        if let Some(organization_id) = &self.organization_id {
            statement["Condition"] = json!({ "StringEquals": { "aws:PrincipalOrgID": organization_id } });
        }
        statement
    }
}

/// The whole document.
pub(crate) fn document(statements: &[Statement], version: &LayerVersionName) -> Json {
    let statements = statements.iter().map(|statement| statement.shown(version)).collect::<Vec<_>>();
    json!({ "Version": "2012-10-17", "Id": "default", "Statement": statements })
}

/// Changes the policy of a version of the caller's own, in one transaction; answers its new revision.
///
/// # Errors
/// 404 without the version, 403 for another account's, 412 for another revision, 400 when the policy gets too long.
pub(crate) async fn change(
    cx: &Ctx,
    name: &LayerVersionName,
    revision_id: Option<&str>,
    change: impl Fn(&mut Vec<Statement>) -> Result<()>,
) -> Result<String> {
    let new_revision_id = cx.env.uuid().to_string();
    cx.kv
        .transact(|tx| {
            let mut version = LAYER_VERSIONS.get(tx, &name.key())?.ok_or_else(|| missing(name))?;
            check_revision(&version, revision_id)?;
            change(&mut version.policy)?;
            if document(&version.policy, name).to_string().len() > POLICY_BYTES_MAX {
                return Err(errors::policy_length_exceeded_exception(format!(
                    "The final policy size is bigger than the limit ({POLICY_BYTES_MAX})."
                )));
            }
            new_revision_id.clone_into(&mut version.revision_id);
            Ok::<_, AwsError>(LAYER_VERSIONS.put(tx, &name.key(), &version)?)
        })
        .await?;
    Ok(new_revision_id)
}

/// The refusal of a policy's version that is not there.
pub(crate) fn missing(name: &LayerVersionName) -> AwsError {
    errors::resource_not_found_exception(format!("Layer version {} does not exist.", name.arn()))
}

fn check_revision(version: &LayerVersion, expected: Option<&str>) -> Result<()> {
    match expected {
        Some(expected) if expected != version.revision_id => Err(errors::precondition_failed_exception(
            "The Revision Id provided does not match the latest Revision Id. Call the GetLayerPolicy API to retrieve the \
             latest Revision Id",
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_are_to_accounts() {
        let check = |principal: &str, organization_id: Option<&str>, expected: bool| {
            let statement = Statement {
                id: "s".to_owned(),
                principal: principal.to_owned(),
                organization_id: organization_id.map(str::to_owned),
            };
            assert_eq!(statement.grants("111111111111"), expected, "{principal}");
        };
        check("*", None, true);
        check("111111111111", None, true);
        check("arn:aws:iam::111111111111:root", None, true);
        check("222222222222", None, false);
        check("arn:aws:iam::222222222222:root", None, false);
        check("*", Some("o-0123456789"), false);
    }
}
