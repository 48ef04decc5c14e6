//! Programs that are started ahead, as the spawner's loop deals with them.

use std::os::fd::OwnedFd;

use rustix::event::epoll;
use rustix::net::{RecvFlags, SendFlags};
use sandbox::{FORK, READY_TO_BE_PLACED, Spec};

use super::{Serving, What};
use crate::channel;
use crate::failure::Failure;
use crate::launch::{self, Site};
use crate::shown::Shown;
use crate::wire::Reply;

impl Serving {
    /// A program started ahead says that it is ready, or has closed its end: then it is of no use.
    pub(super) fn hear_booting(&mut self, epoll: &OwnedFd, daemon: &OwnedFd, id: u64) -> std::io::Result<()> {
        let Some(live) = self.live.get_mut(&id) else { return Ok(()) };
        let Some(booting) = &mut live.booting else { return Ok(()) };
        let Some(socket) = &booting.socket else { return Ok(()) };
        let mut byte = [0; 1];
        let heard = rustix::net::recv(socket, &mut byte, RecvFlags::DONTWAIT);
        if let Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) = heard {
            return Ok(());
        }
        // Once only: whatever it says now, nobody hears it before it is claimed.
        epoll::delete(epoll, socket)?;
        let failure = match heard {
            Ok((1, _)) if booting.in_place => {
                return channel::send(daemon, &Reply::Booted { id, group: live.group.clone() }, &[]);
            }
            Ok((1, _)) => match Shown::below(live.pid) {
                Ok(shown) => {
                    booting.shown = Some(shown);
                    booting.is_placed = byte == [READY_TO_BE_PLACED];
                    return channel::send(daemon, &Reply::Booted { id, group: live.group.clone() }, &[]);
                }
                Err(failure) => failure,
            },
            _ => Failure::new("hear that the program is ready", libc::ECHILD),
        };
        live.failed = true;
        channel::send(daemon, &Reply::StartFailed { id, failure, executing: false }, &[])?;
        self.kill(id);
        Ok(())
    }

    /// Has the program of a template that is to be fork.
    pub(super) fn tell_to_fork(&self, id: u64) {
        let booting = self.live.get(&id).and_then(|live| live.booting.as_ref()?.socket.as_ref());
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        // One that has ended is heard of otherwise.
        let _ = booting.map(|socket| rustix::net::send(socket, &[FORK], flags));
    }

    /// Makes a program that was started ahead, and whose parts are at hand, the one of `spec`.
    pub(super) fn claim(&mut self, daemon: &OwnedFd, id: u64, spec: &Spec) -> std::io::Result<()> {
        let needs = super::needs(self.workshop.as_ref(), spec, What::Claim);
        let ready = self.stock.take_disk(needs);
        let disk = ready.as_ref().map(|ready| ready.token);
        let (Some(workshop), Some(live)) = (&self.workshop, self.live.get_mut(&id)) else {
            self.discard(None, disk)?;
            let failure = Failure::new("find the program started ahead", libc::ESRCH);
            return channel::send(daemon, &Reply::StartFailed { id, failure, executing: false }, &[]);
        };
        // Before anything can fail: it belongs to the sandbox from here on, and goes with it.
        live.disk = disk;
        let booting = live.booting.take();
        let in_place = booting.as_ref().is_some_and(|booting| booting.in_place);
        let claimed = match booting {
            Some(booting) => {
                let (root, layout) = (&workshop.root, &workshop.layout);
                let site = Site { root, layout, uid: None, disk: ready.map(|ready| ready.mount) };
                let live = (live.pid, &live.status, live.group.as_ref());
                launch::claim(spec, live, &booting, site, &workshop.home)?
            }
            None => Err(Failure::new("claim a program twice", libc::EALREADY)),
        };
        match (claimed, live.gifts.take()) {
            // It tells itself how executing the program went.
            (Ok(claimed), gifts) if in_place => {
                (live.claimed, live.gifts) = (Some(claimed), gifts);
                Ok(())
            }
            (Ok(claimed), Some(gifts)) => {
                let group = live.group.clone();
                self.release(id);
                super::send_started(daemon, id, group, &gifts, Some(claimed))
            }
            (claimed, gifts) => {
                live.gifts = gifts;
                live.failed = true;
                let gone = || Failure::new("find the program started ahead", libc::ESRCH);
                let failure = claimed.err().unwrap_or_else(gone);
                channel::send(daemon, &Reply::StartFailed { id, failure, executing: false }, &[])?;
                self.kill(id);
                Ok(())
            }
        }
    }
}
