//! `ListEmailTemplates`

use api_sesv2::{EmailTemplateMetadata, ListEmailTemplatesInput, ListEmailTemplatesOutput};
use aws_wire::Result;
use env::Timestamp;

use crate::keys::TEMPLATES;
use crate::page::{self, Page};
use crate::refusal::Refusal;
use crate::{Ctx, account};

/// What AWS gives at most.
const LENGTH_MAX: usize = 100;

pub(crate) async fn list_email_templates(
    cx: Ctx,
    input: ListEmailTemplatesInput,
) -> Result<ListEmailTemplatesOutput> {
    let page = Page::new(input.next_token.as_ref(), input.page_size, LENGTH_MAX);
    let snapshot = cx.kv.snapshot().await?;
    let (rows, next_token) =
        page::rows(&snapshot, &TEMPLATES, &account::key(&cx.caller), &page).map_err(Refusal::v2)?;
    let templates = rows.into_iter().map(|(name, template)| EmailTemplateMetadata {
        template_name: Some(name),
        created_timestamp: Some(Timestamp::from_millis(template.created)),
    });
    Ok(ListEmailTemplatesOutput { templates_metadata: Some(templates.collect()), next_token })
}
