//! Resource policies of functions, versions and aliases: how they are stored and asked.
//!
//! A function's own policy is of `$LATEST`; each version and alias has one of its own, and none reaches further. What
//! the documents mean is `aws_auth::policy`'s. They are asked here and nowhere else: for callers of other accounts by
//! [`named`], which also asks them for services that call, and for services that deliver events by [`lets_in`].

use std::sync::OnceLock;

use api_lambda::errors;
use aws_auth::policy::Policy;
use aws_wire::{AwsError, Result};
use kv::{Memo, Table};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use service::{Asking, Sender};

use crate::Ctx;
use crate::function::FORMAT;
use crate::keys::{POLICIES, PolicyKey};
use crate::name::{FunctionName, LATEST};

/// Of a whole document.
const DOCUMENT_BYTES_MAX: usize = 20_480;

/// A policy as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ResourcePolicy {
    /// Of this layout; readers of a later one still read it.
    pub format: u32,
    /// Its `Statement` is a list.
    pub document: Json,
    pub revision_id: String,
}

impl ResourcePolicy {
    /// One without statements, as AddPermission begins it.
    pub(crate) fn new() -> Self {
        let document = json!({ "Version": "2012-10-17", "Id": "default", "Statement": [] });
        Self { format: FORMAT, document, revision_id: String::new() }
    }

    pub(crate) fn text(&self) -> String {
        self.document.to_string()
    }

    pub(crate) fn statements(&self) -> &[Json] {
        self.document["Statement"].as_array().map_or(&[], Vec::as_slice)
    }

    pub(crate) fn statements_mut(&mut self) -> &mut Vec<Json> {
        self.document["Statement"].as_array_mut().expect("every stored document has a list")
    }

    /// # Errors
    /// 400 above 20 KB.
    pub(crate) fn check_size(&self) -> Result<()> {
        let size = self.text().len();
        if size > DOCUMENT_BYTES_MAX {
            return Err(errors::policy_length_exceeded_exception(format!(
                "The final policy size ({size}) is bigger than the limit ({DOCUMENT_BYTES_MAX})."
            )));
        }
        Ok(())
    }
}

/// # Errors
/// 412 when the caller expects another revision, or one where there is none.
pub(crate) fn check_revision(current: Option<&ResourcePolicy>, expected: Option<&str>) -> Result<()> {
    match expected {
        Some(expected) if current.is_none_or(|policy| policy.revision_id != expected) => {
            Err(errors::precondition_failed_exception(
                "The Revision Id provided does not match the latest Revision Id. Call the GetPolicy API to retrieve the \
                 latest Revision Id",
            ))
        }
        _ => Ok(()),
    }
}

/// The function, version or alias that a policy is to be of.
///
/// # Errors
/// 400 for an explicit `$LATEST`, which AWS refuses though the function's own policy is just that.
pub(crate) fn subject(name: FunctionName) -> Result<FunctionName> {
    if name.qualifier.as_deref() == Some(LATEST) {
        return Err(errors::invalid_parameter_value_exception(
            "We currently do not support adding policies for $LATEST.",
        ));
    }
    Ok(name)
}

/// The key of the policy that counts for `name`.
pub(crate) fn key(name: &FunctionName) -> PolicyKey {
    let (account, region, function) = name.key();
    let qualifier = name.qualifier.as_deref().filter(|qualifier| *qualifier != LATEST);
    (account, region, function, qualifier.unwrap_or_default().to_owned())
}

/// A policy as it is asked.
#[derive(Serialize, Deserialize)]
struct Asked {
    document: Json,
    #[serde(skip)]
    parsed: OnceLock<Option<Policy>>,
}

/// Policies that are asked, parsed once.
pub(crate) struct Policies(Memo<PolicyKey, Asked>);

impl Default for Policies {
    fn default() -> Self {
        Self(Memo::new(Table::new(POLICIES.number(), POLICIES.name())))
    }
}

/// Whether the policy of `name` lets whoever asks do `action`, such as `lambda:InvokeFunction`.
///
/// # Errors
/// Those of the store.
async fn allows(cx: &Ctx, name: &FunctionName, asking: &Asking, action: &str) -> Result<bool> {
    let stored = cx.state.policies.0.get(&cx.kv.snapshot().await?, &key(name))?;
    let Some(stored) = stored else { return Ok(false) };
    // What is stored was read before; a document that no longer is a policy allows nothing.
    let policy = stored.parsed.get_or_init(|| Policy::parse(&stored.document).ok());
    let Some(policy) = policy else { return Ok(false) };
    let latest = name.qualifier.as_deref() == Some(LATEST);
    let resource = if latest { name.arn() } else { name.qualified_arn() };
    Ok(asking.is_let_in(policy, action, &resource))
}

/// A function of the caller's account, or of another whose policy lets the caller do `action`, such as
/// `InvokeFunction`. A caller's rights in their own account are not asked for yet.
///
/// # Errors
/// Those of [`FunctionName::parse_any`]; 403 when another account's policy does not allow it, whether or not there is
/// such a function.
pub(crate) async fn named(
    cx: &Ctx,
    action: &str,
    text: &str,
    qualifier: Option<&str>,
) -> Result<FunctionName> {
    let name = FunctionName::parse_any(&cx.caller, text, qualifier)?;
    if let Some(sender) = &cx.sender {
        let action = format!("lambda:{action}");
        return if Box::pin(lets_in(cx, &name, sender, &action)).await? {
            Ok(name)
        } else {
            Err(not_authorized(&sender.service, &action, &name))
        };
    }
    if name.is_of(&cx.caller) {
        return Ok(name);
    }
    Box::pin(of_another(cx, action, name)).await
}

/// A function of another account, if its policy lets the caller do `action`.
async fn of_another(cx: &Ctx, action: &str, name: FunctionName) -> Result<FunctionName> {
    if allows(cx, &name, &cx.asking(), &format!("lambda:{action}")).await? {
        return Ok(name);
    }
    Err(not_authorized(&cx.caller.principal.arn, &format!("lambda:{action}"), &name))
}

/// Whether a sender may do `action`: with a role of the function's own account, or as the function's policy says.
///
/// # Errors
/// Those of the store.
pub(crate) async fn lets_in(cx: &Ctx, name: &FunctionName, sender: &Sender, action: &str) -> Result<bool> {
    if sender.role_account() == Some(&name.account) {
        return Ok(true);
    }
    allows(cx, name, &cx.asking_as(sender), action).await
}

fn not_authorized(who: &str, action: &str, name: &FunctionName) -> AwsError {
    let message = format!(
        "User: {who} is not authorized to perform: {action} on resource: {} because no resource-based policy allows \
         the {action} action",
        name.qualified_arn()
    );
    AwsError::common("AccessDeniedException", 403, message)
}
