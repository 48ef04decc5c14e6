//! `PublishVersion`: a numbered snapshot of `$LATEST`; the last one again when nothing has changed since.

use api_lambda::{FunctionConfiguration, PublishVersionInput, errors};
use aws_wire::{AwsError, Result};

use crate::Ctx;
use crate::function::State;
use crate::keys::FUNCTIONS;
use crate::name::FunctionName;
use crate::published::Publication;
use crate::settings;
use crate::shown::Shown;

pub(crate) async fn publish_version(cx: Ctx, input: PublishVersionInput) -> Result<FunctionConfiguration> {
    let name = FunctionName::parse_latest(&cx.caller, &input.function_name, None)?;
    settings::refuse_asked("PublishVersion", &[("PublishTo", input.publish_to.is_some())])?;
    let key = name.key();
    let description = input.description.clone().filter(|description| !description.is_empty());
    let publication = Publication::new(&cx, description);
    let latest_revision_id = cx.env.uuid().to_string();
    let (function, published) = cx
        .kv
        .transact(|tx| {
            let mut function = FUNCTIONS.get(tx, &key)?.ok_or_else(|| name.not_found())?;
            function.check_settled()?;
            check_code(input.code_sha256.as_deref(), &function.wanted.code.sha256_base64)?;
            function.check_revision(input.revision_id.as_deref())?;
            let before = function.last_version;
            let published = publication.publish(tx, &key, &mut function)?;
            if function.last_version != before {
                latest_revision_id.clone_into(&mut function.revision_id);
                FUNCTIONS.put(tx, &key, &function)?;
            }
            Ok::<_, AwsError>((function, published))
        })
        .await?;
    if published.state == State::Pending {
        cx.state.to_settle.send(key).await.map_err(AwsError::internal)?;
    }
    let name = name.with_qualifier(&published.number.to_string());
    Ok(Shown::published(&function, &published).configuration(&name, &cx.state.runtimes))
}

/// # Errors
/// 400 when the caller expects other code.
fn check_code(expected: Option<&str>, current: &str) -> Result<()> {
    match expected {
        Some(expected) if expected != current => Err(errors::invalid_parameter_value_exception(format!(
            "CodeSHA256 ({expected}) is different from current CodeSHA256 in $LATEST ({current}). Please try again with \
             the CodeSHA256 in $LATEST."
        ))),
        _ => Ok(()),
    }
}
