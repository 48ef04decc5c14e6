//! `TestRenderTemplate`: the mail that a template and its data make, without an envelope.

use api_ses::{TestRenderTemplateInput, TestRenderTemplateOutput, errors};
use aws_wire::Result;

use crate::refusal::Refusal;
use crate::template::Failure;
use crate::{Ctx, send, template};

pub(crate) async fn test_render_template(
    cx: Ctx,
    input: TestRenderTemplateInput,
) -> Result<TestRenderTemplateOutput> {
    let name = input.template_name.as_str();
    let template = send::template(&cx, name).await.map_err(Refusal::v1)?;
    let rendered = template::data(&input.template_data, None).and_then(|data| template.render(&data));
    let rendered = rendered.map_err(|failure| {
        let message = failure.to_string();
        match failure {
            Failure::Missing(_) => errors::missing_rendering_attribute_exception(message),
            Failure::Data | Failure::Template(_) => errors::invalid_rendering_parameter_exception(message),
        }
        .with("TemplateName", name)
    })?;
    Ok(TestRenderTemplateOutput { rendered_template: Some(send::written(&cx, &rendered)) })
}
