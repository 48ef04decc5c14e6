//! `TagResource`: adds tags to a function, or changes their values.

use std::collections::BTreeMap;

use api_lambda::{TagResourceInput, errors};
use aws_wire::Result;

use super::list_tags::tagged;
use crate::Ctx;
use crate::keys::FUNCTIONS;
use crate::name::FunctionName;
use crate::settings;

pub(crate) async fn tag_resource(cx: Ctx, input: TagResourceInput) -> Result<()> {
    if input.tags.is_empty() {
        return Err(errors::invalid_parameter_value_exception(
            "An error occurred and the request cannot be processed.",
        ));
    }
    let name = tagged(&cx, &input.resource)?;
    change_tags(&cx, &name, |tags| tags.extend(input.tags.clone())).await
}

/// Changes a function's tags in one transaction.
///
/// # Errors
/// 404 without the function; 409 while it is being updated; 400 for too many tags.
pub(super) async fn change_tags(
    cx: &Ctx,
    name: &FunctionName,
    change: impl Fn(&mut BTreeMap<String, String>),
) -> Result<()> {
    cx.kv
        .transact(|tx| {
            let mut function = FUNCTIONS.get(tx, &name.key())?.ok_or_else(|| name.not_found())?;
            function.check_not_updating()?;
            change(&mut function.tags);
            settings::check_tags(&function.tags)?;
            Ok(FUNCTIONS.put(tx, &name.key(), &function)?)
        })
        .await
}
