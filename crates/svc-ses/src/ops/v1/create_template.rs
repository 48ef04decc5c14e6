//! `CreateTemplate`

use api_ses::{CreateTemplateInput, CreateTemplateOutput, errors};
use aws_wire::Result;

use crate::Ctx;
use crate::template::{self, Template, Unstored};

pub(crate) async fn create_template(cx: Ctx, input: CreateTemplateInput) -> Result<CreateTemplateOutput> {
    let given = input.template;
    let template = Template {
        subject: given.subject_part,
        text: given.text_part,
        html: given.html_part,
        created: cx.env.now().as_millis(),
        ..Template::default()
    };
    let name = given.template_name;
    template::create(&cx, &name, template).await.map_err(|why| said(why, &name))?;
    Ok(CreateTemplateOutput {})
}

/// Why a template was not stored, in this API's words.
pub(super) fn said(why: Unstored, name: &str) -> aws_wire::AwsError {
    let message = why.to_string();
    match why {
        Unstored::Present(_) => errors::already_exists_exception(message).with("Name", name),
        Unstored::Absent(_) => errors::template_does_not_exist_exception(message).with("TemplateName", name),
        Unstored::Invalid(_) => errors::invalid_template_exception(message).with("TemplateName", name),
        Unstored::Store(error) => error,
    }
}
