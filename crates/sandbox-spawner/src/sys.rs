//! System calls that have no safe wrapper elsewhere, each as thin as it can be.

use std::ffi::{CStr, c_int, c_long, c_ulong};
use std::io;
use std::net::SocketAddrV4;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

/// What a `clone` returned: the child sees `Child`.
pub(crate) enum Forked {
    Child,
    Parent { pid: i32, pidfd: Option<OwnedFd> },
}

fn check(result: c_long) -> io::Result<c_long> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Forks with `flags` of `clone`. The caller must have one thread only, as spawner and stockroom do.
pub(crate) fn fork(flags: c_int) -> io::Result<Forked> {
    let mut pidfd: c_int = -1;
    let all = (flags | libc::SIGCHLD) as c_ulong;
    // SAFETY: without CLONE_VM the child gets its own copy of the memory and, the stack being null,
    // continues on its copy of this very stack. The process has one thread, so no lock can be held by
    // another one. `pidfd` outlives the call.
    let pid = check(unsafe {
        libc::syscall(libc::SYS_clone, all, ptr::null::<u8>(), &raw mut pidfd, 0 as c_ulong, 0 as c_ulong)
    })?;
    if pid == 0 {
        return Ok(Forked::Child);
    }
    let pidfd = (flags & libc::CLONE_PIDFD != 0 && pidfd >= 0).then(|| {
        // SAFETY: the kernel has just opened this descriptor for us alone.
        unsafe { OwnedFd::from_raw_fd(pidfd) }
    });
    Ok(Forked::Parent { pid: pid as i32, pidfd })
}

/// `mount_setattr` on the mount that `fd` refers to, and on those below it if `recursive`.
pub(crate) fn mount_set_attributes(fd: BorrowedFd<'_>, set: u64, recursive: bool) -> io::Result<()> {
    let attributes = libc::mount_attr { attr_set: set, attr_clr: 0, propagation: 0, userns_fd: 0 };
    let flags = libc::AT_EMPTY_PATH | if recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: path is a valid empty string, `attributes` is valid for reads of the size given.
    check(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            fd.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    })?;
    Ok(())
}

/// Closes every descriptor from `first` on that is not in `keep`, which must be sorted.
pub(crate) fn close_all_but(first: RawFd, keep: &[RawFd]) {
    let mut start = first;
    for &fd in keep.iter().filter(|fd| **fd >= first) {
        close_range(start, fd - 1);
        start = fd + 1;
    }
    close_range(start, RawFd::MAX);
}

fn close_range(first: RawFd, last: RawFd) {
    if first > last {
        return;
    }
    // SAFETY: the owners of these descriptors never run again in this process: it is about to execute another
    // program, or is a fresh copy that drops none of what it inherited.
    unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
}

/// A `prctl` whose arguments are plain numbers.
pub(crate) fn prctl(option: c_int, argument: c_ulong) -> io::Result<()> {
    // SAFETY: callers pass options whose arguments are numbers, not addresses.
    check(c_long::from(unsafe { libc::prctl(option, argument, 0 as c_ulong, 0 as c_ulong, 0 as c_ulong) }))?;
    Ok(())
}

/// Removes every capability from the bounding set, so that no `exec` can bring one back.
pub(crate) fn drop_bounding_set() -> io::Result<()> {
    for capability in 0..64 {
        match prctl(libc::PR_CAPBSET_DROP, capability) {
            // The kernel knows no capability of this number: all are done.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => break,
            other => other?,
        }
    }
    Ok(())
}

pub(crate) fn set_user(uid: u32, gid: u32) -> io::Result<()> {
    drop_groups()?;
    set_only_user(uid, gid)
}

pub(crate) fn drop_groups() -> io::Result<()> {
    // SAFETY: no group is read; the raw call changes this thread only, which is the only one.
    check(unsafe { libc::syscall(libc::SYS_setgroups, 0, ptr::null::<libc::gid_t>()) })?;
    Ok(())
}

/// As [`set_user`], keeping the groups, which a user namespace may forbid to change.
pub(crate) fn set_only_user(uid: u32, gid: u32) -> io::Result<()> {
    // SAFETY: plain numbers; the raw calls change this thread only, which is the only one.
    unsafe {
        check(libc::syscall(libc::SYS_setresgid, gid, gid, gid))?;
        check(libc::syscall(libc::SYS_setresuid, uid, uid, uid))?;
    }
    Ok(())
}

/// Sets soft and hard limit, but never above the present hard limit: raising needs a capability that even
/// root may lack.
pub(crate) fn limit(resource: libc::__rlimit_resource_t, value: u64) -> io::Result<()> {
    let mut present = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `present` is valid for writes.
    check(c_long::from(unsafe { libc::getrlimit(resource, &raw mut present) }))?;
    let value = value.min(present.rlim_max);
    let wanted = libc::rlimit { rlim_cur: value, rlim_max: value };
    // SAFETY: `wanted` is valid for reads.
    check(c_long::from(unsafe { libc::setrlimit(resource, &raw const wanted) }))?;
    Ok(())
}

/// Installs a classic BPF program as system call filter.
pub(crate) fn install_filter(program: &[libc::sock_filter]) -> io::Result<()> {
    let length = u16::try_from(program.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let program = libc::sock_fprog { len: length, filter: program.as_ptr().cast_mut() };
    // SAFETY: the kernel copies the program, which is valid for reads of `len` instructions.
    check(unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program) })?;
    Ok(())
}

/// Replaces this process; returns only when that failed.
pub(crate) fn execute(program: &CStr, arguments: &[*const i8], environment: &[*const i8]) -> io::Error {
    // SAFETY: both arrays end with a null pointer and point to strings that outlive the call.
    unsafe { libc::execve(program.as_ptr(), arguments.as_ptr().cast(), environment.as_ptr().cast()) };
    io::Error::last_os_error()
}

/// Blocks or unblocks all signals of this process.
pub(crate) fn block_signals(blocked: bool) -> io::Result<()> {
    let how = if blocked { libc::SIG_BLOCK } else { libc::SIG_UNBLOCK };
    // SAFETY: `set` is valid for the whole call.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut set);
        check(c_long::from(libc::sigprocmask(how, &raw const set, ptr::null_mut())))?;
    }
    Ok(())
}

/// Sets every signal's disposition to its default: ignored signals would survive an `exec`.
pub(crate) fn reset_signals() {
    for signal in 1..=64 {
        // SAFETY: SIG_DFL runs no code of ours; failures concern SIGKILL, SIGSTOP and the C library's own.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

/// Waits for a blocked signal: its number and the process that sent it, 0 if that is outside this pid
/// namespace.
pub(crate) fn wait_signal() -> Option<(i32, i32)> {
    // SAFETY: both structures are valid for the whole call, and `si_pid` is set for every signal a process
    // sent.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut set);
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let signal = libc::sigwaitinfo(&raw const set, &raw mut info);
        (signal > 0).then(|| (signal, info.si_pid()))
    }
}

/// One `ioctl` whose argument is a plain number.
pub(crate) fn ioctl_number(fd: BorrowedFd<'_>, request: c_ulong, argument: c_ulong) -> io::Result<i32> {
    // SAFETY: callers pass requests whose argument is a number.
    check(c_long::from(unsafe { libc::ioctl(fd.as_raw_fd(), request as _, argument) }))
        .map(|value| value as i32)
}

/// One `ioctl` that reads or writes `argument`, which must be the structure `request` is defined with.
pub(crate) fn ioctl_with<T>(fd: BorrowedFd<'_>, request: c_ulong, argument: &mut T) -> io::Result<()> {
    // SAFETY: `argument` is valid for reads and writes; callers pair each request with its own structure.
    check(c_long::from(unsafe { libc::ioctl(fd.as_raw_fd(), request as _, ptr::from_mut(argument)) }))?;
    Ok(())
}

pub(crate) fn kill(pid: i32, signal: i32) {
    // SAFETY: plain numbers. A process that is gone already is what the caller wanted.
    unsafe { libc::kill(pid, signal) };
}

/// Collects one ended child if there is one: its pid and raw wait status.
pub(crate) fn reap(pid: i32, wait: bool) -> Option<(i32, i32)> {
    let mut status = 0;
    loop {
        // SAFETY: `status` is valid for writes.
        let reaped = unsafe { libc::waitpid(pid, &raw mut status, if wait { 0 } else { libc::WNOHANG }) };
        if reaped > 0 {
            return Some((reaped, status));
        }
        if reaped == 0 || io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
            return None;
        }
    }
}

/// Takes the descriptor `fd`, which nobody else in this process owns.
pub(crate) fn take_descriptor(fd: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: asking for flags has no effect beyond telling whether the descriptor is open.
    check(c_long::from(unsafe { libc::fcntl(fd, libc::F_GETFD) }))?;
    // SAFETY: it is open, and called once, at the start of a fresh process, for the descriptor its parent
    // passed.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Leaves without running anything of the process this one is a copy of.
pub(crate) fn exit_now(code: i32) -> ! {
    // SAFETY: `_exit` never returns and runs no handlers.
    unsafe { libc::_exit(code) }
}

/// Makes `to` another name of `from`; it stays open across `exec`.
pub(crate) fn duplicate(from: BorrowedFd<'_>, to: RawFd) -> io::Result<()> {
    // SAFETY: whoever owned descriptor `to` belongs to the process this one is a copy of and never runs here.
    check(c_long::from(unsafe { libc::dup2(from.as_raw_fd(), to) }))?;
    Ok(())
}

/// Keeps `fd` away from the low numbers that are about to be given to the program.
pub(crate) fn duplicate_high(fd: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    const FIRST_FREE: c_int = 10;
    // SAFETY: plain numbers.
    let high =
        check(c_long::from(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD_CLOEXEC, FIRST_FREE) }))?;
    // SAFETY: the kernel has just opened this descriptor for us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(high as RawFd) })
}

/// The version of landlock this kernel has.
pub(crate) fn landlock_version() -> io::Result<i64> {
    const VERSION: c_ulong = 1;
    // SAFETY: with this flag the kernel reads no memory of ours.
    check(unsafe {
        libc::syscall(libc::SYS_landlock_create_ruleset, ptr::null::<u8>(), 0 as c_ulong, VERSION)
    })
}

/// Has the kernel tell where datagrams received on `socket` were sent to.
pub(crate) fn tell_destinations(socket: BorrowedFd<'_>) -> io::Result<()> {
    let on: c_int = 1;
    // SAFETY: `on` is valid for reads of the size given.
    check(c_long::from(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_IP,
            libc::IP_RECVORIGDSTADDR,
            (&raw const on).cast(),
            size_of::<c_int>() as libc::socklen_t,
        )
    }))?;
    Ok(())
}

/// Receives one datagram from a socket that [`tell_destinations`] was called for: its length, who sent it and
/// where to.
pub(crate) fn receive_datagram(
    socket: BorrowedFd<'_>,
    buffer: &mut [u8],
) -> io::Result<(usize, SocketAddrV4, SocketAddrV4)> {
    let mut space = [0_u64; 8];
    // SAFETY: all zeroes is valid for both structures; every pointer in `message` is to something that
    // outlives the call, with its own length; the kernel's control messages are walked with its own macros,
    // and their data is read unaligned.
    unsafe {
        let mut sender: libc::sockaddr_in = std::mem::zeroed();
        let mut slice = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_name = (&raw mut sender).cast();
        message.msg_namelen = size_of::<libc::sockaddr_in>() as _;
        message.msg_iov = &raw mut slice;
        message.msg_iovlen = 1;
        message.msg_control = space.as_mut_ptr().cast();
        message.msg_controllen = size_of_val(&space) as _;
        let flags = libc::MSG_DONTWAIT;
        let length = check(libc::recvmsg(socket.as_raw_fd(), &raw mut message, flags) as c_long)?;
        let mut control = libc::CMSG_FIRSTHDR(&raw const message);
        while !control.is_null() {
            if (*control).cmsg_level == libc::SOL_IP && (*control).cmsg_type == libc::IP_ORIGDSTADDR {
                let to = libc::CMSG_DATA(control).cast::<libc::sockaddr_in>().read_unaligned();
                return Ok((length as usize, socket_address(&sender), socket_address(&to)));
            }
            control = libc::CMSG_NXTHDR(&raw const message, control);
        }
    }
    Err(io::Error::from(io::ErrorKind::InvalidData))
}

fn socket_address(address: &libc::sockaddr_in) -> SocketAddrV4 {
    SocketAddrV4::new(u32::from_be(address.sin_addr.s_addr).into(), u16::from_be(address.sin_port))
}
