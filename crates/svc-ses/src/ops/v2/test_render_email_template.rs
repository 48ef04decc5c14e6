//! `TestRenderEmailTemplate`: the mail that a template and its data make, without an envelope.

use api_sesv2::{TestRenderEmailTemplateInput, TestRenderEmailTemplateOutput, errors};
use aws_wire::Result;

use crate::refusal::Refusal;
use crate::{Ctx, send, template};

pub(crate) async fn test_render_email_template(
    cx: Ctx,
    input: TestRenderEmailTemplateInput,
) -> Result<TestRenderEmailTemplateOutput> {
    let template = send::template(&cx, &input.template_name).await.map_err(Refusal::v2)?;
    let rendered = template::data(&input.template_data, None).and_then(|data| template.render(&data));
    let rendered = rendered.map_err(|failure| errors::bad_request_exception(failure.to_string()))?;
    Ok(TestRenderEmailTemplateOutput { rendered_template: send::written(&cx, &rendered) })
}
