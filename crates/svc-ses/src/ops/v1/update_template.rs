//! `UpdateTemplate`

use api_ses::{UpdateTemplateInput, UpdateTemplateOutput};
use aws_wire::Result;

use super::create_template::said;
use crate::Ctx;
use crate::template::{self, Template};

pub(crate) async fn update_template(cx: Ctx, input: UpdateTemplateInput) -> Result<UpdateTemplateOutput> {
    let given = input.template;
    let template = Template {
        subject: given.subject_part,
        text: given.text_part,
        html: given.html_part,
        ..Template::default()
    };
    template::update(&cx, &given.template_name, template)
        .await
        .map_err(|why| said(why, &given.template_name))?;
    Ok(UpdateTemplateOutput {})
}
