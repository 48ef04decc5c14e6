//! `GetTemplate`

use api_ses::{GetTemplateInput, GetTemplateOutput, Template};
use aws_wire::Result;

use crate::refusal::Refusal;
use crate::{Ctx, send};

pub(crate) async fn get_template(cx: Ctx, input: GetTemplateInput) -> Result<GetTemplateOutput> {
    let template = send::template(&cx, &input.template_name).await.map_err(Refusal::v1)?;
    let template = Template {
        template_name: input.template_name,
        subject_part: template.subject,
        text_part: template.text,
        html_part: template.html,
    };
    Ok(GetTemplateOutput { template: Some(template) })
}
