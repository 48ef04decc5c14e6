//! What `/proc/PID/environ` shows of a program that was started ahead: the memory that its first environment lies in.
//!
//! The program has let go of that memory before it says that it is ready, so the environment that it is claimed with
//! can be written there, and who looks finds no other.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;

use crate::failure::{Failure, Result, Step};
use crate::init;

/// Room for what environments have at most, of which AWS lets a function itself have 4 KB.
pub(crate) const ROOM_BYTES: usize = 12 * 1024;
/// Where `/proc/PID/stat` has the first address and the one after the last, counted after the program's name.
const FIELDS: (usize, usize) = (47, 48);

pub(crate) struct Shown {
    memory: File,
    start: u64,
    length: usize,
}

impl Shown {
    /// Of the one program below the first process `pid`.
    pub(crate) fn open(pid: i32) -> Result<Self> {
        let [program] = init::children(&pid.to_string())[..] else {
            return Err(Failure::new("find the program started ahead", libc::ESRCH));
        };
        let stat =
            fs::read_to_string(format!("/proc/{program}/stat")).step("look at the program's memory")?;
        let after_name = stat.rsplit(") ").next().unwrap_or_default();
        let fields: Vec<&str> = after_name.split(' ').collect();
        let field = |at: usize| fields.get(at).and_then(|text| text.trim().parse::<u64>().ok());
        let (start, end) = field(FIELDS.0)
            .zip(field(FIELDS.1))
            .filter(|(start, end)| start < end)
            .ok_or_else(|| Failure::new("find the program's environment", libc::EINVAL))?;
        let memory = OpenOptions::new().write(true).open(format!("/proc/{program}/mem"));
        let memory = memory.step("open the program's memory")?;
        Ok(Self { memory, start, length: usize::try_from(end - start).unwrap_or(0) })
    }

    /// Shows `environment`, in which each variable is ended by a zero byte, and zero bytes behind it.
    pub(crate) fn write(&self, environment: &[u8]) -> Result<()> {
        if environment.len() > self.length {
            return Err(Failure::new("show so large an environment", libc::E2BIG));
        }
        let mut text = environment.to_vec();
        text.resize(self.length, 0);
        self.memory.write_all_at(&text, self.start).step("show the environment")
    }
}
