//! Disks for `/tmp`: a sparse image without a name, behind a loop device, mounted nowhere yet.
//!
//! `/tmp` is disk in Lambda, not memory. Everything made here vanishes with its last user, even if all of us
//! are killed: the image file has no name and the loop device clears itself.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use rustix::fs::{AtFlags, Mode, OFlags, SeekFrom};

use crate::failure::{Failure, Result, Step};
use crate::mounts::{self, NO_DEVICES};
use crate::sys;

/// Freshly made file systems kept to copy from, one for each size asked for.
const TEMPLATES_MAX: usize = 16;
/// Two processes may be told the same free loop device; one of them has to ask again.
const LOOP_ATTEMPTS_MAX: usize = 64;

const LOOP_CTL_GET_FREE: libc::c_ulong = 0x4C82;
const LOOP_CONFIGURE: libc::c_ulong = 0x4C0A;
const LO_FLAGS_AUTOCLEAR: u32 = 4;
const LO_FLAGS_DIRECT_IO: u32 = 16;
/// `_IOR('X', 125, __u32)`: end a file system at once.
const FS_IOC_SHUTDOWN: libc::c_ulong = 0x8004_587D;
const SHUTDOWN_WITHOUT_FLUSH: u32 = 2;

/// `struct loop_config` of the kernel.
#[repr(C)]
struct LoopConfig {
    fd: u32,
    block_size: u32,
    info: LoopInfo,
    reserved: [u64; 8],
}

/// `struct loop_info64` of the kernel.
#[repr(C)]
struct LoopInfo {
    device: u64,
    inode: u64,
    rdevice: u64,
    offset: u64,
    size_limit: u64,
    number: u32,
    encrypt_type: u32,
    encrypt_key_size: u32,
    flags: u32,
    names: [u8; 128],
    key: [u8; 32],
    init: [u64; 2],
}

/// A disk in use: keeps its file system reachable after the sandbox is gone.
pub(crate) struct Disk {
    top: OwnedFd,
}

impl Disk {
    /// Throws the disk away without writing back what nobody will read.
    pub(crate) fn discard(self) {
        let mut how = SHUTDOWN_WITHOUT_FLUSH;
        // Without it the disk goes too, only slower.
        let _ = sys::ioctl_with(self.top.as_fd(), FS_IOC_SHUTDOWN, &mut how);
    }
}

/// Makes disks.
pub(crate) struct Disks {
    dir: PathBuf,
    templates: HashMap<u64, File>,
}

impl Disks {
    pub(crate) fn new(dir: PathBuf) -> Self {
        Self { dir, templates: HashMap::new() }
    }

    /// A new disk of `size` bytes, detached, and what keeps hold of it.
    pub(crate) fn make(&mut self, size: u64) -> Result<(OwnedFd, Disk)> {
        let image = self.image(size)?;
        let (device, _open) = attach_loop(&image)?;
        let options = [("source", device.as_str()), ("noinit_itable", ""), ("nodiscard", "")];
        let attributes = NO_DEVICES | libc::MOUNT_ATTR_NOATIME;
        let mount = mounts::new_filesystem("ext4", &options, attributes)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let top = rustix::fs::openat(&mount, ".", flags, Mode::empty()).step("open disk")?;
        rustix::fs::fchmod(&top, Mode::from_raw_mode(0o1777)).step("open disk to all")?;
        // A function expects an empty /tmp.
        let _ = rustix::fs::unlinkat(&top, "lost+found", AtFlags::REMOVEDIR);
        Ok((mount, Disk { top }))
    }

    /// A nameless file holding an empty file system of `size` bytes.
    fn image(&mut self, size: u64) -> Result<File> {
        if !self.templates.contains_key(&size) {
            if self.templates.len() >= TEMPLATES_MAX {
                self.templates.clear();
            }
            let template = self.make_template(size)?;
            self.templates.insert(size, template);
        }
        let image = OpenOptions::new()
            .read(true)
            .write(true)
            .mode(0o600)
            .custom_flags(libc::O_TMPFILE)
            .open(&self.dir)
            .step("make disk image")?;
        image.set_len(size).step("size disk image")?;
        copy_sparse(&self.templates[&size], &image).step("fill disk image")?;
        Ok(image)
    }

    fn make_template(&self, size: u64) -> Result<File> {
        let path = self.dir.join("template.img");
        let file = File::create(&path).step("make disk template")?;
        file.set_len(size).step("size disk template")?;
        // No journal: nothing here survives a crash anyway. No reserve: there is no root inside to use it.
        let status = Command::new("mkfs.ext4")
            .args(["-q", "-F", "-m", "0", "-b", "4096", "-O", "^has_journal,^resize_inode"])
            .args(["-E", "lazy_itable_init=1,nodiscard"])
            .arg(&path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        let opened = File::open(&path);
        let _ = fs::remove_file(&path);
        match status.step("run mkfs.ext4")?.success() {
            true => opened.step("open disk template"),
            false => Err(Failure::new("run mkfs.ext4", libc::EIO)),
        }
    }
}

/// Copies the parts of `from` that hold data.
fn copy_sparse(from: &File, to: &File) -> rustix::io::Result<()> {
    let mut position = 0;
    loop {
        let start = match rustix::fs::seek(from, SeekFrom::Data(position)) {
            Err(rustix::io::Errno::NXIO) => return Ok(()),
            other => other?,
        };
        let end = rustix::fs::seek(from, SeekFrom::Hole(start))?;
        let (mut offset_in, mut offset_out) = (start, start);
        while offset_in < end {
            let length = usize::try_from(end - offset_in).unwrap_or(usize::MAX);
            let copied =
                rustix::fs::copy_file_range(from, Some(&mut offset_in), to, Some(&mut offset_out), length)?;
            if copied == 0 {
                return Err(rustix::io::Errno::IO);
            }
        }
        position = end;
    }
}

/// Puts a loop device in front of `image`. It clears itself once neither the descriptor nor a mount uses it.
fn attach_loop(image: &File) -> Result<(String, File)> {
    let control =
        File::options().read(true).write(true).open("/dev/loop-control").step("open loop control")?;
    let mut last = Failure::new("attach loop device", libc::EBUSY);
    for _ in 0..LOOP_ATTEMPTS_MAX {
        let number = sys::ioctl_number(control.as_fd(), LOOP_CTL_GET_FREE, 0).step("find a loop device")?;
        let path = format!("/dev/loop{number}");
        let device =
            File::options().read(true).write(true).open(&path).step_with(|| format!("open {path}"))?;
        for flags in [LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO, LO_FLAGS_AUTOCLEAR] {
            match configure_loop(&device, image, flags) {
                Ok(()) => return Ok((path, device)),
                Err(error) => last = error,
            }
            // Somebody was quicker, or the folder's file system has no direct reads and writes.
            if last.errno == libc::EBUSY {
                break;
            }
        }
        if last.errno != libc::EBUSY {
            break;
        }
    }
    Err(last)
}

fn configure_loop(device: &File, image: &File, flags: u32) -> Result<()> {
    // SAFETY: all zeroes is a valid `loop_config`.
    let mut config: LoopConfig = unsafe { std::mem::zeroed() };
    config.fd = image.as_raw_fd() as u32;
    // Direct I/O needs the block size of the disk below; 4096 is a multiple of all in use.
    config.block_size = 4096;
    config.info.flags = flags;
    sys::ioctl_with(device.as_fd(), LOOP_CONFIGURE, &mut config).step("attach loop device")
}
