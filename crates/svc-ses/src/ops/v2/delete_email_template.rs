//! `DeleteEmailTemplate`

use api_sesv2::{DeleteEmailTemplateInput, DeleteEmailTemplateOutput};
use aws_wire::Result;

use crate::keys::TEMPLATES;
use crate::refusal::Refusal;
use crate::{Ctx, account};

pub(crate) async fn delete_email_template(
    cx: Ctx,
    input: DeleteEmailTemplateInput,
) -> Result<DeleteEmailTemplateOutput> {
    let (account, region) = account::key(&cx.caller);
    let name = input.template_name;
    let deleted = cx.kv.transact(|tx| {
        let key = (&account, &region, &name);
        TEMPLATES.get(tx, &key)?.ok_or_else(|| Refusal::NoTemplate(name.clone()))?;
        Ok(TEMPLATES.delete(tx, &key)?)
    });
    deleted.await.map_err(Refusal::v2)?;
    Ok(DeleteEmailTemplateOutput {})
}
