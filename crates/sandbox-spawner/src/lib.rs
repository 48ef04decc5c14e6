//! The spawner: a tiny single-threaded process that makes sandboxes for the daemon.
//!
//! The daemon never forks: forking is slow from a large process and unsafe from one with threads. Instead the
//! same binary executes itself in the spawner's role ([`run_spawner_if_asked`], first thing in `main`).
//! Daemon and spawner talk over a `SOCK_SEQPACKET` socket that also carries descriptors; its end is the end
//! of everything the spawner made. Five kinds of processes share the work:
//!
//! - the daemon's half is [`Spawner`] (`client.rs`);
//! - the spawner (`role.rs`, `serve.rs`, `launch.rs`) answers starts: one `clone`, whose child builds its own
//!   sandbox (`enter.rs`) and stays as the sandbox's first process (`init.rs`);
//! - the stockroom (`stockroom.rs`) makes the slow parts ahead: network namespaces with their listeners
//!   (`netns.rs`), cgroups (`cgroup.rs`), disks for `/tmp` (`scratch.rs`), and takes them apart afterwards;
//! - a keeper (`keeper.rs`) for each template holds a snapshot and makes copies of it, which move into a place of
//!   their own (`graft.rs`);
//! - the relay (`relay.rs`) makes the connections to the outside that functions with a way out (`outlet.rs`) ask
//!   for. It is there only if there are such functions.

mod booted;
mod carry;
mod cgroup;
mod channel;
mod client;
mod datagrams;
mod enter;
mod failure;
mod filter;
mod graft;
mod image;
mod init;
mod keeper;
mod launch;
mod mounts;
mod netlink;
mod netns;
mod outlet;
mod probe;
mod registers;
mod relay;
mod resolvers;
mod role;
mod root;
mod scratch;
mod serve;
mod shown;
mod steer;
mod stock;
mod stockroom;
mod sys;
mod template;
mod tracee;
mod trust;
mod wire;

pub use booted::memory_available;
pub use client::{Command, Spawner};
pub use probe::probe;
pub use role::{group_folder, run_spawner_if_asked, uid_base_for};
pub use wire::{Abilities, Authority, Mode, Outbound, Settings, Subnet};
