//! Whether a stopped process can be copied without two copies sharing anything, and what has to be done about its
//! descriptors.
//!
//! A fork shares what is open and what is mapped as shared. Copies must not: what cannot be had anew is a reason to
//! refuse the snapshot, never to make a wrong one.

use std::fs;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use rustix::net::AddressFamily;
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags};

use crate::failure::{Failure, Result, Step};
use crate::init;

/// Files below these are the same for all sandboxes of a version, and read-only.
const UNCHANGING: [&str; 8] =
    ["/usr/", "/lib/", "/lib64/", "/etc/", "/opt/", "/var/task/", "/var/runtime/", "/var/lang/"];
/// Devices without a state of their own.
const STATELESS: [&str; 5] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];
const CLOSE_ON_EXEC: u32 = 0o2_000_000;
const ACCESS: u32 = 0o3;

/// Why no snapshot was taken, in words for the function's owner.
pub(crate) type Refusal = String;

/// What is done with one descriptor of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Becomes the copy's own output.
    Output,
    /// An unchanging file: opened anew, so that no two copies share a position.
    Reopen { position: u64 },
    /// A connection, which does not outlive a snapshot: becomes one that the other side has closed.
    Dead,
}

#[derive(Debug, Clone)]
pub(crate) struct Descriptor {
    pub number: i32,
    pub fate: Fate,
    pub close_on_exec: bool,
}

/// A process that can be copied.
pub(crate) struct Image {
    pub descriptors: Vec<Descriptor>,
    pub cwd: String,
}

/// Whether `program`, below the first process `first` of its sandbox, is alone in it and has one thread.
pub(crate) fn is_alone(first: i32, program: i32) -> std::result::Result<(), Refusal> {
    has_one_thread(program)?;
    let processes = init::children(&first.to_string()).len() + init::children(&program.to_string()).len();
    if processes != 1 {
        return Err(format!("it has {processes} processes"));
    }
    Ok(())
}

pub(crate) fn has_one_thread(program: i32) -> std::result::Result<(), Refusal> {
    let threads = fs::read_dir(format!("/proc/{program}/task")).map_or(0, Iterator::count);
    if threads == 1 { Ok(()) } else { Err(format!("it has {threads} threads")) }
}

/// Looks at the stopped process `pid`.
pub(crate) fn examine(pid: i32) -> std::result::Result<Image, Refusal> {
    let unreadable = |_| "it cannot be examined".to_owned();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).map_err(unreadable)?;
    if status_field(&status, "Seccomp_filters").is_some_and(|filters| filters != "1") {
        return Err("it has a system call filter of its own".to_owned());
    }
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).map_err(unreadable)?;
    if let Some(shared) = maps.lines().find_map(shared_mapping) {
        return Err(format!("it shares memory ({shared})"));
    }
    let mut descriptors = Vec::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fd")).map_err(unreadable)?.flatten() {
        let Some(number) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let target = fs::read_link(entry.path()).map_err(unreadable)?.to_string_lossy().into_owned();
        let info = fs::read_to_string(format!("/proc/{pid}/fdinfo/{number}")).map_err(unreadable)?;
        let flags =
            status_field(&info, "flags").and_then(|text| u32::from_str_radix(text, 8).ok()).unwrap_or(0);
        let is_file = fs::metadata(entry.path()).is_ok_and(|metadata| metadata.is_file());
        let position = status_field(&info, "pos").and_then(|text| text.parse().ok()).unwrap_or(0);
        if let Some(fate) = fate(pid, number, &target, flags, is_file.then_some(position))? {
            descriptors.push(Descriptor { number, fate, close_on_exec: flags & CLOSE_ON_EXEC != 0 });
        }
    }
    let cwd = fs::read_link(format!("/proc/{pid}/cwd")).map_err(unreadable)?;
    Ok(Image { descriptors, cwd: cwd.to_string_lossy().into_owned() })
}

/// What to do with one descriptor; `None` if it can stay as it is.
fn fate(
    pid: i32,
    number: i32,
    target: &str,
    flags: u32,
    file_position: Option<u64>,
) -> std::result::Result<Option<Fate>, Refusal> {
    let is_read_only = flags & ACCESS == 0;
    if STATELESS.contains(&target) {
        return Ok(None);
    }
    // The only pipe whose other end is elsewhere is the output; one of its own has a reading end here too.
    if target.starts_with("pipe:") && !is_read_only {
        return Ok(Some(Fate::Output));
    }
    if target.starts_with("socket:") {
        return match is_connection(pid, number) {
            Ok(true) => Ok(Some(Fate::Dead)),
            _ => Err("it has a socket open that is no connection".to_owned()),
        };
    }
    match file_position {
        Some(position) if is_read_only && is_unchanging(target) => Ok(Some(Fate::Reopen { position })),
        _ => Err(format!("it has {target} open")),
    }
}

fn is_unchanging(path: &str) -> bool {
    UNCHANGING.iter().any(|top| path.starts_with(top)) && !path.ends_with(" (deleted)")
}

/// Whether a descriptor is an internet socket that does not listen.
fn is_connection(pid: i32, number: i32) -> Result<bool> {
    let socket = take_copy(pid, number)?;
    let family = rustix::net::sockopt::socket_domain(&socket).step("examine a socket")?;
    let listens = rustix::net::sockopt::socket_acceptconn(&socket).step("examine a socket")?;
    Ok((family == AddressFamily::INET || family == AddressFamily::INET6) && !listens)
}

fn take_copy(pid: i32, number: i32) -> Result<OwnedFd> {
    let pid = Pid::from_raw(pid).ok_or_else(|| Failure::new("examine a descriptor", libc::ESRCH))?;
    let process = rustix::process::pidfd_open(pid, PidfdFlags::empty()).step("examine a descriptor")?;
    rustix::process::pidfd_getfd(process.as_fd(), number.as_raw_fd(), PidfdGetfdFlags::empty())
        .step("examine a descriptor")
}

/// The name of a mapping that copies would share.
fn shared_mapping(line: &str) -> Option<String> {
    let mut words = line.split_whitespace();
    let permissions = words.nth(1)?;
    if !permissions.ends_with('s') {
        return None;
    }
    let path = words.skip(3).collect::<Vec<_>>().join(" ");
    let harmless = !permissions.contains('w') && is_unchanging(&path);
    (!harmless).then_some(path)
}

pub(crate) fn status_field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    Some(line.trim())
}

#[cfg(test)]
mod tests {
    use super::shared_mapping;

    #[test]
    fn shared_memory_is_seen() {
        let check = |line: &str, expected: Option<&str>| {
            assert_eq!(shared_mapping(line).as_deref(), expected, "{line}");
        };
        check("7f00-7f01 rw-p 00000000 00:00 0", None);
        check("7f00-7f01 rw-s 00000000 00:01 12 /dev/zero (deleted)", Some("/dev/zero (deleted)"));
        check("7f00-7f01 rw-s 00000000 00:01 12", Some(""));
        check("7f00-7f01 r--s 00000000 fe:00 12 /usr/lib/gconv/gconv-modules.cache", None);
        check("7f00-7f01 r--s 00000000 fe:00 12 /tmp/shared", Some("/tmp/shared"));
        check("7f00-7f01 rw-s 00000000 fe:00 12 /usr/lib/x", Some("/usr/lib/x"));
    }
}
