//! Where an outbox begins: rows ordered by the moment at which they are due, the first of which is known in memory, so
//! that nobody who looks for what is due walks over what was deleted.

use std::sync::Mutex;

use tokio::sync::watch;

/// One of a service's outboxes. Whoever adds a row says so; the job that works on them looks from [`Agenda::begin`] on.
pub struct Agenda {
    place: Mutex<Place>,
    arrivals: watch::Sender<()>,
}

struct Place {
    head: i64,
    /// The earliest row added since the last look began.
    added: i64,
}

impl Default for Agenda {
    fn default() -> Self {
        let place = Mutex::new(Place { head: i64::MIN, added: i64::MAX });
        Self { place, arrivals: watch::channel(()).0 }
    }
}

impl Agenda {
    /// A row of this moment was committed.
    pub fn added(&self, at: i64) {
        let mut place = self.place.lock().expect("no panic while held");
        place.added = place.added.min(at);
        place.head = place.head.min(at);
        drop(place);
        self.arrivals.send_replace(());
    }

    /// Tells of rows that are added from now on.
    pub fn arrivals(&self) -> watch::Receiver<()> {
        self.arrivals.subscribe()
    }

    /// A look begins; no row is due before what this gives.
    pub fn begin(&self) -> i64 {
        let mut place = self.place.lock().expect("no panic while held");
        place.added = i64::MAX;
        place.head
    }

    /// The look is over: every row before `head` is gone, but for those added meanwhile.
    pub fn end(&self, head: i64) {
        let mut place = self.place.lock().expect("no panic while held");
        place.head = head.min(place.added);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_during_a_look_is_seen_by_the_next() {
        let agenda = Agenda::default();
        assert_eq!(agenda.begin(), i64::MIN);
        agenda.added(7);
        agenda.end(i64::MAX);
        assert_eq!(agenda.begin(), 7);
        agenda.end(20);
        assert_eq!(agenda.begin(), 20);
        agenda.end(i64::MAX);
        agenda.added(5);
        assert_eq!(agenda.begin(), 5);
    }
}
