//! `UpdateEmailTemplate`

use api_sesv2::{UpdateEmailTemplateInput, UpdateEmailTemplateOutput};
use aws_wire::Result;

use super::create_email_template::said;
use crate::Ctx;
use crate::template::{self, Template};

pub(crate) async fn update_email_template(
    cx: Ctx,
    input: UpdateEmailTemplateInput,
) -> Result<UpdateEmailTemplateOutput> {
    let given = input.template_content;
    let template =
        Template { subject: given.subject, text: given.text, html: given.html, ..Template::default() };
    template::update(&cx, &input.template_name, template).await.map_err(said)?;
    Ok(UpdateEmailTemplateOutput {})
}
