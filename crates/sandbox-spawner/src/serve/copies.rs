//! Templates and their copies, as the spawner's loop deals with them.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::net::RecvFlags;
use rustix::process::Signal;
use sandbox::Spec;

use super::{KEEPER, Live, MEMORY, PIDFD, PROGRAM, STATUS, Serving, TOKENS, Waiting, What, watch};
use crate::channel::{self, Receiver};
use crate::failure::Failure;
use crate::graft::Anchors;
use crate::init::{self, Report};
use crate::keeper::{self, Errand, Keeper, Told};
use crate::launch::{self, Booting, Copying, Launched, Site};
use crate::shown::Shown;
use crate::stockroom::Order;
use crate::sys;
use crate::wire::{Ended, Reply};

/// How long the word of how a copy's program ended may take after its end.
const WORD_WITHIN: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };

/// What a sandbox has that others are copied from.
pub(super) struct Template {
    keeper: Keeper,
    /// Once the snapshot is taken.
    anchors: Option<Anchors>,
}

/// What a sandbox has that is a copy.
pub(super) struct Copy {
    template: u64,
    /// The program, until it has ended.
    program: Option<OwnedFd>,
    /// Its number among the template's processes.
    number: i32,
    ended_by_itself: bool,
    /// The template's keeper has it, until it is claimed.
    held: bool,
}

impl Live {
    pub(super) fn is_held(&self) -> bool {
        self.copy.as_ref().is_some_and(|copy| copy.held)
    }

    /// Whether it is held and lacks nothing, as the copies of a function's own snapshot.
    pub(super) fn is_complete(&self) -> bool {
        self.is_held() && self.booting.is_none()
    }

    /// A traced process that has ended is there until its tracer is gone, and its pid namespace with it.
    pub(super) fn let_tracees_go(&self) {
        if let Some(template) = &self.template {
            sys::kill(template.keeper.pid, libc::SIGKILL);
        }
    }

    pub(super) fn signal(&self, signal: i32) {
        match &self.copy {
            None => sys::kill(self.pid, signal),
            Some(copy) => {
                if let (Some(program), Some(signal)) = (&copy.program, Signal::from_named_raw(signal)) {
                    // One that has ended meanwhile needs no signal.
                    let _ = rustix::process::pidfd_send_signal(program, signal);
                }
            }
        }
    }
}

impl Serving {
    pub(super) fn begin_snapshot(
        &mut self,
        epoll: &OwnedFd,
        daemon: &OwnedFd,
        id: u64,
    ) -> std::io::Result<()> {
        let refused = |reason: String| Reply::SnapshotRefused { id, reason };
        let (Some(workshop), Some(live)) = (&self.workshop, self.live.get_mut(&id)) else {
            return channel::send(daemon, &refused("it has ended".to_owned()), &[]);
        };
        if live.template.is_some() || live.copy.is_some() {
            return channel::send(daemon, &refused("it has been tried before".to_owned()), &[]);
        }
        match keeper::start(live.pid, &workshop.layout) {
            Ok(keeper) => {
                watch(epoll, keeper.socket.as_fd(), id * TOKENS + KEEPER)?;
                live.template = Some(Template { keeper, anchors: None });
                Ok(())
            }
            Err(failure) => channel::send(daemon, &refused(failure.to_string()), &[]),
        }
    }

    pub(super) fn queue_copy(
        &mut self,
        epoll: &OwnedFd,
        daemon: &OwnedFd,
        template: u64,
        waiting: Waiting,
    ) -> std::io::Result<()> {
        let id = waiting.id;
        let is_there =
            self.live.get(&template).and_then(|live| live.template.as_ref()?.anchors.as_ref()).is_some();
        if !is_there {
            let failure = Failure::new("find the template", libc::ESRCH);
            return channel::send(daemon, &Reply::StartFailed { id, failure, executing: false }, &[]);
        }
        match waiting.what {
            What::Held(_) => self.waiting.push_back(waiting),
            _ => self.queue(waiting),
        }
        self.dispatch(epoll, daemon)
    }

    /// Lets a copy that was held run: it has all that it needs.
    pub(super) fn claim_copy(&mut self, daemon: &OwnedFd, id: u64) -> std::io::Result<()> {
        let Some(live) = self.live.get_mut(&id) else { return Ok(()) };
        let Some(gifts) = live.gifts.take() else { return Ok(()) };
        let group = live.group.clone();
        self.release(id);
        super::send_started(daemon, id, group, &gifts, None)
    }

    /// Lets a copy run, if it is one that was held.
    pub(super) fn release(&mut self, id: u64) {
        let Some(copy) = self.live.get_mut(&id).and_then(|live| live.copy.as_mut()) else { return };
        if std::mem::replace(&mut copy.held, false) {
            let template = copy.template;
            self.send_errand(template, &Errand::Release(id));
        }
    }

    /// A process that is traced is there until its tracer has collected it, and its pid namespace with it.
    pub(super) fn end_held(&self, id: u64, live: &Live) {
        if let Some(copy) = live.copy.as_ref().filter(|copy| copy.held) {
            self.send_errand(copy.template, &Errand::End(id));
        }
    }

    fn send_errand(&self, template: u64, errand: &Errand) {
        let template = self.live.get(&template).and_then(|live| live.template.as_ref());
        // With the keeper, whatever it held has ended.
        let _ = template.map(|template| channel::send(&template.keeper.socket, errand, &[]));
    }

    /// What an order has to come with.
    pub(super) fn anchors_for(&self, order: &Order) -> Vec<BorrowedFd<'_>> {
        let Order::Kit { template: Some(template), .. } = order else { return Vec::new() };
        let template = self.live.get(template).and_then(|live| live.template.as_ref()?.anchors.as_ref());
        template.map(|anchors| vec![anchors.pid.as_fd(), anchors.user.as_fd()]).unwrap_or_default()
    }

    /// Has the keeper make a copy whose parts are at hand.
    pub(super) fn order_copy(
        &mut self,
        daemon: &OwnedFd,
        (id, template): (u64, u64),
        what: What,
        spec: &Spec,
    ) -> std::io::Result<()> {
        let held = what == What::Held(template);
        let needs = super::needs(self.workshop.as_ref(), spec, what);
        let Some((kit, ready)) = self.stock.take(needs) else { return Ok(()) };
        let disk = ready.as_ref().map(|ready| ready.token);
        let group = kit.group.clone();
        let ordered = match (&self.workshop, self.live.get(&template)) {
            (Some(workshop), Some(Live { slot, template: Some(template), .. })) => {
                let uid = slot.filter(|_| workshop.own_users).map(|slot| self.settings.uid_base + slot);
                let disk = ready.map(|ready| ready.mount);
                let site = Site { root: &workshop.root, layout: &workshop.layout, uid, disk };
                launch::copy(&template.keeper.socket, (id, held), spec, &kit, site)
            }
            _ => Err(Failure::new("find the template", libc::ESRCH)),
        };
        match ordered {
            Ok(output) => {
                let launch::Kit { group, doors, parked, memory } = kit;
                let abandoned = false;
                let lacks = spec.is_nobodys();
                let copying =
                    Copying { template, parked, doors, memory, output, group, disk, held, lacks, abandoned };
                self.copying.insert(id, copying);
                Ok(())
            }
            Err(failure) => {
                sys::kill(kit.parked.pid, libc::SIGKILL);
                self.discard(group, disk)?;
                channel::send(daemon, &Reply::StartFailed { id, failure, executing: false }, &[])
            }
        }
    }

    /// Hears the keeper of template `id`.
    pub(super) fn hear_keeper(&mut self, epoll: &OwnedFd, daemon: &OwnedFd, id: u64) -> std::io::Result<()> {
        let mut receiver = Receiver::new();
        loop {
            let Some(live) = self.live.get_mut(&id) else { return Ok(()) };
            let Some(template) = &mut live.template else { return Ok(()) };
            let told = match receiver.receive::<Told>(&template.keeper.socket, RecvFlags::DONTWAIT) {
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(()),
                Err(_) | Ok(None) => {
                    // What it held has ended with it.
                    let pid = live.pid;
                    sys::kill(pid, libc::SIGKILL);
                    let Some(template) = live.template.take() else { return Ok(()) };
                    return self.end_template(daemon, id, template);
                }
                Ok(Some(told)) => told,
            };
            match told {
                (Told::Watching, _) if live.booting.is_some() => self.tell_to_fork(id),
                (Told::Watching, _) => channel::send(daemon, &Reply::SnapshotWatched { id }, &[])?,
                (Told::Taken, _) => {
                    let reply = match Anchors::of(live.pid) {
                        Ok(anchors) => {
                            template.anchors = Some(anchors);
                            sys::kill(live.pid, init::REPORT_ORPHANS);
                            Reply::SnapshotTaken { id }
                        }
                        Err(failure) => Reply::SnapshotRefused { id, reason: failure.to_string() },
                    };
                    channel::send(daemon, &reply, &[])?;
                }
                (Told::Refused(reason), _) => {
                    channel::send(daemon, &Reply::SnapshotRefused { id, reason }, &[])?;
                }
                (Told::Copied { id, pid, number }, fds) => {
                    self.copied(epoll, daemon, id, (pid, number), fds.into_iter().next())?;
                }
                (Told::CopyFailed { id, failure }, _) => self.copy_failed(daemon, id, failure)?,
            }
        }
    }

    fn copied(
        &mut self,
        epoll: &OwnedFd,
        daemon: &OwnedFd,
        id: u64,
        (pid, number): (i32, i32),
        program: Option<OwnedFd>,
    ) -> std::io::Result<()> {
        let Some(copying) = self.copying.remove(&id) else { return Ok(()) };
        let Copying { template, parked, doors, memory, output, group, disk, held, lacks, abandoned } =
            copying;
        let launched = Launched { parked, output, companion_output: None, doors, memory };
        let mut live = Self::live(launched, group, disk, None);
        if lacks {
            live.booting = Some(Booting {
                socket: None,
                in_place: false,
                shown: Shown::open(pid).ok(),
                is_placed: false,
            });
        }
        if held {
            channel::send(daemon, &Reply::Booted { id, group: live.group.clone() }, &[])?;
        } else if let Some(gifts) = live.gifts.take() {
            super::send_started(daemon, id, live.group.clone(), &gifts, None)?;
        }
        watch(epoll, live.pidfd.as_fd(), id * TOKENS + PIDFD)?;
        watch(epoll, live.status.as_fd(), id * TOKENS + STATUS)?;
        if let Some(memory) = &live.memory {
            watch(epoll, memory.as_fd(), id * TOKENS + MEMORY)?;
        }
        if let Some(program) = &program {
            watch(epoll, program.as_fd(), id * TOKENS + PROGRAM)?;
        }
        live.copy = Some(Copy { template, program, number, ended_by_itself: false, held });
        self.live.insert(id, live);
        if abandoned {
            self.kill(id);
        }
        Ok(())
    }

    fn copy_failed(&mut self, daemon: &OwnedFd, id: u64, failure: Failure) -> std::io::Result<()> {
        let Some(copying) = self.copying.remove(&id) else { return Ok(()) };
        sys::kill(copying.parked.pid, libc::SIGKILL);
        self.discard(copying.group, copying.disk)?;
        channel::send(daemon, &Reply::StartFailed { id, failure, executing: false }, &[])
    }

    /// A copy's program has ended, and with it the sandbox. Its first process is no ancestor of it and cannot know.
    pub(super) fn copy_ended(&mut self, id: u64) {
        let Some(live) = self.live.get_mut(&id) else { return };
        let Some(copy) = &mut live.copy else { return };
        copy.program = None;
        copy.ended_by_itself = true;
        sys::kill(live.pid, libc::SIGKILL);
    }

    /// The template's first process has told how some of its orphans ended.
    pub(super) fn copies_ended(&mut self, template: u64, orphans: &[(i32, Ended)]) {
        for (number, ended) in orphans {
            let is_it = |copy: &Copy| copy.template == template && copy.number == *number;
            let copy = self.live.values_mut().find(|live| live.copy.as_ref().is_some_and(is_it));
            if let Some(live) = copy.filter(|live| live.ended.is_none()) {
                live.ended = Some(*ended);
            }
        }
    }

    /// Waits, shortly, for the word of how the program of copy `id` ended.
    pub(super) fn await_copys_end(&mut self, id: u64) {
        let Some(live) = self.live.get(&id) else { return };
        let Some(copy) = live.copy.as_ref().filter(|copy| copy.ended_by_itself) else { return };
        let template = copy.template;
        while self.live.get(&id).is_some_and(|live| live.ended.is_none()) {
            let Some(origin) = self.live.get(&template) else { return };
            let mut polled = [PollFd::new(&origin.status, PollFlags::IN)];
            if !matches!(rustix::event::poll(&mut polled, Some(&WORD_WITHIN)), Ok(1)) {
                return;
            }
            let Ok(Some((Report::Orphan { number, ended }, _))) =
                Receiver::new().receive::<Report>(&origin.status, RecvFlags::DONTWAIT)
            else {
                return;
            };
            self.copies_ended(template, &[(number, ended)]);
        }
    }

    /// A template is gone. Its copies are inside its pid namespace and end with it.
    pub(super) fn end_template(
        &mut self,
        daemon: &OwnedFd,
        id: u64,
        template: Template,
    ) -> std::io::Result<()> {
        sys::kill(template.keeper.pid, libc::SIGKILL);
        sys::reap(template.keeper.pid, true);
        if template.anchors.is_none() {
            let reason = "it ended before the snapshot".to_owned();
            channel::send(daemon, &Reply::SnapshotRefused { id, reason }, &[])?;
        }
        for kit in self.stock.drop_places(id).collect::<Vec<_>>() {
            self.discard(kit.group, None)?;
        }
        let gone = || Failure::new("find the template", libc::ESRCH);
        let is_for = |waiting: &Waiting| [What::Copy(id), What::Held(id)].contains(&waiting.what);
        for waiting in self.waiting.iter().filter(|waiting| is_for(waiting)) {
            let reply = Reply::StartFailed { id: waiting.id, failure: gone(), executing: false };
            channel::send(daemon, &reply, &[])?;
        }
        self.waiting.retain(|waiting| !is_for(waiting));
        let copying = self.copying.iter().filter(|(_, copying)| copying.template == id);
        for id in copying.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.copy_failed(daemon, id, gone())?;
        }
        Ok(())
    }

    /// Ends all keepers, which ends everything that they hold.
    pub(super) fn end_keepers(&self) {
        for template in self.live.values().filter_map(|live| live.template.as_ref()) {
            sys::kill(template.keeper.pid, libc::SIGKILL);
            sys::reap(template.keeper.pid, true);
        }
    }
}
