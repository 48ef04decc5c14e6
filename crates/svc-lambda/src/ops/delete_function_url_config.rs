//! `DeleteFunctionUrlConfig`: the address is gone for good; a URL that is made anew has another.

use api_lambda::DeleteFunctionUrlConfigInput;
use aws_wire::{AwsError, Result};

use crate::Ctx;
use crate::name::FunctionName;
use crate::url;

pub(crate) async fn delete_function_url_config(cx: Ctx, input: DeleteFunctionUrlConfigInput) -> Result<()> {
    let name = FunctionName::parse(&cx.caller, &input.function_name, input.qualifier.as_deref())?;
    let key = url::key_of(&name);
    cx.kv
        .transact(|tx| {
            let was_there = url::delete(tx, &key)?;
            if was_there { Ok::<_, AwsError>(()) } else { Err(url::not_found()) }
        })
        .await
}
