//! Whose environment is started next. The machine can start few at once and hold only so many: both are shared out
//! here, so that one function's flood keeps no other from what is its own.
//!
//! Starts wait by function, in three rings: of functions with reserved concurrency, of all others, and of provisioned
//! environments. Turns go round the rings, and round the functions of each. Functions that have reserved or
//! provisioned something are entitled to so many rooms; the others share the rest.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::oneshot;

/// Makes room: called with how many environments should end, and whether those of functions within what they are
/// entitled to may go too.
pub(crate) type MakeRoom = Box<dyn Fn(usize, bool) + Send + Sync>;

/// Of all rooms, this part at least is for functions that are entitled to none.
const COMMON_PART: usize = 10;

/// What a start is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ring {
    Reserved = 0,
    Unreserved = 1,
    Provisioned = 2,
}

const RINGS: usize = 3;

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Starts(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    make_room: MakeRoom,
    /// Whether a start waits for room, to be read without the lock.
    is_short: AtomicBool,
}

struct State {
    /// Starts that may begin now.
    turns: usize,
    rooms_max: usize,
    rooms_used: usize,
    functions: HashMap<Arc<str>, Function>,
    /// Functions with starts that wait.
    rings: [VecDeque<Arc<str>>; RINGS],
    next_ring: usize,
    /// Environments that were asked to end and have not yet.
    making_room: usize,
    closed: bool,
}

#[derive(Default)]
struct Function {
    used: usize,
    entitled: usize,
    waiting: [VecDeque<oneshot::Sender<Grant>>; RINGS],
}

impl Function {
    /// Whether it is entitled to one more room.
    fn has_own(&self) -> bool {
        self.used < self.entitled
    }

    fn is_needed(&self) -> bool {
        self.used > 0 || self.entitled > 0 || self.waiting.iter().any(|waiting| !waiting.is_empty())
    }
}

/// A start may begin: `turn` is held until it is done, `room` until the environment is gone.
pub(crate) struct Grant {
    pub turn: Turn,
    pub room: Room,
}

pub(crate) struct Turn(Arc<Inner>);

pub(crate) struct Room {
    starts: Arc<Inner>,
    function: Arc<str>,
}

impl Starts {
    pub(crate) fn new(turns: usize, rooms_max: usize, make_room: MakeRoom) -> Self {
        let state = State {
            turns,
            rooms_max,
            rooms_used: 0,
            functions: HashMap::new(),
            rings: Default::default(),
            next_ring: 0,
            making_room: 0,
            closed: false,
        };
        Self(Arc::new(Inner { state: Mutex::new(state), make_room, is_short: AtomicBool::new(false) }))
    }

    /// Waits for a turn and a room; `None` when no more environments are started.
    pub(crate) async fn request(&self, function: &str, ring: Ring) -> Option<Grant> {
        let granted = {
            let mut state = self.0.state();
            if state.closed {
                return None;
            }
            let (sender, granted) = oneshot::channel();
            let name = state.name(function);
            let entry = state.functions.entry(Arc::clone(&name)).or_default();
            let waiting = &mut entry.waiting[ring as usize];
            waiting.push_back(sender);
            if waiting.len() == 1 {
                state.rings[ring as usize].push_back(name);
            }
            granted
        };
        self.0.hand_out();
        granted.await.ok()
    }

    /// So many rooms are this function's own from now on.
    pub(crate) fn entitle(&self, function: &str, rooms: usize) {
        {
            let mut state = self.0.state();
            let name = state.name(function);
            state.functions.entry(Arc::clone(&name)).or_default().entitled = rooms;
            state.tidy(&name);
        }
        self.0.hand_out();
    }

    /// An environment has become idle: somebody may want its room.
    pub(crate) fn make_room_if_short(&self) {
        if self.0.is_short.load(Ordering::Acquire) {
            self.0.hand_out();
        }
    }

    /// Nobody could be asked to make room after all.
    pub(crate) fn no_room_made(&self, count: usize) {
        let mut state = self.0.state();
        state.making_room = state.making_room.saturating_sub(count);
    }

    /// Functions that use no more than what they are entitled to.
    pub(crate) fn within(&self) -> HashSet<Arc<str>> {
        let state = self.0.state();
        let within = state.functions.iter().filter(|(_, f)| f.entitled > 0 && f.used <= f.entitled);
        within.map(|(name, _)| Arc::clone(name)).collect()
    }

    /// No more starts.
    pub(crate) fn close(&self) {
        let mut state = self.0.state();
        state.closed = true;
        for function in state.functions.values_mut() {
            function.waiting.iter_mut().for_each(VecDeque::clear);
        }
        state.rings.iter_mut().for_each(VecDeque::clear);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.0.state().closed
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic while held")
    }

    /// Gives turns to those who wait, as far as there are turns and rooms.
    fn hand_out(self: &Arc<Self>) {
        let mut unwanted = Vec::new();
        let (short, any) = {
            let mut state = self.state();
            while let Some((name, sender)) = state.next() {
                let grant = Grant {
                    turn: Turn(Arc::clone(self)),
                    room: Room { starts: Arc::clone(self), function: name },
                };
                // Whoever waited may be gone; dropping the grant here would wait for this lock.
                unwanted.extend(sender.send(grant).err());
            }
            let blocked = state.wanting_room().min(state.turns);
            self.is_short.store(blocked > 0, Ordering::Release);
            let short = blocked.saturating_sub(state.making_room);
            state.making_room += short;
            (short, state.common_used() < state.common())
        };
        drop(unwanted);
        if short > 0 {
            (self.make_room)(short, any);
        }
    }
}

impl State {
    fn name(&self, function: &str) -> Arc<str> {
        let known = self.functions.get_key_value(function);
        known.map_or_else(|| function.into(), |(name, _)| Arc::clone(name))
    }

    fn tidy(&mut self, function: &Arc<str>) {
        if self.functions.get(function).is_some_and(|entry| !entry.is_needed()) {
            self.functions.remove(function);
        }
    }

    /// Starts that would have their turn if environments of others ended.
    fn wanting_room(&self) -> usize {
        let own_is_free = self.own_is_free();
        let wanting = self.functions.values().filter(|function| own_is_free || !function.has_own());
        wanting.flat_map(|function| &function.waiting).map(VecDeque::len).sum()
    }

    /// Rooms that functions may be entitled to, all together.
    fn own_max(&self) -> usize {
        self.rooms_max - (self.rooms_max / COMMON_PART).max(1).min(self.rooms_max)
    }

    /// Rooms that nobody is entitled to.
    fn common(&self) -> usize {
        let entitled = self.functions.values().map(|function| function.entitled).sum::<usize>();
        self.rooms_max - entitled.min(self.own_max())
    }

    /// Whether functions may have more of what they are entitled to. A platform of one room has nothing to set aside.
    fn own_is_free(&self) -> bool {
        let own_max = self.own_max();
        own_max == 0 || self.rooms_used - self.common_used() < own_max
    }

    /// Rooms in use beyond what their functions are entitled to.
    fn common_used(&self) -> usize {
        self.functions.values().map(|function| function.used.saturating_sub(function.entitled)).sum()
    }

    /// The start whose turn it is, if it has room; counts it.
    fn next(&mut self) -> Option<(Arc<str>, oneshot::Sender<Grant>)> {
        if self.turns == 0 || self.rooms_used >= self.rooms_max {
            return None;
        }
        if self.rings.iter().all(VecDeque::is_empty) {
            return None;
        }
        let (own_is_free, common_is_free) = (self.own_is_free(), self.common_used() < self.common());
        for ring in (self.next_ring..self.next_ring + RINGS).map(|ring| ring % RINGS) {
            for position in 0..self.rings[ring].len() {
                let name = Arc::clone(&self.rings[ring][position]);
                let function = self.functions.get_mut(&name).expect("who waits is listed");
                if !(if function.has_own() { own_is_free } else { common_is_free }) {
                    continue;
                }
                let sender = function.waiting[ring].pop_front().expect("who is in a ring waits");
                function.used += 1;
                self.rings[ring].remove(position);
                if !function.waiting[ring].is_empty() {
                    self.rings[ring].push_back(Arc::clone(&name));
                }
                self.next_ring = (ring + 1) % RINGS;
                self.turns -= 1;
                self.rooms_used += 1;
                return Some((name, sender));
            }
        }
        None
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.state().turns += 1;
        self.0.hand_out();
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        {
            let mut state = self.starts.state();
            state.rooms_used -= 1;
            state.making_room = state.making_room.saturating_sub(1);
            if let Some(function) = state.functions.get_mut(&self.function) {
                function.used -= 1;
            }
            state.tidy(&self.function);
        }
        self.starts.hand_out();
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::{Pin, pin};
    use std::sync::atomic::AtomicUsize;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn starts(turns: usize, rooms: usize) -> Starts {
        Starts::new(turns, rooms, Box::new(|_, _| ()))
    }

    type Waiting<'a> = Pin<Box<dyn Future<Output = Option<Grant>> + Send + 'a>>;

    fn ask<'a>(starts: &'a Starts, function: &'static str, ring: Ring) -> Waiting<'a> {
        let mut waiting: Waiting<'a> = Box::pin(async move { starts.request(function, ring).await });
        // The first poll takes its place in the queue; what it got is seen by the next.
        let starts_waiting = poll(&mut waiting);
        match starts_waiting {
            Some(granted) => Box::pin(std::future::ready(granted)),
            None => waiting,
        }
    }

    fn poll(waiting: &mut Waiting<'_>) -> Option<Option<Grant>> {
        match pin!(waiting).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(granted) => Some(granted),
            Poll::Pending => None,
        }
    }

    /// Who is granted next, when all wait and every start is done at once.
    fn order(starts: &Starts, mut waiting: Vec<(&'static str, Waiting<'_>)>, first: Grant) -> String {
        let (mut order, mut turn, mut rooms) = (String::new(), Some(first.turn), vec![first.room]);
        while !waiting.is_empty() {
            drop(turn.take());
            let found = waiting.iter_mut().enumerate().find_map(|(at, (name, waiting))| {
                poll(waiting).map(|granted| (at, *name, granted.expect("not closed")))
            });
            let (at, name, granted) = found.expect("one is granted at a time");
            drop(waiting.remove(at));
            order += name;
            turn = Some(granted.turn);
            rooms.push(granted.room);
        }
        let _ = starts;
        order
    }

    /// Those of `waiting` that are granted; the others go on waiting.
    fn all_granted(waiting: &mut Vec<Waiting<'_>>) -> Vec<Grant> {
        let mut granted = Vec::new();
        waiting.retain_mut(|one| match poll(one) {
            Some(grant) => {
                granted.push(grant.expect("not closed"));
                false
            }
            None => true,
        });
        granted
    }

    fn granted(waiting: &mut Waiting<'_>) -> Grant {
        poll(waiting).expect("granted at once").expect("not closed")
    }

    #[test]
    fn turns_go_round_functions_and_rings() {
        let starts = starts(1, 100);
        let first = granted(&mut ask(&starts, "a", Ring::Unreserved));
        let mut waiting = Vec::new();
        for _ in 0..5 {
            waiting.push(("a", ask(&starts, "a", Ring::Unreserved)));
        }
        waiting.push(("b", ask(&starts, "b", Ring::Unreserved)));
        waiting.push(("r", ask(&starts, "r", Ring::Reserved)));
        waiting.push(("r", ask(&starts, "r", Ring::Reserved)));
        waiting.push(("p", ask(&starts, "p", Ring::Provisioned)));
        assert_eq!(order(&starts, waiting, first), "prarbaaaa");
    }

    #[test]
    fn rooms_that_are_somebodys_own_are_kept() {
        let starts = starts(100, 10);
        starts.entitle("r", 4);
        let mut flood = (0..20).map(|_| ask(&starts, "a", Ring::Unreserved)).collect::<Vec<_>>();
        let mut held = all_granted(&mut flood);
        assert_eq!(held.len(), 6);
        let mut own = (0..5).map(|_| ask(&starts, "r", Ring::Reserved)).collect::<Vec<_>>();
        let mine = all_granted(&mut own);
        assert_eq!(mine.len(), 4);
        assert!(starts.within().contains("r"));
        // What the flood gives back is for all who wait: the rings take turns.
        held.truncate(4);
        let (flooding, fifth) = (all_granted(&mut flood), all_granted(&mut own));
        assert_eq!((flooding.len(), fifth.len()), (1, 1));
        drop((flooding, fifth));
        drop((mine, own, held, flood));
        starts.entitle("r", 0);
        let state = starts.0.state();
        assert_eq!((state.rooms_used, state.turns, state.functions.len()), (0, 100, 0));
    }

    #[test]
    fn some_rooms_are_always_common() {
        let starts = starts(100, 20);
        starts.entitle("r", 500);
        let mut flood = (0..5).map(|_| ask(&starts, "a", Ring::Unreserved)).collect::<Vec<_>>();
        let held = all_granted(&mut flood);
        assert_eq!(held.len(), 2);
        let mut own = (0..30).map(|_| ask(&starts, "r", Ring::Provisioned)).collect::<Vec<_>>();
        let mine = all_granted(&mut own);
        assert_eq!(mine.len(), 18);
        drop(held);
        assert_eq!(all_granted(&mut own).len(), 0, "what is common is not for those that have their own");
        assert_eq!(all_granted(&mut flood).len(), 2);
        let single = Starts::new(1, 1, Box::new(|_, _| ()));
        single.entitle("r", 5);
        let first = granted(&mut ask(&single, "r", Ring::Reserved));
        drop(first);
        granted(&mut ask(&single, "a", Ring::Unreserved));
    }

    #[test]
    fn room_is_made_for_as_many_as_wait_and_have_a_turn() {
        let asked = Arc::new(AtomicUsize::new(0));
        let counts = Arc::clone(&asked);
        let starts = Starts::new(
            3,
            1,
            Box::new(move |count, _| {
                counts.fetch_add(count, Ordering::AcqRel);
            }),
        );
        let first = granted(&mut ask(&starts, "a", Ring::Unreserved));
        let mut waiting = (0..5).map(|_| ask(&starts, "b", Ring::Unreserved)).collect::<Vec<_>>();
        assert_eq!(asked.load(Ordering::Acquire), 2);
        drop(first.room);
        let next = all_granted(&mut waiting);
        assert_eq!(next.len(), 1);
        starts.close();
        assert!(poll(&mut waiting[0]).expect("refused").is_none());
        assert!(poll(&mut ask(&starts, "c", Ring::Reserved)).expect("refused").is_none());
    }
}
