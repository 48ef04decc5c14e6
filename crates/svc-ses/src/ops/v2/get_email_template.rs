//! `GetEmailTemplate`

use api_sesv2::{EmailTemplateContent, GetEmailTemplateInput, GetEmailTemplateOutput};
use aws_wire::Result;

use super::shown_tags;
use crate::refusal::Refusal;
use crate::{Ctx, send};

pub(crate) async fn get_email_template(
    cx: Ctx,
    input: GetEmailTemplateInput,
) -> Result<GetEmailTemplateOutput> {
    let template = send::template(&cx, &input.template_name).await.map_err(Refusal::v2)?;
    let template_content =
        EmailTemplateContent { subject: template.subject, text: template.text, html: template.html };
    let tags = Some(shown_tags(template.tags));
    Ok(GetEmailTemplateOutput { template_name: input.template_name, template_content, tags })
}
