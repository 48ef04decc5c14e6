//! `ListTemplates`

use api_ses::{ListTemplatesInput, ListTemplatesOutput, TemplateMetadata};
use aws_wire::Result;
use env::Timestamp;

use crate::keys::TEMPLATES;
use crate::page::{self, Page};
use crate::refusal::Refusal;
use crate::{Ctx, account};

/// What AWS gives at most.
const LENGTH_MAX: usize = 100;

pub(crate) async fn list_templates(cx: Ctx, input: ListTemplatesInput) -> Result<ListTemplatesOutput> {
    let page = Page::new(input.next_token.as_ref(), input.max_items, LENGTH_MAX);
    let snapshot = cx.kv.snapshot().await?;
    let (rows, next_token) =
        page::rows(&snapshot, &TEMPLATES, &account::key(&cx.caller), &page).map_err(Refusal::v1)?;
    let templates = rows.into_iter().map(|(name, template)| TemplateMetadata {
        name: Some(name),
        created_timestamp: Some(Timestamp::from_millis(template.created)),
    });
    Ok(ListTemplatesOutput { templates_metadata: Some(templates.collect()), next_token })
}
