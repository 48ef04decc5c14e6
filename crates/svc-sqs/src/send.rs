//! Storing messages: those that are sent, and those that go from one queue to another.

use api_sqs::errors;
use aws_wire::{AwsError, Result};
use env::Timestamp;
use kv::Tx;

use crate::Ctx;
use crate::draft::Draft;
use crate::keys::{CONTENTS, DUPLICATES, FORGETTING, Id, QUEUES, Sent};
use crate::message::State;
use crate::queue::{Named, Queue, does_not_exist};
use crate::{fifo, standard};

/// How long a deduplication id is remembered, in microseconds.
const REMEMBERED: i64 = 5 * 60 * 1_000_000;

/// A stored message: where and when somebody may receive it.
pub(crate) struct Arrival {
    store: Id,
    at: i64,
}

impl Arrival {
    /// To be called once it is committed.
    pub(crate) fn tell(&self, cx: &Ctx) {
        cx.state.cursors.of(self.store).added(self.at, cx.env.now().as_micros());
    }
}

/// What a sender learns of a message.
pub(crate) struct Stored {
    pub id: Id,
    pub sequence: Option<u64>,
}

/// Stores messages, all or none, and wakes receivers.
///
/// # Errors
/// 400 without the queue.
pub(crate) async fn store(cx: &Ctx, named: &Named, drafts: &[Draft]) -> Result<Vec<Stored>> {
    let now = cx.env.now();
    let ids = drafts.iter().map(|_| cx.env.uuid().into_bytes()).collect::<Vec<Id>>();
    let count = i64::try_from(drafts.len()).unwrap_or(i64::MAX);
    let cursor = cx.state.cursors.of(named.queue.store);
    let groups = drafts.iter().filter_map(|draft| draft.content.group.as_deref());
    let lanes = if named.queue.is_fifo() { cursor.lanes(groups).await } else { Vec::new() };
    let (stored, arrived) = cx
        .state
        .cursors
        .transact(&cx.kv, |tx| {
            // Read again: a purge or a deletion may have come in between.
            let queue = QUEUES.get(tx, &named.key)?.filter(|queue| queue.id == named.queue.id);
            let queue = queue.ok_or_else(does_not_exist)?;
            let (mut stored, mut arrived) = (Vec::with_capacity(ids.len()), Vec::with_capacity(ids.len()));
            for ((position, draft), id) in (0..count).rev().zip(drafts).zip(&ids) {
                // A microsecond apart, so that a batch keeps its order; the last is visible now.
                let at = now.as_micros() - position + draft.delay_s * 1_000_000;
                let state = State::new(*id, at, now.as_millis());
                if queue.is_fifo() {
                    let (sent, arrival) = store_in_order(tx, &queue, draft, &state, now)?;
                    stored.push(sent);
                    arrived.extend(arrival);
                    continue;
                }
                CONTENTS.put(tx, id, &draft.content)?;
                standard::put(tx, queue.store, &state)?;
                stored.push(Stored { id: *id, sequence: None });
                arrived.push(Arrival { store: queue.store, at });
            }
            Ok::<_, AwsError>((stored, arrived))
        })
        .await?;
    drop(lanes);
    arrived.iter().for_each(|arrival| arrival.tell(cx));
    Ok(stored)
}

/// Stores a message of a FIFO queue, unless one with its deduplication id was sent within five minutes.
fn store_in_order(
    tx: &mut Tx,
    queue: &Queue,
    draft: &Draft,
    state: &State,
    now: Timestamp,
) -> Result<(Stored, Option<Arrival>)> {
    let content = &draft.content;
    let (group, deduplication) = (content.group.as_deref(), content.deduplication.as_deref());
    let (group, deduplication) = group.zip(deduplication).expect("checked when the draft was");
    let scope = if queue.deduplicates_by_group() { group } else { "" };
    let key = (queue.id, scope, deduplication);
    if let Some(sent) = DUPLICATES.get(tx, &key)?.filter(|sent| sent.until > now.as_micros()) {
        return Ok((Stored { id: sent.message, sequence: Some(sent.sequence) }, None));
    }
    CONTENTS.put(tx, &state.id, content)?;
    let (sequence, at) = fifo::append(tx, queue.store, group, state, now)?;
    let until = now.as_micros() + REMEMBERED;
    DUPLICATES.put(tx, &key, &Sent { until, message: state.id, sequence })?;
    FORGETTING.put(tx, &(until, queue.id, scope, deduplication), &())?;
    Ok((Stored { id: state.id, sequence: Some(sequence) }, Some(Arrival { store: queue.store, at })))
}

/// Puts a message that was taken out of another queue into this one.
///
/// # Errors
/// Those of the store; a FIFO queue refuses what has no group.
pub(crate) fn move_to(tx: &mut Tx, queue: &Queue, mut state: State, now: Timestamp) -> Result<Arrival> {
    state.move_on(now.as_micros());
    if !queue.is_fifo() {
        standard::put(tx, queue.store, &state)?;
        return Ok(Arrival { store: queue.store, at: state.at });
    }
    // A standard queue's dead letter keeps its age, a FIFO queue's begins anew.
    state.sent_ms = now.as_millis();
    let group = CONTENTS.get(tx, &state.id)?.and_then(|content| content.group);
    let group = group.ok_or_else(|| errors::unsupported_operation("The message has no message group."))?;
    let (_, at) = fifo::append(tx, queue.store, &group, &state, now)?;
    Ok(Arrival { store: queue.store, at })
}
