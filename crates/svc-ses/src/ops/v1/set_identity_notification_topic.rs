//! `SetIdentityNotificationTopic`: a topic that hears of an identity's bounces, complaints or deliveries.

use api_ses::{SetIdentityNotificationTopicInput, SetIdentityNotificationTopicOutput};
use aws_wire::Result;

use crate::refusal::{Refusal, invalid};
use crate::{Ctx, configuration_set, identity};

pub(crate) async fn set_identity_notification_topic(
    cx: Ctx,
    input: SetIdentityNotificationTopicInput,
) -> Result<SetIdentityNotificationTopicOutput> {
    let topic = input.sns_topic.filter(|topic| !topic.is_empty());
    if let Some(topic) = &topic {
        let operation = "SetIdentityNotificationTopic";
        configuration_set::check_target(&cx, operation, "SnsTopic", topic).await.map_err(|refusal| {
            match refusal {
                Refusal::Invalid(_) => invalid(format!("Invalid SNS topic <{topic}>.")),
                other => other.v1(),
            }
        })?;
    }
    let kind = input.notification_type.as_str();
    identity::change(&cx, &input.identity, |identity| match &topic {
        Some(topic) => drop(identity.topics.insert(kind.to_owned(), topic.clone())),
        None => drop(identity.topics.remove(kind)),
    })
    .await
    .map_err(Refusal::v1)?;
    Ok(SetIdentityNotificationTopicOutput {})
}
