//! `GetQueueAttributes`

use api_sqs::{GetQueueAttributesInput, GetQueueAttributesOutput};
use aws_wire::Result;

use crate::{Ctx, attributes, counts, queue};

const COUNTED: &str = "ApproximateNumberOfMessages";

pub(crate) async fn get_queue_attributes(
    cx: Ctx,
    input: GetQueueAttributesInput,
) -> Result<GetQueueAttributesOutput> {
    let wanted = input.attribute_names.unwrap_or_default();
    let all = wanted.iter().any(|name| name == "All");
    if let Some(name) = wanted.iter().find(|name| *name != "All" && !attributes::is_known(name)) {
        return Err(attributes::unknown(name));
    }
    let named = queue::find(&cx, &input.queue_url, "GetQueueAttributes").await?;
    let mut shown = attributes::shown(&named.key, &named.queue);
    if all || wanted.iter().any(|name| name.starts_with(COUNTED)) {
        let counts = counts::count(&cx, &named.queue).await?;
        shown.insert(COUNTED.to_owned(), counts.visible.to_string());
        shown.insert(format!("{COUNTED}NotVisible"), counts.not_visible.to_string());
        shown.insert(format!("{COUNTED}Delayed"), counts.delayed.to_string());
    }
    shown.retain(|name, _| all || wanted.contains(name));
    Ok(GetQueueAttributesOutput { attributes: (!shown.is_empty()).then_some(shown) })
}
