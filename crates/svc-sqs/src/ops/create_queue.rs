//! `CreateQueue`: creates a queue, or names the one that is there with the same attributes.

use api_sqs::{CreateQueueInput, CreateQueueOutput, errors};
use aws_wire::Result;

use crate::keys::{DELETED, QUEUES};
use crate::queue::{self, Queue};
use crate::refusal::invalid;
use crate::sweep::NAME_KEPT_MS;
use crate::{Ctx, attributes};

pub(crate) async fn create_queue(cx: Ctx, input: CreateQueueInput) -> Result<CreateQueueOutput> {
    let name = input.queue_name;
    let given = input.attributes.unwrap_or_default();
    let fifo = given.get("FifoQueue").is_some_and(|value| value == "true");
    if !queue::is_name(&name) || name.ends_with(".fifo") != fifo {
        return Err(invalid(if fifo {
            "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with \
             .fifo suffix and be 1 to 80 in length."
        } else {
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
        }));
    }
    attributes::check("CreateQueue", &given, fifo)?;
    let tags = input.tags.unwrap_or_default();
    queue::check_tags(&tags)?;
    let key = (cx.caller.account.to_string(), cx.caller.region.to_string(), name);
    let now_ms = cx.env.now().as_millis();
    let mut queue = Queue {
        id: cx.env.uuid().into_bytes(),
        store: cx.env.uuid().into_bytes(),
        created_ms: now_ms,
        modified_ms: now_ms,
        purged_ms: None,
        attributes: std::collections::BTreeMap::new(),
        tags,
    };
    attributes::set(&mut queue, given.clone());
    cx.kv
        .transact(|tx| {
            if let Some(present) = QUEUES.get(tx, &key)? {
                return match attributes::difference(&key, &present, &given) {
                    Some(name) => Err(errors::queue_name_exists(format!(
                        "A queue already exists with the same name and a different value for attribute {name}"
                    ))),
                    None => Ok(()),
                };
            }
            if DELETED.get(tx, &key)?.is_some_and(|deleted_ms| now_ms < deleted_ms + NAME_KEPT_MS) {
                return Err(errors::queue_deleted_recently(
                    "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
                ));
            }
            attributes::check_whole(tx, &key, &queue)?;
            Ok(QUEUES.put(tx, &key, &queue)?)
        })
        .await?;
    Ok(CreateQueueOutput { queue_url: Some(queue::url(&cx, &key)) })
}
