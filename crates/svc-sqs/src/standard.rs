//! Messages of standard queues: one row says what became of each, one where it stands among those to be received.

use aws_wire::Result;
use kv::{Direction, Span, Tx};

use crate::Ctx;
use crate::cursor::Entry;
use crate::keys::{CONTENTS, Id, QUEUES, READY, STATES, Standing};
use crate::message::{State, Taken};
use crate::queue::Named;
use crate::receipt::Receipt;
use crate::receive::Terms;
use crate::send;

pub(crate) fn put(tx: &mut Tx, store: Id, state: &State) -> Result<()> {
    STATES.put(tx, &(store, state.id), state)?;
    let standing = Standing { sent_ms: state.sent_ms, received: state.receives > 0 };
    Ok(READY.put(tx, &(store, state.at, state.id), &standing)?)
}

/// Takes a message out of a store, its content apart.
pub(crate) fn take_out(tx: &mut Tx, store: Id, state: &State) -> Result<()> {
    STATES.delete(tx, &(store, state.id))?;
    Ok(READY.delete(tx, &(store, state.at, state.id))?)
}

/// Reads a store's index for a claim.
pub(crate) fn read(
    reader: &impl kv::Read,
    store: Id,
    (from, to): (i64, i64),
    limit: usize,
) -> kv::Result<Vec<Entry>> {
    let span = Span::prefix(&(store,)).from(&(store, from, [0; 16])).before(&(store, to + 1, [0; 16]));
    let rows = READY.scan(reader, &span, limit, Direction::Forward)?;
    Ok(rows.into_iter().map(|((_, at, id), _)| (at, id.to_vec())).collect())
}

/// The message that an entry stands for; `None` when it is not there any more.
fn standing(tx: &Tx, store: Id, (at, id): &Entry) -> Result<Option<State>> {
    let Ok(id) = Id::try_from(id.as_slice()) else { return Ok(None) };
    Ok(STATES.get(tx, &(store, id))?.filter(|state| state.at == *at))
}

/// Receives up to `wanted` messages. What was received too often goes to the dead letters, what is too old is removed.
///
/// # Errors
/// Those of the store.
pub(crate) async fn take(cx: &Ctx, named: &Named, terms: &Terms, wanted: usize) -> Result<Vec<Taken>> {
    let store = named.queue.store;
    let cursor = cx.state.cursors.of(store);
    loop {
        let now = cx.env.now();
        let claim = cursor.claim(&cx.kv, now.as_micros(), wanted, |view, from, to, limit| {
            read(view, store, (from, to), limit)
        });
        let claim = claim.await?;
        if claim.entries.is_empty() {
            return Ok(Vec::new());
        }
        let until = now.as_micros() + terms.visibility_s * 1_000_000;
        let (taken, arrived) = cx
            .state
            .cursors
            .transact(&cx.kv, |tx| {
                let (mut taken, mut arrived) = (Vec::new(), Vec::new());
                for entry in &claim.entries {
                    let Some(mut state) = standing(tx, store, entry)? else { continue };
                    take_out(tx, store, &state)?;
                    if state.sent_ms + named.queue.retention_ms() <= now.as_millis() {
                        CONTENTS.delete(tx, &state.id)?;
                        continue;
                    }
                    if let Some(dead) = terms.dead_letters(&state)
                        && let Some(queue) = QUEUES.get(tx, &dead.key)?
                    {
                        state.source = Some(named.arn());
                        arrived.push(send::move_to(tx, &queue, state, now)?);
                        continue;
                    }
                    let Some(content) = CONTENTS.get(tx, &state.id)? else { continue };
                    state.receive(now.as_millis(), until);
                    put(tx, store, &state)?;
                    taken.push(Taken { state, content, place: None });
                }
                Ok::<_, aws_wire::AwsError>((taken, arrived))
            })
            .await?;
        let count = claim.entries.len();
        claim.settle(count);
        arrived.iter().for_each(|arrival| arrival.tell(cx));
        if !taken.is_empty() {
            cursor.added(until, now.as_micros());
            return Ok(taken);
        }
    }
}

/// Deletes what a handle names. A handle of an earlier receive deletes nothing and is no error, as on AWS.
///
/// # Errors
/// Those of the store.
pub(crate) async fn delete(cx: &Ctx, store: Id, receipts: &[&Receipt]) -> Result<()> {
    cx.state
        .cursors
        .transact(&cx.kv, |tx| {
            for receipt in receipts {
                let state = STATES.get(tx, &(store, receipt.message))?;
                let Some(state) = state.filter(|state| state.receives == receipt.receives) else { continue };
                take_out(tx, store, &state)?;
                CONTENTS.delete(tx, &state.id)?;
            }
            Ok(())
        })
        .await
}

/// Sets when a message in flight is visible again; `None` when it is not in flight for this handle.
///
/// # Errors
/// Those of the store, and `check`'s.
pub(crate) async fn change_visibility(
    cx: &Ctx,
    store: Id,
    receipt: &Receipt,
    visibility_s: i64,
    check: impl Fn(&State) -> Result<()>,
) -> Result<Option<()>> {
    let now = cx.env.now().as_micros();
    let until = now + visibility_s * 1_000_000;
    let changed = cx
        .state
        .cursors
        .transact(&cx.kv, |tx| {
            let state = STATES.get(tx, &(store, receipt.message))?;
            let in_flight = |state: &State| state.receives == receipt.receives && state.at > now;
            let Some(mut state) = state.filter(in_flight) else { return Ok(None) };
            check(&state)?;
            take_out(tx, store, &state)?;
            state.at = until;
            put(tx, store, &state)?;
            Ok::<_, aws_wire::AwsError>(Some(()))
        })
        .await?;
    cx.state.cursors.of(store).added(until, now);
    Ok(changed)
}

/// Takes visible messages out for a move and puts them where `route` says; gives how many went.
///
/// # Errors
/// Those of the store and of `route`.
pub(crate) async fn shift(
    cx: &Ctx,
    store: Id,
    wanted: usize,
    mut route: impl FnMut(&mut Tx, State) -> Result<Option<send::Arrival>>,
) -> Result<usize> {
    let cursor = cx.state.cursors.of(store);
    let now = cx.env.now().as_micros();
    let claim = cursor
        .claim(&cx.kv, now, wanted, |view, from, to, limit| read(view, store, (from, to), limit))
        .await?;
    if claim.entries.is_empty() {
        return Ok(0);
    }
    let arrived = cx
        .state
        .cursors
        .transact(&cx.kv, |tx| {
            let mut arrived = Vec::new();
            for entry in &claim.entries {
                let Some(state) = standing(tx, store, entry)? else { continue };
                take_out(tx, store, &state)?;
                arrived.extend(route(tx, state)?);
            }
            Ok::<_, aws_wire::AwsError>(arrived)
        })
        .await?;
    let count = claim.entries.len();
    claim.settle(count);
    arrived.iter().for_each(|arrival| arrival.tell(cx));
    Ok(count)
}
