//! Messages of FIFO queues: groups, each in order, each with one receiver at a time.
//!
//! A group with messages has one row, and stands once in the index at the time from which it may be received from:
//! when all its messages in flight are deleted or visible again, and its first message's delay is over. So a group
//! costs a receiver the same whether it has one message or a million.

use aws_wire::Result;
use env::Timestamp;
use kv::{Direction, Read, Span, Tx};
use serde::{Deserialize, Serialize};

use crate::Ctx;
use crate::cursor::Entry;
use crate::keys::{CONTENTS, GROUPS, GROUPS_READY, Id, QUEUES, SEQUENCES};
use crate::message::{State, Taken};
use crate::queue::Named;
use crate::receipt::{Receipt, expired};
use crate::receive::Terms;
use crate::send;

/// Twenty digits, as AWS's sequence numbers have.
const SEQUENCE_BASE: u64 = 10_000_000_000_000_000_000;
const SEQUENCES_PER_MICROSECOND: u64 = 2048;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Group {
    /// Where it stands in the index, in microseconds.
    pub at: i64,
    /// No message has a lower sequence number.
    pub head: u64,
    /// The highest sequence number so far.
    pub last: u64,
    /// The messages that were handed out at the last receive; ten at most.
    pub in_flight: Vec<u64>,
}

/// The sequence number that a message has at least, when it is sent now.
pub(crate) fn sequence_at(now: Timestamp) -> u64 {
    let micros = u64::try_from(now.as_micros()).unwrap_or(0);
    SEQUENCE_BASE.saturating_add(micros.saturating_mul(SEQUENCES_PER_MICROSECOND))
}

/// Puts a message behind all others of its group; gives its number, and when the group may be received from.
///
/// # Errors
/// Those of the store.
pub(crate) fn append(
    tx: &mut Tx,
    store: Id,
    name: &str,
    state: &State,
    now: Timestamp,
) -> Result<(u64, i64)> {
    let drawn = sequence_at(now);
    let found = GROUPS.get(tx, &(store, name))?;
    let sequence = found.as_ref().map_or(drawn, |group| drawn.max(group.last + 1));
    SEQUENCES.put(tx, &(store, name, sequence), state)?;
    let group = match found {
        Some(group) => Group { last: sequence, ..group },
        None => {
            let group = Group { at: state.at, head: sequence, last: sequence, in_flight: Vec::new() };
            GROUPS_READY.put(tx, &(store, group.at, name), &())?;
            group
        }
    };
    let at = group.at;
    GROUPS.put(tx, &(store, name), &group)?;
    Ok((sequence, at))
}

/// The first messages of a group.
fn first(reader: &impl Read, store: Id, name: &str, head: u64, limit: usize) -> Result<Vec<(u64, State)>> {
    let span = Span::prefix(&(store, name)).from(&(store, name, head));
    let rows = SEQUENCES.scan(reader, &span, limit, Direction::Forward)?;
    Ok(rows.into_iter().map(|((_, _, sequence), state)| (sequence, state)).collect())
}

/// Puts a group whose messages changed to its place in the index; gives its new place, `None` when it is empty.
fn settle(tx: &mut Tx, store: Id, name: &str, mut group: Group) -> Result<Option<i64>> {
    GROUPS_READY.delete(tx, &(store, group.at, name))?;
    let Some((head, state)) = first(tx, store, name, group.head, 1)?.into_iter().next() else {
        GROUPS.delete(tx, &(store, name))?;
        return Ok(None);
    };
    group.head = head;
    group.at = state.at;
    for sequence in std::mem::take(&mut group.in_flight) {
        if let Some(state) = SEQUENCES.get(tx, &(store, name, sequence))? {
            group.at = group.at.max(state.at);
            group.in_flight.push(sequence);
        }
    }
    GROUPS_READY.put(tx, &(store, group.at, name), &())?;
    GROUPS.put(tx, &(store, name), &group)?;
    Ok(Some(group.at))
}

fn read(reader: &impl Read, store: Id, (from, to): (i64, i64), limit: usize) -> kv::Result<Vec<Entry>> {
    let span = Span::prefix(&(store,)).from(&(store, from, "")).before(&(store, to + 1, ""));
    let rows = GROUPS_READY.scan(reader, &span, limit, Direction::Forward)?;
    Ok(rows.into_iter().map(|((_, at, name), ())| (at, name.into_bytes())).collect())
}

/// An entry's group, when it still stands there.
fn standing<'e>(tx: &Tx, store: Id, (at, name): &'e Entry) -> Result<Option<(&'e str, Group)>> {
    let Ok(name) = std::str::from_utf8(name) else { return Ok(None) };
    let group = GROUPS.get(tx, &(store, name))?.filter(|group| group.at == *at);
    Ok(group.map(|group| (name, group)))
}

fn names(entries: &[Entry]) -> impl Iterator<Item = &str> {
    entries.iter().filter_map(|(_, name)| std::str::from_utf8(name).ok())
}

/// Receives up to `wanted` messages, as many of one group as there are before those of the next.
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
        let lanes = cursor.lanes(names(&claim.entries)).await;
        let round = cx.state.cursors.transact(&cx.kv, |tx| {
            let mut round = Round { taken: Vec::new(), arrived: Vec::new(), places: Vec::new(), groups: 0 };
            for entry in &claim.entries {
                if round.taken.len() == wanted {
                    break;
                }
                round.groups += 1;
                let Some((name, group)) = standing(tx, store, entry)? else { continue };
                take_of_group(tx, named, terms, (name, group), wanted, now, &mut round)?;
            }
            Ok::<_, aws_wire::AwsError>(round)
        });
        let round = round.await?;
        drop(lanes);
        claim.settle(round.groups);
        round.arrived.iter().for_each(|arrival| arrival.tell(cx));
        round.places.iter().for_each(|at| cursor.added(*at, now.as_micros()));
        if !round.taken.is_empty() {
            return Ok(round.taken);
        }
    }
}

/// What one transaction of a receive did.
struct Round {
    taken: Vec<Taken>,
    /// In the dead-letter queue.
    arrived: Vec<send::Arrival>,
    /// Where the groups stand now.
    places: Vec<i64>,
    /// Groups looked at.
    groups: usize,
}

fn take_of_group(
    tx: &mut Tx,
    named: &Named,
    terms: &Terms,
    (name, mut group): (&str, Group),
    wanted: usize,
    now: Timestamp,
    round: &mut Round,
) -> Result<()> {
    let store = named.queue.store;
    let until = now.as_micros() + terms.visibility_s * 1_000_000;
    group.in_flight.clear();
    for (sequence, mut state) in first(tx, store, name, group.head, wanted - round.taken.len())? {
        if state.at > now.as_micros() {
            break;
        }
        if state.sent_ms + named.queue.retention_ms() <= now.as_millis() {
            SEQUENCES.delete(tx, &(store, name, sequence))?;
            CONTENTS.delete(tx, &state.id)?;
            continue;
        }
        if let Some(dead) = terms.dead_letters(&state)
            && let Some(queue) = QUEUES.get(tx, &dead.key)?
        {
            SEQUENCES.delete(tx, &(store, name, sequence))?;
            state.source = Some(named.arn());
            round.arrived.push(send::move_to(tx, &queue, state, now)?);
            continue;
        }
        let Some(content) = CONTENTS.get(tx, &state.id)? else { continue };
        state.receive(now.as_millis(), until);
        SEQUENCES.put(tx, &(store, name, sequence), &state)?;
        group.in_flight.push(sequence);
        round.taken.push(Taken { state, content, place: Some((name.to_owned(), sequence)) });
    }
    round.places.extend(settle(tx, store, name, group)?);
    Ok(())
}

/// Changes one message that a handle names.
///
/// # Errors
/// Those of the store and of `change`.
async fn with_message<T>(
    cx: &Ctx,
    store: Id,
    receipt: &Receipt,
    change: impl Fn(&mut Tx, &str, u64, Option<State>) -> Result<T>,
) -> Result<T> {
    let (name, sequence) = receipt.place.as_ref().expect("a FIFO queue's handle has a place");
    let cursor = cx.state.cursors.of(store);
    let lanes = cursor.lanes(std::iter::once(name.as_str())).await;
    let (changed, at) = cx
        .state
        .cursors
        .transact(&cx.kv, |tx| {
            let state = SEQUENCES.get(tx, &(store, name.as_str(), *sequence))?;
            let state = state.filter(|state| state.id == receipt.message);
            let changed = change(tx, name, *sequence, state)?;
            let group = GROUPS.get(tx, &(store, name.as_str()))?;
            let at = group.map(|group| settle(tx, store, name, group)).transpose()?.flatten();
            Ok::<_, aws_wire::AwsError>((changed, at))
        })
        .await?;
    drop(lanes);
    if let Some(at) = at {
        cursor.added(at, cx.env.now().as_micros());
    }
    Ok(changed)
}

/// Deletes what a handle names; what is deleted already is no error.
///
/// # Errors
/// 400 when its visibility timeout is over: another may have it, and order would be lost.
pub(crate) async fn delete(cx: &Ctx, store: Id, receipt: &Receipt, handle: &str) -> Result<()> {
    let now = cx.env.now().as_micros();
    with_message(cx, store, receipt, |tx, name, sequence, state| {
        let Some(state) = state else { return Ok(()) };
        if state.receives != receipt.receives || state.at <= now {
            return Err(expired(handle));
        }
        SEQUENCES.delete(tx, &(store, name, sequence))?;
        Ok(CONTENTS.delete(tx, &state.id)?)
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
    with_message(cx, store, receipt, |tx, name, sequence, state| {
        let in_flight = |state: &State| state.receives == receipt.receives && state.at > now;
        let Some(mut state) = state.filter(in_flight) else { return Ok(None) };
        check(&state)?;
        state.at = now + visibility_s * 1_000_000;
        SEQUENCES.put(tx, &(store, name, sequence), &state)?;
        Ok(Some(()))
    })
    .await
}

/// Takes visible messages out for a move, in order, and puts them where `route` says; gives how many went.
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
    let claim =
        cursor.claim(&cx.kv, now, 1, |view, from, to, limit| read(view, store, (from, to), limit)).await?;
    if claim.entries.is_empty() {
        return Ok(0);
    }
    let lanes = cursor.lanes(names(&claim.entries)).await;
    let (count, arrived, at) = cx
        .state
        .cursors
        .transact(&cx.kv, |tx| {
            let mut arrived = Vec::new();
            let Some((name, group)) = standing(tx, store, &claim.entries[0])? else {
                return Ok((1, arrived, None));
            };
            let mut count = 0;
            for (sequence, state) in first(tx, store, name, group.head, wanted)? {
                if state.at > now {
                    break;
                }
                SEQUENCES.delete(tx, &(store, name, sequence))?;
                arrived.extend(route(tx, state)?);
                count += 1;
            }
            let at = settle(tx, store, name, group)?;
            Ok::<_, aws_wire::AwsError>((count.max(1), arrived, at))
        })
        .await?;
    drop(lanes);
    claim.settle(1);
    if let Some(at) = at {
        cursor.added(at, now);
    }
    arrived.iter().for_each(|arrival| arrival.tell(cx));
    Ok(count)
}

/// Removes what is older than `oldest_ms` from the front of a group that stands at `entry`.
///
/// # Errors
/// Those of the store.
pub(crate) fn expire(
    tx: &mut Tx,
    store: Id,
    entry: &Entry,
    oldest_ms: i64,
    limit: usize,
) -> Result<Option<i64>> {
    let Some((name, group)) = standing(tx, store, entry)? else { return Ok(None) };
    for (sequence, state) in first(tx, store, name, group.head, limit)? {
        if state.sent_ms > oldest_ms {
            break;
        }
        SEQUENCES.delete(tx, &(store, name, sequence))?;
        CONTENTS.delete(tx, &state.id)?;
    }
    settle(tx, store, name, group)
}

/// The groups that may be received from before `before`.
///
/// # Errors
/// Those of the store.
pub(crate) fn standing_before(
    reader: &impl Read,
    store: Id,
    from: i64,
    before: i64,
    limit: usize,
) -> Result<Vec<Entry>> {
    Ok(read(reader, store, (from, before - 1), limit)?)
}
