//! The spawner's loop: answers starts, steers and collects sandboxes, keeps the stock filled.

mod boots;
mod copies;

use std::collections::{HashMap, VecDeque};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::net::RecvFlags;
use sandbox::{Claimed, Spec};

use crate::cgroup::Layout;
use crate::channel::{self, Receiver};
use crate::failure::Failure;
use crate::init::{self, Parked, Report};
use crate::launch::{self, Booting, Copying, Kit, Launched, Site};
use crate::netns::Doors;
use crate::root::Root;
use crate::stock::{Needs, Parts, Place, ReadyDisk, Stock};
use crate::stockroom::{Order, Supply};
use crate::sys;
use crate::wire::{Ended, Reply, Request, Settings, Task};

/// Tokens of the two sockets; a sandbox's are its number times `TOKENS` plus one of those below.
const DAEMON: u64 = 0;
const STOCKROOM: u64 = 1;
const PIDFD: u64 = 1;
const STATUS: u64 = 2;
const MEMORY: u64 = 3;
const KEEPER: u64 = 4;
const PROGRAM: u64 = 5;
const BOOTING: u64 = 6;
const TOKENS: u64 = 8;
/// Events taken from the kernel at a time.
const EVENTS_MAX: usize = 64;

/// What is needed to make sandboxes with walls.
pub(crate) struct Workshop {
    pub root: Root,
    pub layout: Layout,
    pub stock_socket: OwnedFd,
    pub stockroom: i32,
    pub own_users: bool,
    pub tmp_on_disk: bool,
    /// The spawner's own mount namespace.
    pub home: OwnedFd,
}

struct Waiting {
    id: u64,
    spec: Box<Spec>,
    what: What,
}

/// What is waited for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Start,
    /// A copy of this template.
    Copy(u64),
    /// A copy that is to be held until it is claimed.
    Held(u64),
    /// A program started ahead.
    Boot,
    /// What a program that was started ahead still needs.
    Claim,
}

/// Doors, and the read ends of the pipes of program and companions.
type Gifts = (Doors, OwnedFd, Option<OwnedFd>);

/// A sandbox that has a process.
struct Live {
    pid: i32,
    pidfd: OwnedFd,
    status: OwnedFd,
    memory: Option<OwnedFd>,
    group: Option<String>,
    disk: Option<u64>,
    /// Number of the user it runs as; a copy runs as its template's.
    slot: Option<u32>,
    template: Option<copies::Template>,
    copy: Option<copies::Copy>,
    /// Where its program waits, until it is claimed.
    booting: Option<Booting>,
    /// How long claiming it took, where its program is executed only then.
    claimed: Option<Claimed>,
    /// What the daemon gets once the program runs.
    gifts: Option<Gifts>,
    /// Once it runs, [`init::TOLD`] is understood.
    has_companions: bool,
    failed: bool,
    ended: Option<Ended>,
    out_of_memory: bool,
}

pub(crate) struct Serving {
    settings: Settings,
    /// Held for as long as this process lives.
    _lock: OwnedFd,
    workshop: Option<Workshop>,
    stock: Stock,
    waiting: VecDeque<Waiting>,
    live: HashMap<u64, Live>,
    /// Copies that keepers are making.
    copying: HashMap<u64, Copying>,
    slots: Slots,
}

/// Numbers for users: each belongs to one live sandbox at most.
#[derive(Default)]
struct Slots {
    free: Vec<u32>,
    used_max: u32,
}

impl Slots {
    fn take(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.used_max += 1;
            self.used_max
        })
    }
}

impl Serving {
    pub(crate) fn plain(settings: Settings, lock: OwnedFd) -> Self {
        Self {
            settings,
            _lock: lock,
            workshop: None,
            stock: Stock::default(),
            waiting: VecDeque::new(),
            live: HashMap::new(),
            copying: HashMap::new(),
            slots: Slots::default(),
        }
    }

    pub(crate) fn contained(settings: Settings, lock: OwnedFd, workshop: Workshop) -> Self {
        Self { workshop: Some(workshop), ..Self::plain(settings, lock) }
    }

    /// Serves until the daemon is gone, then leaves nothing behind.
    pub(crate) fn run(mut self, daemon: OwnedFd, receiver: Receiver) {
        // Whatever the reason it ends for, cleaning up is the same.
        let _ = self.serve(&daemon, receiver);
        self.close();
    }

    fn serve(&mut self, daemon: &OwnedFd, mut receiver: Receiver) -> std::io::Result<()> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        watch(&epoll, daemon.as_fd(), DAEMON)?;
        if let Some(workshop) = &self.workshop {
            watch(&epoll, workshop.stock_socket.as_fd(), STOCKROOM)?;
        }
        self.restock()?;
        let mut events = Vec::with_capacity(EVENTS_MAX);
        loop {
            events.clear();
            match epoll::wait(&epoll, rustix::buffer::spare_capacity(&mut events), None) {
                Err(rustix::io::Errno::INTR) => continue,
                other => other?,
            };
            for event in &events {
                let goes_on = match event.data.u64() {
                    DAEMON => self.hear_daemon(&epoll, daemon, &mut receiver)?,
                    STOCKROOM => self.hear_stockroom(&mut receiver)?,
                    token => {
                        self.hear_sandbox(&epoll, daemon, &mut receiver, token / TOKENS, token % TOKENS)?;
                        true
                    }
                };
                if !goes_on {
                    return Ok(());
                }
            }
            self.dispatch(&epoll, daemon)?;
            self.restock()?;
        }
    }

    /// `false` when the daemon is gone.
    fn hear_daemon(
        &mut self,
        epoll: &OwnedFd,
        daemon: &OwnedFd,
        receiver: &mut Receiver,
    ) -> std::io::Result<bool> {
        let request = match receiver.receive(daemon, RecvFlags::DONTWAIT) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(true),
            other => other?,
        };
        let Some((request, _)) = request else { return Ok(false) };
        match request {
            Request::Setup(_) => {}
            Request::Start { id, spec } => {
                // Before those that nobody waits for yet.
                self.queue(Waiting { id, spec, what: What::Start });
                self.dispatch(epoll, daemon)?;
            }
            Request::Boot { id, spec } => self.waiting.push_back(Waiting { id, spec, what: What::Boot }),
            Request::Claim { id, .. } if self.live.get(&id).is_some_and(Live::is_complete) => {
                self.claim_copy(daemon, id)?;
            }
            Request::Claim { id, spec } => {
                self.waiting.push_front(Waiting { id, spec, what: What::Claim });
                self.dispatch(epoll, daemon)?;
            }
            Request::Snapshot { id } => self.begin_snapshot(epoll, daemon, id)?,
            Request::Copy { id, template, spec, held } => {
                let what = if held { What::Held(template) } else { What::Copy(template) };
                self.queue_copy(epoll, daemon, template, Waiting { id, spec, what })?;
            }
            Request::Signal { id, signal } => {
                self.live.get(&id).inspect(|live| live.signal(signal));
            }
            Request::Freeze { id, frozen } => {
                let signal = if frozen { init::FREEZE } else { init::THAW };
                self.live.get(&id).inspect(|live| sys::kill(live.pid, signal));
            }
            Request::Tell { id, task } => {
                if let Some(live) = self.live.get(&id) {
                    if live.copy.is_some() && matches!(task, Task::Kill) {
                        live.signal(libc::SIGKILL);
                    }
                    // Fails only when the sandbox is ending.
                    let _ = channel::send(&live.status, &task, &[]);
                    sys::kill(live.pid, init::TOLD);
                }
            }
            Request::Kill { id } => {
                self.waiting.retain(|waiting| waiting.id != id);
                self.copying.get_mut(&id).into_iter().for_each(|copying| copying.abandoned = true);
                self.kill(id);
            }
        }
        Ok(true)
    }

    /// Before those that nobody waits for yet.
    fn queue(&mut self, waiting: Waiting) {
        let at = self.waiting.iter().position(|other| matches!(other.what, What::Boot | What::Held(_)));
        self.waiting.insert(at.unwrap_or(self.waiting.len()), waiting);
    }

    fn kill(&self, id: u64) {
        let Some(live) = self.live.get(&id) else { return };
        live.let_tracees_go();
        self.end_held(id, live);
        match &self.workshop {
            // The first process's end is everybody's.
            Some(workshop) => {
                sys::kill(live.pid, libc::SIGKILL);
                if let Some(name) = &live.group {
                    workshop.layout.group(name).kill();
                }
            }
            None => sys::kill(live.pid, init::END),
        }
    }

    /// `false` when the stockroom is gone: without it nothing can be made or cleaned up any more.
    fn hear_stockroom(&mut self, receiver: &mut Receiver) -> std::io::Result<bool> {
        let Some(workshop) = &self.workshop else { return Ok(true) };
        let supply = match receiver.receive(&workshop.stock_socket, RecvFlags::DONTWAIT) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(true),
            other => other?,
        };
        let Some((supply, fds)) = supply else { return Ok(false) };
        let mut fds = fds.into_iter();
        match supply {
            Supply::Kit { network, template, group, pid } => {
                let missing = || std::io::Error::from(std::io::ErrorKind::InvalidData);
                let mut next = || fds.next().ok_or_else(missing);
                let parked = Parked { pid, pidfd: next()?, status: next()? };
                let doors = Doors::received(fds).ok_or_else(missing)?;
                let layout = &workshop.layout;
                let memory = group.as_ref().and_then(|name| layout.group(name).out_of_memory_event());
                let kit = Kit { group, doors, parked, memory };
                if template.is_some_and(|id| !self.live.contains_key(&id)) {
                    // Its template is gone, and so is it.
                    return self.discard(kit.group, None).map(|()| true);
                }
                self.stock.kit_arrived(network, template, Ok(kit));
            }
            Supply::Disk { size, token } => {
                let mount = fds.next().ok_or_else(|| Failure::new("take a disk", libc::EBADF));
                self.stock.disk_arrived(size, mount.map(|mount| ReadyDisk { token, mount }));
            }
            Supply::KitFailed { network, template, failure } => {
                self.stock.kit_arrived(network, template, Err(failure));
            }
            Supply::DiskFailed { size, failure } => self.stock.disk_arrived(size, Err(failure)),
        }
        Ok(true)
    }

    /// Starts whatever waits and has its parts at hand.
    fn dispatch(&mut self, epoll: &OwnedFd, daemon: &OwnedFd) -> std::io::Result<()> {
        let mut index = 0;
        while index < self.waiting.len() {
            let needs = self.needs(&self.waiting[index]);
            let parts = if self.workshop.is_none() { Parts::Ready } else { self.stock.look(needs) };
            match parts {
                Parts::Coming => index += 1,
                Parts::Failed(failure) => {
                    if let Some(Waiting { id, what, .. }) = self.waiting.remove(index) {
                        channel::send(daemon, &Reply::StartFailed { id, failure, executing: false }, &[])?;
                        if what == What::Claim {
                            // Nobody knows of it any more.
                            self.kill(id);
                        }
                    }
                }
                Parts::Ready => match self.waiting.remove(index) {
                    Some(Waiting {
                        id,
                        spec,
                        what: what @ (What::Copy(template) | What::Held(template)),
                    }) => {
                        self.order_copy(daemon, (id, template), what, &spec)?;
                    }
                    Some(Waiting { id, spec, what: What::Claim }) => self.claim(daemon, id, &spec)?,
                    Some(waiting) => self.start(epoll, daemon, waiting)?,
                    None => {}
                },
            }
        }
        Ok(())
    }

    fn needs(&self, waiting: &Waiting) -> Needs {
        needs(self.workshop.as_ref(), &waiting.spec, waiting.what)
    }

    fn start(&mut self, epoll: &OwnedFd, daemon: &OwnedFd, waiting: Waiting) -> std::io::Result<()> {
        let needs = self.needs(&waiting);
        let Waiting { id, spec, what } = waiting;
        let slot = self.slots.take();
        let (mut group, mut disk, mut prepared) = (None, None, None);
        let launched = match &self.workshop {
            None => launch::plain(&spec).map(|launched| (launched, None)),
            Some(workshop) => {
                let Some((kit, ready)) = self.stock.take(needs) else { return Ok(()) };
                group.clone_from(&kit.group);
                prepared = Some(kit.parked.pid);
                disk = ready.as_ref().map(|ready| ready.token);
                let site = Site {
                    root: &workshop.root,
                    layout: &workshop.layout,
                    uid: workshop.own_users.then(|| self.settings.uid_base + slot),
                    disk: ready.map(|ready| ready.mount),
                };
                if what == What::Boot {
                    launch::ahead(&spec, kit, site).map(|(launched, booting)| (launched, Some(booting)))
                } else {
                    launch::contained(&spec, kit, site).map(|launched| (launched, None))
                }
            }
        };
        match launched {
            Ok((launched, booting)) => {
                let live = Live { booting, ..Self::live(launched, group, disk, Some(slot)) };
                if let Some(socket) = live.booting.as_ref().and_then(|booting| booting.socket.as_ref()) {
                    watch(epoll, socket.as_fd(), id * TOKENS + BOOTING)?;
                }
                watch(epoll, live.pidfd.as_fd(), id * TOKENS + PIDFD)?;
                watch(epoll, live.status.as_fd(), id * TOKENS + STATUS)?;
                if let Some(memory) = &live.memory {
                    watch(epoll, memory.as_fd(), id * TOKENS + MEMORY)?;
                }
                self.live.insert(id, live);
                Ok(())
            }
            Err(failure) => {
                if let Some(pid) = prepared {
                    sys::kill(pid, libc::SIGKILL);
                    sys::reap(pid, true);
                }
                self.slots.free.push(slot);
                self.discard(group, disk)?;
                channel::send(daemon, &Reply::StartFailed { id, failure, executing: false }, &[])
            }
        }
    }

    fn live(launched: Launched, group: Option<String>, disk: Option<u64>, slot: Option<u32>) -> Live {
        let Launched { parked: Parked { pid, pidfd, status }, output, companion_output, doors, memory } =
            launched;
        Live {
            pid,
            pidfd,
            status,
            memory,
            group,
            disk,
            slot,
            template: None,
            copy: None,
            booting: None,
            claimed: None,
            has_companions: companion_output.is_some(),
            gifts: Some((doors, output, companion_output)),
            failed: false,
            ended: None,
            out_of_memory: false,
        }
    }

    fn hear_sandbox(
        &mut self,
        epoll: &OwnedFd,
        daemon: &OwnedFd,
        receiver: &mut Receiver,
        id: u64,
        what: u64,
    ) -> std::io::Result<()> {
        match what {
            KEEPER => return self.hear_keeper(epoll, daemon, id),
            PROGRAM => {
                self.copy_ended(id);
                return Ok(());
            }
            BOOTING => return self.hear_booting(epoll, daemon, id),
            _ => {}
        }
        // Events of one batch may concern a sandbox that an earlier one has removed.
        let Some(live) = self.live.get_mut(&id) else { return Ok(()) };
        if what == MEMORY {
            live.out_of_memory = true;
            live.memory = None;
            self.kill(id);
            return Ok(());
        }
        let (mut is_hopeless, mut orphans) = (false, Vec::new());
        while let Ok(Some((report, fds))) = receiver.receive::<Report>(&live.status, RecvFlags::DONTWAIT) {
            match report {
                Report::Orphan { number, ended } => orphans.push((number, ended)),
                // A program that had to wait tells of it by its end.
                Report::Failed(_) | Report::ExecuteFailed(_) if live.failed || live.gifts.is_none() => {}
                Report::Failed(failure) => {
                    live.failed = true;
                    channel::send(daemon, &Reply::StartFailed { id, failure, executing: false }, &[])?;
                }
                Report::ExecuteFailed(failure) => {
                    live.failed = true;
                    // Nothing else would end the other companions.
                    is_hopeless = live.has_companions;
                    channel::send(daemon, &Reply::StartFailed { id, failure, executing: true }, &[])?;
                }
                // What was started ahead says itself when it is ready.
                Report::Running if live.failed || live.booting.is_some() => {}
                Report::Running => {
                    let Some(gifts) = live.gifts.take() else { continue };
                    send_started(daemon, id, live.group.clone(), &gifts, live.claimed.take())?;
                }
                Report::Ended(ended) => live.ended = live.ended.or(Some(ended)),
                Report::ProgramEnded(ended) => {
                    let exit = if ran_out_of_memory(self.workshop.as_ref(), live) {
                        Ended::OutOfMemory
                    } else {
                        ended
                    };
                    live.ended = Some(exit);
                    channel::send(daemon, &Reply::ProgramEnded { id, exit }, &[])?;
                }
                Report::CompanionEnded { index, ended } => {
                    let exit = if ran_out_of_memory(self.workshop.as_ref(), live) {
                        Ended::OutOfMemory
                    } else {
                        ended
                    };
                    channel::send(daemon, &Reply::CompanionEnded { id, index, exit }, &[])?;
                }
                Report::Socket => {
                    let fds: Vec<_> = fds.iter().map(AsFd::as_fd).collect();
                    channel::send(daemon, &Reply::Socket { id }, &fds)?;
                }
            }
        }
        if is_hopeless {
            self.kill(id);
        }
        if !orphans.is_empty() {
            // Of a copy that has ended before its keeper was heard.
            self.hear_keeper(epoll, daemon, id)?;
            self.copies_ended(id, &orphans);
        }
        if what == PIDFD {
            self.await_copys_end(id);
            self.collect(daemon, id)?;
        }
        Ok(())
    }

    /// The first process has ended, and with it everything in the sandbox.
    fn collect(&mut self, daemon: &OwnedFd, id: u64) -> std::io::Result<()> {
        let Some(mut live) = self.live.remove(&id) else { return Ok(()) };
        sys::reap(live.pid, true);
        if let Some(template) = live.template.take() {
            self.end_template(daemon, id, template)?;
        }
        if self.workshop.is_none() {
            self.end_strays();
        }
        let exit = match live.ended {
            _ if ran_out_of_memory(self.workshop.as_ref(), &live) => Ended::OutOfMemory,
            Some(ended) => ended,
            None => Ended::Signal(libc::SIGKILL),
        };
        let started = live.gifts.is_none();
        self.slots.free.extend(live.slot);
        self.discard(live.group, live.disk)?;
        if started {
            return channel::send(daemon, &Reply::Exited { id, exit }, &[]);
        }
        if !live.failed {
            let failure = Failure::new("enter the sandbox", libc::ECHILD);
            channel::send(daemon, &Reply::StartFailed { id, failure, executing: false }, &[])?;
        }
        Ok(())
    }

    /// Kills processes whose first process was killed before it could end them itself.
    fn end_strays(&self) {
        loop {
            let known = |pid: &i32| self.live.values().any(|live| live.pid == *pid);
            let strays: Vec<_> = init::children("self").into_iter().filter(|pid| !known(pid)).collect();
            if strays.is_empty() {
                return;
            }
            for stray in strays {
                sys::kill(stray, libc::SIGKILL);
                sys::reap(stray, true);
            }
        }
    }

    fn discard(&self, group: Option<String>, disk: Option<u64>) -> std::io::Result<()> {
        match &self.workshop {
            Some(workshop) if group.is_some() || disk.is_some() => {
                channel::send(&workshop.stock_socket, &Order::Discard { group, disk }, &[])
            }
            _ => Ok(()),
        }
    }

    /// Orders what is missing for those who wait, and for the next ones.
    fn restock(&mut self) -> std::io::Result<()> {
        let Some(workshop) = &self.workshop else { return Ok(()) };
        // While somebody is starting, only what is waited for is made: the rest would compete for the
        // processor.
        let is_starting =
            |live: &Live| live.gifts.is_some() && !live.failed && live.booting.is_none() && !live.is_held();
        let starting = self.live.values().any(is_starting);
        let ready_max = if starting { 0 } else { self.settings.ready_max };
        let usual = Needs {
            network: self.settings.network,
            disk: workshop.tmp_on_disk.then_some(self.settings.ephemeral_bytes),
            place: Place::Any,
        };
        let waiting: Vec<_> = self.waiting.iter().map(|waiting| self.needs(waiting)).collect();
        for order in self.stock.order(usual, ready_max, &waiting) {
            channel::send(&workshop.stock_socket, &order, &self.anchors_for(&order))?;
        }
        Ok(())
    }

    fn close(mut self) {
        for id in self.live.keys() {
            self.kill(*id);
        }
        self.end_keepers();
        for live in self.live.values() {
            sys::reap(live.pid, true);
        }
        self.live.clear();
        for kit in self.stock.drain_kits() {
            sys::kill(kit.parked.pid, libc::SIGKILL);
            sys::reap(kit.parked.pid, true);
        }
        match self.workshop.take() {
            None => self.end_strays(),
            Some(workshop) => {
                // Its end of the socket tells the stockroom to take everything apart.
                let stockroom = workshop.stockroom;
                drop(workshop);
                self.stock = Stock::default();
                sys::reap(stockroom, true);
            }
        }
    }
}

fn send_started(
    daemon: &OwnedFd,
    id: u64,
    group: Option<String>,
    (doors, output, companion_output): &Gifts,
    claimed: Option<Claimed>,
) -> std::io::Result<()> {
    let mut fds = vec![output.as_fd()];
    fds.extend(companion_output.as_ref().map(AsFd::as_fd));
    fds.extend(doors.descriptors());
    channel::send(daemon, &Reply::Started { id, group, claimed }, &fds)
}

fn needs(workshop: Option<&Workshop>, spec: &Spec, what: What) -> Needs {
    let on_disk = !spec.is_nobodys() && workshop.is_some_and(|workshop| workshop.tmp_on_disk);
    let place = match what {
        What::Start | What::Boot => Place::Any,
        What::Copy(template) | What::Held(template) => Place::Of(template),
        What::Claim => Place::Taken,
    };
    Needs { network: spec.network, disk: on_disk.then_some(spec.ephemeral_bytes), place }
}

fn ran_out_of_memory(workshop: Option<&Workshop>, live: &Live) -> bool {
    let kills = |(workshop, name): (&Workshop, &String)| workshop.layout.group(name).out_of_memory_kills();
    live.out_of_memory || workshop.zip(live.group.as_ref()).map_or(0, kills) > 0
}

fn watch(epoll: &OwnedFd, fd: BorrowedFd<'_>, token: u64) -> std::io::Result<()> {
    epoll::add(epoll, fd, EventData::new_u64(token), EventFlags::IN)?;
    Ok(())
}
