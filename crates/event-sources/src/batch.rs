//! A batch of a stream's records and what becomes of it: handled, tried again, divided, or given up.

use std::time::Duration;

use crate::failure::{self, Cause, GivenUp};
use crate::handler::{Batch, Invoked, Outcome, PAYLOAD_BYTES_MAX};
use crate::lane::{Entry, Shared};
use crate::pause::Pause;
use crate::report::{self, Report};
use crate::source::Stream;
use crate::window::Frame;

/// A part of a batch that is still to be handled.
struct Piece {
    entries: Vec<Entry>,
    /// How often the function failed with it.
    tries: u32,
}

/// How far an invocation came.
enum Verdict {
    All,
    /// What lies before this place.
    UpTo(usize),
    NotRun,
}

/// Handles a batch in order. `false` when the end was asked for before all of it was.
pub(crate) async fn handle(shared: &Shared, entries: Vec<Entry>, frame: &mut Frame) -> bool {
    let env = &shared.polled.cx.env;
    let settings = &shared.polled.settings;
    // From the last to the first.
    let mut todo = vec![Piece { entries, tries: 0 }];
    let mut pause = Pause::default();
    while let Some(mut piece) = todo.pop() {
        if shared.stop.is_requested() {
            return false;
        }
        if !leave_old(shared, &mut piece, frame).await {
            return false;
        }
        let closes = matches!(frame, Frame::Window { last: true, .. });
        if piece.entries.is_empty() && !closes {
            continue;
        }
        let records = piece.entries.iter().map(|entry| entry.record.event.as_str()).collect::<Vec<_>>();
        let closing = frame.beside(shared).map(|beside| format!("]{beside}}}"));
        let closing = closing.as_deref().unwrap_or(shared.stream.closing());
        let batch = Batch { opening: &shared.opening, records, closing, trace: None };
        if let [record] = batch.records.as_slice()
            && record.len() + batch.opening.len() + batch.closing.len() > PAYLOAD_BYTES_MAX
        {
            let given_up = GivenUp { cause: Cause::Size, tries: piece.tries, last: None };
            if !give_up(shared, &piece.entries, &given_up, frame).await {
                return false;
            }
            continue;
        }
        let invoked = shared.polled.handler.handle(&batch).await;
        let handled = match judge(shared, &piece, &invoked, frame) {
            Verdict::NotRun => {
                todo.push(piece);
                pause.wait(env, &shared.stop).await;
                continue;
            }
            Verdict::All => piece.entries.len(),
            Verdict::UpTo(place) => place,
        };
        let rest = piece.entries.split_off(handled);
        let answered = matches!(invoked.outcome, Outcome::Answered { .. } | Outcome::Partly(_));
        if handled > 0 || closes && answered {
            done(shared, &piece.entries, frame).await;
        }
        let failed = Piece { entries: rest, tries: piece.tries + 1 };
        if failed.entries.is_empty() && (handled > 0 || answered) {
            pause = Pause::default();
            continue;
        }
        // Dividing is not counted among the tries; what a report began with needs none.
        if settings.bisect_on_error == Some(true) && handled == 0 && failed.entries.len() > 1 {
            todo.extend(halves(failed));
            continue;
        }
        let retries_max = settings.retries_max.filter(|max| *max >= 0);
        let retries_max = retries_max.or_else(|| shared.stream.retries_max(settings));
        if retries_max.is_some_and(|max| failed.tries > max.unsigned_abs()) {
            let given_up = GivenUp { cause: Cause::Retries, tries: failed.tries, last: Some(&invoked) };
            if !give_up(shared, &failed.entries, &given_up, frame).await {
                return false;
            }
            continue;
        }
        todo.push(failed);
        pause.wait(env, &shared.stop).await;
    }
    true
}

fn halves(piece: Piece) -> [Piece; 2] {
    let Piece { mut entries, tries } = piece;
    let second = entries.split_off(entries.len() / 2);
    // The first is taken next, from the end.
    [Piece { entries: second, tries: tries - 1 }, Piece { entries, tries: tries - 1 }]
}

fn judge(shared: &Shared, piece: &Piece, invoked: &Invoked, frame: &mut Frame) -> Verdict {
    let payload = match &invoked.outcome {
        Outcome::Answered { payload, .. } => payload,
        Outcome::Partly(failed) => return failed.first().map_or(Verdict::All, |first| Verdict::UpTo(*first)),
        Outcome::Failed { .. } | Outcome::Recursive => return Verdict::UpTo(0),
        Outcome::NotRun => return Verdict::NotRun,
    };
    let reports = shared.polled.settings.reports_item_failures == Some(true);
    let ids = piece.entries.iter().map(|entry| shared.stream.item_id(&shared.shard, &entry.record.sequence));
    let ids = ids.collect::<Vec<_>>();
    let ids = ids.iter().map(|id| &**id).collect::<Vec<_>>();
    let report = if reports { report::read(payload, &ids) } else { Report::Success };
    match report {
        Report::Unreadable => Verdict::UpTo(0),
        _ if !frame.take_state(payload) => Verdict::UpTo(0),
        Report::Success => Verdict::All,
        // What failed first, and everything behind it, is tried again.
        Report::Failures(places) => Verdict::UpTo(places[0]),
    }
}

async fn done(shared: &Shared, entries: &[Entry], frame: &Frame) {
    let places = entries.iter().map(|entry| entry.place);
    match frame {
        Frame::None => shared.keeper.done(places).await,
        Frame::Window { .. } => shared.keeper.done_in(places, frame.kept()).await,
    }
}

/// Gives up what is older than records may be. `false` when the end was asked for meanwhile.
async fn leave_old(shared: &Shared, piece: &mut Piece, frame: &Frame) -> bool {
    let settings = &shared.polled.settings;
    let own = settings.record_age_max_s.and_then(|age| u64::try_from(age).ok()).map(Duration::from_secs);
    let age_max = own.or_else(|| shared.stream.retention());
    let now = shared.polled.cx.env.now();
    let is_old = |entry: &Entry| age_max.is_some_and(|max| entry.record.arrived.after(max) < now);
    let mut old = piece.entries.iter().take_while(|entry| is_old(entry)).count();
    if let Stream::Kafka(topic) = &shared.stream
        && piece.tries > 0
    {
        let sequences = piece.entries.iter().map(|entry| entry.record.sequence.as_str());
        old = old.max(topic.forgotten(&shared.shard, sequences).await);
    }
    if old == 0 {
        return true;
    }
    let young = piece.entries.split_off(old);
    let entries = std::mem::replace(&mut piece.entries, young);
    give_up(shared, &entries, &GivenUp { cause: Cause::Age, tries: piece.tries, last: None }, frame).await
}

/// Tells the destination, and goes on behind these records.
async fn give_up(shared: &Shared, entries: &[Entry], given_up: &GivenUp<'_>, frame: &Frame) -> bool {
    if !failure::tell(shared, entries, given_up).await {
        return false;
    }
    done(shared, entries, frame).await;
    true
}
