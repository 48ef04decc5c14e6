//! `CreateEmailTemplate`

use api_sesv2::{CreateEmailTemplateInput, CreateEmailTemplateOutput, errors};
use aws_wire::{AwsError, Result};

use super::tags;
use crate::Ctx;
use crate::template::{self, Template, Unstored};

pub(crate) async fn create_email_template(
    cx: Ctx,
    input: CreateEmailTemplateInput,
) -> Result<CreateEmailTemplateOutput> {
    let given = input.template_content;
    let template = Template {
        subject: given.subject,
        text: given.text,
        html: given.html,
        tags: tags(input.tags)?,
        created: cx.env.now().as_millis(),
    };
    template::create(&cx, &input.template_name, template).await.map_err(said)?;
    Ok(CreateEmailTemplateOutput {})
}

/// Why a template was not stored, in this API's words.
pub(super) fn said(why: Unstored) -> AwsError {
    let message = why.to_string();
    match why {
        Unstored::Present(_) => errors::already_exists_exception(message),
        Unstored::Absent(_) => errors::not_found_exception(message),
        Unstored::Invalid(_) => errors::bad_request_exception(message),
        Unstored::Store(error) => error,
    }
}
