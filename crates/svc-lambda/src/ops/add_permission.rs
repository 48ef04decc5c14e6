//! `AddPermission`: one more statement in a resource's policy.

use api_lambda::{AddPermissionInput, AddPermissionOutput, errors};
use aws_auth::policy::{is_account, is_principal_arn, is_service};
use aws_wire::{AwsError, Result};
use serde_json::{Value as Json, json};

use crate::Ctx;
use crate::keys::POLICIES;
use crate::name::FunctionName;
use crate::policy::{self, ResourcePolicy};
use crate::published;

pub(crate) async fn add_permission(cx: Ctx, input: AddPermissionInput) -> Result<AddPermissionOutput> {
    let name = FunctionName::parse(&cx.caller, &input.function_name, input.qualifier.as_deref())?;
    let name = policy::subject(name)?;
    let statement = statement(&input, &name.qualified_arn())?;
    let (key, revision_id) = (policy::key(&name), cx.env.uuid().to_string());
    cx.kv
        .transact(|tx| {
            published::lookup(tx, &name)?;
            let stored = POLICIES.get(tx, &key)?;
            policy::check_revision(stored.as_ref(), input.revision_id.as_deref())?;
            let mut policy = stored.unwrap_or_else(ResourcePolicy::new);
            if policy.statements().iter().any(|known| known["Sid"] == *input.statement_id) {
                return Err(errors::resource_conflict_exception(format!(
                    "The statement id ({}) provided already exists. Please provide a new statement id, or remove the \
                     existing statement.",
                    input.statement_id
                )));
            }
            policy.statements_mut().push(statement.clone());
            policy.check_size()?;
            policy.revision_id.clone_from(&revision_id);
            Ok::<_, AwsError>(POLICIES.put(tx, &key, &policy)?)
        })
        .await?;
    Ok(AddPermissionOutput { statement: Some(statement.to_string()) })
}

fn statement(input: &AddPermissionInput, resource: &str) -> Result<Json> {
    let mut statement = json!({
        "Sid": input.statement_id,
        "Effect": "Allow",
        "Principal": principal(&input.principal)?,
        "Action": input.action,
        "Resource": resource,
    });
    let text = |value: &Option<String>| value.clone().map(Json::String);
    let of_url = input.function_url_auth_type.map(|auth_type| json!(auth_type.as_str()));
    if of_url.is_some() && !matches!(input.action.as_str(), "lambda:InvokeFunctionUrl" | "lambda:*" | "*") {
        return Err(errors::invalid_parameter_value_exception(
            "FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action",
        ));
    }
    let conditions = [
        ("StringEquals", "AWS:SourceAccount", text(&input.source_account)),
        ("StringEquals", "aws:PrincipalOrgID", text(&input.principal_org_id)),
        ("StringEquals", "lambda:EventSourceToken", text(&input.event_source_token)),
        ("StringEquals", "lambda:FunctionUrlAuthType", of_url),
        ("ArnLike", "AWS:SourceArn", text(&input.source_arn)),
        (
            "Bool",
            "lambda:InvokedViaFunctionUrl",
            input.invoked_via_function_url.map(|via| json!(via.to_string())),
        ),
    ];
    for (operator, key, value) in conditions {
        if let Some(value) = value {
            statement["Condition"][operator][key] = value;
        }
    }
    Ok(statement)
}

/// As AWS writes it into the statement.
fn principal(given: &str) -> Result<Json> {
    if given == "*" {
        Ok(json!("*"))
    } else if is_account(given) {
        Ok(json!({ "AWS": format!("arn:aws:iam::{given}:root") }))
    } else if is_principal_arn(given) {
        Ok(json!({ "AWS": given }))
    } else if is_service(given) {
        Ok(json!({ "Service": given }))
    } else {
        Err(errors::invalid_parameter_value_exception(
            "The provided principal was invalid. Please check the principal and try again.",
        ))
    }
}
