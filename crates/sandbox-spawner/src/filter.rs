//! The system call filter: what a function has no use for, and an attacker has, is refused.
//!
//! Written as classic BPF by hand, because it needs several answers (`EPERM`, `ENOSYS`, `EAFNOSUPPORT`) and
//! no library for it gives that in one program. Calls refused or allowed whatever their arguments cost
//! nothing at run time: the kernel remembers the answer.

use libc::sock_filter;

use crate::failure::{Failure, Result};

const RETURN_ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
const RETURN_KILL: u32 = libc::SECCOMP_RET_KILL_PROCESS;

/// Offsets in `struct seccomp_data`.
const OFFSET_NUMBER: u32 = 0;
const OFFSET_ARCHITECTURE: u32 = 4;

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xC000_003E;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xC000_00B7;
/// Set in the numbers of x86's third calling convention, which would slip past comparisons.
const X32_BIT: u32 = 0x4000_0000;

/// Flags of `clone` that make namespaces.
const CLONE_NAMESPACES: u32 = 0x7E02_0000;

/// Always refused with `EPERM`.
const DENIED: &[libc::c_long] = &[
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_unshare,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_bpf,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_syslog,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_open_by_handle_at,
    libc::SYS_name_to_handle_at,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_vhangup,
    libc::SYS_lookup_dcookie,
    libc::SYS_move_pages,
    libc::SYS_migrate_pages,
    libc::SYS_mbind,
    libc::SYS_set_mempolicy,
    libc::SYS_fanotify_init,
    libc::SYS_nfsservctl,
];
#[cfg(target_arch = "x86_64")]
const DENIED_HERE: &[libc::c_long] = &[
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
    libc::SYS_uselib,
    libc::SYS__sysctl,
    libc::SYS_ustat,
    libc::SYS_sysfs,
];
#[cfg(not(target_arch = "x86_64"))]
const DENIED_HERE: &[libc::c_long] = &[];

/// Terminal requests that put input into another process's terminal.
const DENIED_IOCTLS: [u32; 2] = [0x5412, 0x541C];
/// Personalities that change nothing of importance, and the query.
const PERSONALITIES: [u32; 4] = [0, 0x0008, 0x0002_0000, 0xFFFF_FFFF];

/// The finished program; made once and installed by every child.
pub(crate) fn program() -> Result<Vec<sock_filter>> {
    let mut program = vec![
        load(OFFSET_ARCHITECTURE),
        jump_if_equal(ARCHITECTURE, 1, 0),
        answer(RETURN_KILL),
        load(OFFSET_NUMBER),
        jump_if_at_least(X32_BIT, 0, 1),
        answer(refuse(libc::ENOSYS)),
    ];
    // Its flags are in memory, which a filter cannot read; C libraries fall back to `clone`.
    for_call(&mut program, libc::SYS_clone3, &[answer(refuse(libc::ENOSYS))])?;
    for number in DENIED.iter().chain(DENIED_HERE) {
        for_call(&mut program, *number, &[answer(refuse(libc::EPERM))])?;
    }
    // Without a tracer the answer is `ENOSYS`. The only tracer there can be is the keeper, which moves copies of a
    // snapshot into their own namespaces; nothing inside can trace.
    for_call(&mut program, libc::SYS_setns, &[answer(libc::SECCOMP_RET_TRACE)])?;
    let namespaces = [
        load(argument(0)),
        jump_if_any_bit(CLONE_NAMESPACES, 0, 1),
        answer(refuse(libc::EPERM)),
        answer(RETURN_ALLOW),
    ];
    for_call(&mut program, libc::SYS_clone, &namespaces)?;
    for_call(&mut program, libc::SYS_socket, &sockets())?;
    for_call(&mut program, libc::SYS_socketpair, &sockets())?;
    for_call(&mut program, libc::SYS_ioctl, &one_of(1, &DENIED_IOCTLS, refuse(libc::EPERM), RETURN_ALLOW))?;
    let personality = one_of(0, &PERSONALITIES, RETURN_ALLOW, refuse(libc::EPERM));
    for_call(&mut program, libc::SYS_personality, &personality)?;
    program.push(answer(RETURN_ALLOW));
    Ok(program)
}

/// Internet and local sockets, and netlink for routing alone: `getifaddrs` needs it.
fn sockets() -> Vec<sock_filter> {
    let families = [libc::AF_UNIX as u32, libc::AF_INET as u32, libc::AF_INET6 as u32];
    let mut rules = vec![load(argument(0))];
    for family in families {
        rules.extend([jump_if_equal(family, 0, 1), answer(RETURN_ALLOW)]);
    }
    rules.extend([
        jump_if_equal(libc::AF_NETLINK as u32, 1, 0),
        answer(refuse(libc::EAFNOSUPPORT)),
        load(argument(2)),
        jump_if_equal(libc::NETLINK_ROUTE as u32, 0, 1),
        answer(RETURN_ALLOW),
        answer(refuse(libc::EAFNOSUPPORT)),
    ]);
    rules
}

/// `then` if the low half of an argument is one of `values`, else `otherwise`.
fn one_of(index: u32, values: &[u32], then: u32, otherwise: u32) -> Vec<sock_filter> {
    let mut rules = vec![load(argument(index))];
    for value in values {
        rules.extend([jump_if_equal(*value, 0, 1), answer(then)]);
    }
    rules.push(answer(otherwise));
    rules
}

/// Appends `rules`, which all end in an answer, for the system call `number`. The number stays loaded for
/// the next.
fn for_call(program: &mut Vec<sock_filter>, number: libc::c_long, rules: &[sock_filter]) -> Result<()> {
    let build = || Failure::new("build the system call filter", libc::EINVAL);
    let number = u32::try_from(number).map_err(|_| build())?;
    let skip = u8::try_from(rules.len()).map_err(|_| build())?;
    program.push(jump_if_equal(number, 0, skip));
    program.extend_from_slice(rules);
    Ok(())
}

/// Offset of the low half of an argument; both architectures are little-endian. The kernel reads flags,
/// families and requests of these calls as 32 bits, so the high half cannot smuggle anything in.
fn argument(index: u32) -> u32 {
    16 + 8 * index
}

fn refuse(errno: i32) -> u32 {
    libc::SECCOMP_RET_ERRNO | errno as u32
}

fn load(offset: u32) -> sock_filter {
    instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, offset)
}

fn answer(value: u32) -> sock_filter {
    instruction(libc::BPF_RET | libc::BPF_K, 0, 0, value)
}

fn jump_if_equal(value: u32, then: u8, otherwise: u8) -> sock_filter {
    instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, then, otherwise, value)
}

fn jump_if_at_least(value: u32, then: u8, otherwise: u8) -> sock_filter {
    instruction(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, then, otherwise, value)
}

fn jump_if_any_bit(bits: u32, then: u8, otherwise: u8) -> sock_filter {
    instruction(libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K, then, otherwise, bits)
}

fn instruction(code: u32, jt: u8, jf: u8, k: u32) -> sock_filter {
    sock_filter { code: code as u16, jt, jf, k }
}
