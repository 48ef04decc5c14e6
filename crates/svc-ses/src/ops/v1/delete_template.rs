//! `DeleteTemplate`; one that is not there is no error.

use api_ses::{DeleteTemplateInput, DeleteTemplateOutput};
use aws_wire::Result;

use crate::keys::TEMPLATES;
use crate::{Ctx, account};

pub(crate) async fn delete_template(cx: Ctx, input: DeleteTemplateInput) -> Result<DeleteTemplateOutput> {
    let (account, region) = account::key(&cx.caller);
    cx.kv.transact(|tx| TEMPLATES.delete(tx, &(&account, &region, &input.template_name))).await?;
    Ok(DeleteTemplateOutput {})
}
