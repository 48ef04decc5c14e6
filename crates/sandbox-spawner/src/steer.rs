//! Steers connections to foreign addresses to two sockets of ours, whatever address and port they are for.
//!
//! A program of the kernel's `sk_lookup` kind decides, for one network namespace, which socket gets what
//! arrives. It is written in the kernel's instructions by hand: thirty of them need no compiler.

use std::ffi::{c_int, c_long, c_ulong};
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

const BPF_MAP_CREATE: c_int = 0;
const BPF_MAP_UPDATE_ELEM: c_int = 2;
const BPF_PROG_LOAD: c_int = 5;
const BPF_LINK_CREATE: c_int = 28;
const MAP_TYPE_SOCKMAP: u32 = 15;
const PROG_TYPE_SK_LOOKUP: u32 = 30;
const ATTACH_SK_LOOKUP: u32 = 36;
/// Helpers of the kernel, by number.
const MAP_LOOKUP_ELEM: i32 = 1;
const SK_RELEASE: i32 = 86;
const SK_ASSIGN: i32 = 124;

/// Offsets in `struct bpf_sk_lookup`.
const FAMILY: i16 = 8;
const PROTOCOL: i16 = 12;
const LOCAL_IP4: i16 = 40;

/// `union bpf_attr`, as much of it as is needed here.
#[repr(C, align(8))]
struct Attributes([u8; 72]);

impl Attributes {
    fn new(fields: &[(usize, u64, usize)]) -> Self {
        let mut bytes = [0; 72];
        for (at, value, length) in fields {
            bytes[*at..at + length].copy_from_slice(&value.to_le_bytes()[..*length]);
        }
        Self(bytes)
    }
}

/// From now on, and for as long as the descriptor given is open somewhere: whatever is for another address
/// than the loopback's and `own` goes to `tcp` or `udp`.
pub(crate) fn foreign_addresses(
    namespace: BorrowedFd<'_>,
    own: Ipv4Addr,
    tcp: BorrowedFd<'_>,
    udp: BorrowedFd<'_>,
) -> io::Result<OwnedFd> {
    let map = open(
        BPF_MAP_CREATE,
        &Attributes::new(&[(0, MAP_TYPE_SOCKMAP.into(), 4), (4, 4, 4), (8, 8, 4), (12, 2, 4)]),
    )?;
    for (key, socket) in [(0_u32, tcp), (1, udp)] {
        let value = socket.as_raw_fd() as u64;
        let (key, value) = (&raw const key as u64, &raw const value as u64);
        let attributes = Attributes::new(&[(0, fd(map.as_fd()), 4), (8, key, 8), (16, value, 8)]);
        call(BPF_MAP_UPDATE_ELEM, &attributes)?;
    }
    let program = program(own, map.as_raw_fd());
    let (instructions, license) = (program.as_ptr() as u64, c"Apache-2.0".as_ptr() as u64);
    let program = open(
        BPF_PROG_LOAD,
        &Attributes::new(&[
            (0, PROG_TYPE_SK_LOOKUP.into(), 4),
            (4, program.len() as u64, 4),
            (8, instructions, 8),
            (16, license, 8),
            (68, ATTACH_SK_LOOKUP.into(), 4),
        ]),
    )?;
    let attributes = Attributes::new(&[
        (0, fd(program.as_fd()), 4),
        (4, fd(namespace), 4),
        (8, ATTACH_SK_LOOKUP.into(), 4),
    ]);
    open(BPF_LINK_CREATE, &attributes)
}

fn fd(fd: BorrowedFd<'_>) -> u64 {
    fd.as_raw_fd() as u64
}

fn call(command: c_int, attributes: &Attributes) -> io::Result<c_long> {
    // SAFETY: the kernel reads the structure's whole length, and the addresses in it are of values that
    // outlive the call.
    let result = unsafe {
        libc::syscall(libc::SYS_bpf, command, attributes.0.as_ptr(), size_of::<Attributes>() as c_ulong)
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

fn open(command: c_int, attributes: &Attributes) -> io::Result<OwnedFd> {
    let fd = call(command, attributes)?;
    // SAFETY: callers pass commands that open a descriptor, for us alone; the kernel closes it on exec.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as c_int) })
}

/// One instruction: operation, destination and source register, offset, immediate value.
fn instruction(operation: u8, to: u8, from: u8, offset: i16, value: i32) -> u64 {
    u64::from(operation)
        | (u64::from(to | (from << 4)) << 8)
        | (u64::from(offset as u16) << 16)
        | (u64::from(value as u32) << 32)
}

fn program(own: Ipv4Addr, map: i32) -> Vec<u64> {
    let load = |to, from, offset| instruction(0x61, to, from, offset, 0);
    let copy = |to, from| instruction(0xBF, to, from, 0, 0);
    let set = |to, value| instruction(0xB4, to, 0, 0, value);
    let call = |helper| instruction(0x85, 0, 0, 0, helper);
    let exit = instruction(0x95, 0, 0, 0, 0);
    let jump_if_equal = |register, value, offset| instruction(0x15, register, 0, offset, value);
    let jump_unless_equal = |register, value, offset| instruction(0x55, register, 0, offset, value);
    vec![
        // Register 6 keeps the question. Other families, the loopback and the own address: as ever.
        copy(6, 1),
        load(2, 6, FAMILY),
        jump_unless_equal(2, libc::AF_INET, 25),
        load(2, 6, LOCAL_IP4),
        set(3, i32::from_le_bytes(own.octets())),
        instruction(0x1D, 2, 3, 22, 0),
        instruction(0x57, 2, 0, 0, 0xFF),
        jump_if_equal(2, 127, 20),
        // The first socket for TCP, the second for UDP.
        set(3, 0),
        load(2, 6, PROTOCOL),
        jump_if_equal(2, libc::IPPROTO_TCP, 1),
        set(3, 1),
        instruction(0x63, 10, 3, -4, 0),
        instruction(0x18, 1, 1, 0, map),
        0,
        copy(2, 10),
        instruction(0x07, 2, 0, 0, -4),
        call(MAP_LOOKUP_ELEM),
        // Nobody there any more: refuse.
        jump_unless_equal(0, 0, 2),
        set(0, 0),
        exit,
        copy(7, 0),
        copy(1, 6),
        copy(2, 7),
        set(3, 0),
        call(SK_ASSIGN),
        copy(1, 7),
        call(SK_RELEASE),
        set(0, 1),
        exit,
    ]
}
