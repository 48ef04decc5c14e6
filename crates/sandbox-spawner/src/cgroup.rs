//! Control groups: v1, v2 and both at once, as the host has them.
//!
//! Limits come from whichever version has the controller. Freezing and killing go through v2 where it is
//! mounted, even without controllers: one write each, where v1 needs a loop.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use sandbox::Spec;
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Result, Step};
use crate::sys;

/// Lambda accounts processor time in slices of this length; a longer one would stall small functions for
/// longer.
const CPU_PERIOD_US: u64 = 20_000;
/// The kernel refuses a smaller quota.
const CPU_QUOTA_US_MIN: u64 = 1000;
const WANTED: [&str; 5] = ["memory", "cpu", "cpuacct", "pids", "freezer"];

/// Where the groups of this spawner live.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Layout {
    /// v1 controllers, each with our folder in its hierarchy. Several may share one.
    v1: BTreeMap<String, PathBuf>,
    /// Our folder in the v2 hierarchy.
    v2: Option<PathBuf>,
    /// Controllers that v2 gives.
    v2_controllers: Vec<String>,
}

/// The files that steer one group; opened by daemon and spawner alike.
#[derive(Debug, Clone)]
pub(crate) struct Group<'a> {
    layout: &'a Layout,
    name: &'a str,
}

impl Layout {
    /// Finds what the host has and makes a folder named `name` for our groups. Says what is missing.
    pub(crate) fn find(name: &str) -> (Self, Vec<String>) {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let mut layout = Self::default();
        let mut caveats = Vec::new();
        for mount in mounts.lines().filter_map(Mount::parse) {
            let Some(own_dir) = mount.own_dir(&own) else { continue };
            let dir = own_dir.join(name);
            let controllers = match mount.version {
                Version::One => {
                    WANTED.into_iter().filter(|wanted| mount.options.iter().any(|o| o == wanted)).collect()
                }
                Version::Two => Vec::new(),
            };
            if mount.version == Version::One && controllers.is_empty() {
                continue;
            }
            if let Err(error) = make_dir(&dir) {
                caveats.push(format!("cgroup folder {} cannot be made: {error}", dir.display()));
                continue;
            }
            if mount.version == Version::Two {
                layout.v2_controllers = enable_controllers(&own_dir, &dir);
                layout.v2 = Some(dir);
                continue;
            }
            for controller in controllers {
                layout.v1.insert(controller.to_owned(), dir.clone());
            }
        }
        for (controller, what) in [
            ("memory", "memory is not limited"),
            ("cpu", "no cpu share"),
            ("pids", "processes are not counted"),
        ] {
            if !layout.has(controller) {
                caveats.push(format!("no cgroup controller {controller}: {what}"));
            }
        }
        (layout, caveats)
    }

    pub fn has(&self, controller: &str) -> bool {
        self.v1.contains_key(controller) || self.v2_controllers.iter().any(|given| given == controller)
    }

    pub fn can_freeze(&self) -> bool {
        self.v2.is_some() || self.v1.contains_key("freezer")
    }

    /// Whether processor time used can be told.
    pub fn tells_usage(&self) -> bool {
        self.has("memory") && (self.v2.is_some() || self.has("cpuacct"))
    }

    /// Which version gives what, for people.
    pub(crate) fn describe(&self) -> String {
        let names = |names: Vec<&str>| if names.is_empty() { "none".to_owned() } else { names.join(" ") };
        let v1 = names(self.v1.keys().map(String::as_str).collect());
        let v2 = match &self.v2 {
            None => "not there".to_owned(),
            Some(_) => names(self.v2_controllers.iter().map(String::as_str).collect()),
        };
        format!("v1 controllers: {v1}; v2 controllers: {v2}")
    }

    /// Whether there is anything to put a sandbox into.
    pub(crate) fn is_empty(&self) -> bool {
        self.folders().is_empty()
    }

    pub(crate) fn group<'a>(&'a self, name: &'a str) -> Group<'a> {
        Group { layout: self, name }
    }

    /// Our folders, each once.
    fn folders(&self) -> Vec<&Path> {
        let mut folders: Vec<&Path> = Vec::new();
        for dir in self.v1.values().chain(&self.v2) {
            // With v2 there, v1's freezer is not needed: one group less to make for each sandbox.
            let only_freezer = self.v2.is_some() && self.v1.get("freezer") == Some(dir);
            let only_accounting = self.v2.is_some() && self.v1.get("cpuacct") == Some(dir);
            let shared = self.v1.values().filter(|other| *other == dir).count() > 1;
            if (!(only_freezer || only_accounting) || shared) && !folders.contains(&dir.as_path()) {
                folders.push(dir);
            }
        }
        folders
    }

    /// Names of groups that exist, from whichever folder has them.
    pub(crate) fn groups(&self) -> Vec<String> {
        let mut names = Vec::new();
        for folder in self.folders() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) && !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        names
    }

    /// Removes our folders; they must hold no groups any more.
    pub(crate) fn remove(&self) {
        for dir in self.v1.values().chain(&self.v2) {
            let _ = fs::remove_dir(dir);
        }
    }

    /// A file of `controller`, and whether it is v2's.
    fn file(&self, controller: &str, group: &str, v1: &str, v2: &str) -> Option<PathBuf> {
        if let Some(dir) = self.v1.get(controller) {
            return (!v1.is_empty()).then(|| dir.join(group).join(v1));
        }
        let dir = self.v2.as_ref().filter(|_| self.has(controller))?;
        (!v2.is_empty()).then(|| dir.join(group).join(v2))
    }
}

impl Group<'_> {
    pub(crate) fn create(&self) -> Result<()> {
        for folder in self.layout.folders() {
            fs::create_dir(folder.join(self.name)).step("make cgroup")?;
        }
        Ok(())
    }

    /// Removes the group where no process is left in it; tells whether it is gone everywhere.
    pub(crate) fn remove(&self) -> bool {
        let gone = |folder: &&Path| match fs::remove_dir(folder.join(self.name)) {
            Ok(()) => true,
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        };
        self.layout.folders().iter().filter(|folder| !gone(folder)).count() == 0
    }

    /// What a process writes "0" to, to enter the group.
    pub(crate) fn entrances(&self) -> Result<Vec<File>> {
        let open = |folder: &Path| {
            OpenOptions::new()
                .write(true)
                .open(folder.join(self.name).join("cgroup.procs"))
                .step("open cgroup")
        };
        self.layout.folders().into_iter().map(open).collect()
    }

    pub(crate) fn set_processes(&self, spec: &Spec) -> Result<()> {
        // One more for the sandbox's own first process.
        let processes = spec.limits.processes.saturating_add(1);
        self.set("pids", "pids.max", "pids.max", processes)
    }

    /// Gives everybody else the processor first, or not.
    pub(crate) fn set_humble(&self, humble: bool) -> Result<()> {
        let v1 = self.layout.v1.contains_key("cpu");
        let weight = match (v1, humble) {
            (true, true) => 2,
            (true, false) => 1024,
            (false, true) => 1,
            (false, false) => 100,
        };
        self.set("cpu", "cpu.shares", "cpu.weight", weight)
    }

    pub(crate) fn set_limits(&self, spec: &Spec) -> Result<()> {
        self.set_processes(spec)?;
        self.set("memory", "memory.limit_in_bytes", "memory.max", spec.memory_bytes)?;
        if self.layout.v1.contains_key("memory") {
            // Memory and swap together; absent where the kernel does not count swap.
            let _ = self.set("memory", "memory.memsw.limit_in_bytes", "", spec.memory_bytes);
        } else {
            let _ = self.set("memory", "", "memory.swap.max", 0);
            let _ = self.set("memory", "", "memory.oom.group", 1);
        }
        Ok(())
    }

    fn set(&self, controller: &str, v1: &str, v2: &str, value: u64) -> Result<()> {
        let Some(path) = self.layout.file(controller, self.name, v1, v2) else { return Ok(()) };
        write_file(&path, &value.to_string()).step_with(|| format!("limit {controller}"))
    }

    /// Gives the group `millis` thousandths of a core, or all there is.
    pub(crate) fn set_cpu(&self, millis: Option<u32>) -> io::Result<()> {
        let Some(path) = self.layout.file("cpu", self.name, "cpu.cfs_quota_us", "cpu.max") else {
            return Ok(());
        };
        let v1 = self.layout.v1.contains_key("cpu");
        let dir = path.parent().unwrap_or(Path::new("/"));
        let Some(millis) = millis else {
            return write_file(&path, if v1 { "-1" } else { "max" });
        };
        // A share too small for the usual period gets a longer one.
        let millis = u64::from(millis.max(1));
        let period = CPU_PERIOD_US.max((CPU_QUOTA_US_MIN * 1000).div_ceil(millis)).min(1_000_000);
        let quota = (period * millis / 1000).max(CPU_QUOTA_US_MIN);
        if v1 {
            write_file(&dir.join("cpu.cfs_period_us"), &period.to_string())?;
            write_file(&path, &quota.to_string())?;
        } else {
            write_file(&path, &format!("{quota} {period}"))?;
        }
        // What was left unused in one period may be used in the next; older kernels have no such file.
        let burst = if v1 { "cpu.cfs_burst_us" } else { "cpu.max.burst" };
        let _ = write_file(&dir.join(burst), &quota.to_string());
        Ok(())
    }

    pub(crate) fn freeze(&self, frozen: bool) -> io::Result<()> {
        if let Some(dir) = &self.layout.v2 {
            return write_file(&dir.join(self.name).join("cgroup.freeze"), if frozen { "1" } else { "0" });
        }
        match self.layout.v1.get("freezer") {
            Some(dir) => {
                let state = if frozen { "FROZEN" } else { "THAWED" };
                write_file(&dir.join(self.name).join("freezer.state"), state)
            }
            None => Err(io::Error::from(io::ErrorKind::Unsupported)),
        }
    }

    /// Kills every process in the group.
    pub(crate) fn kill(&self) {
        if let Some(dir) = &self.layout.v2
            && write_file(&dir.join(self.name).join("cgroup.kill"), "1").is_ok()
        {
            return;
        }
        for folder in self.layout.folders() {
            let processes =
                fs::read_to_string(folder.join(self.name).join("cgroup.procs")).unwrap_or_default();
            processes
                .lines()
                .filter_map(|pid| pid.parse().ok())
                .for_each(|pid| sys::kill(pid, libc::SIGKILL));
        }
        // A process frozen by v1 dies only when thawed.
        let _ = self.freeze(false);
    }

    /// How often the kernel killed a process here for want of memory.
    pub(crate) fn out_of_memory_kills(&self) -> u64 {
        let path = self.layout.file("memory", self.name, "memory.oom_control", "memory.events");
        path.and_then(|path| keyed_value(&path, "oom_kill")).unwrap_or(0)
    }

    /// Becomes readable when the group has run out of memory. v2 needs none: it kills the group as a whole.
    pub(crate) fn out_of_memory_event(&self) -> Option<OwnedFd> {
        let dir = self.layout.v1.get("memory")?.join(self.name);
        let flags = rustix::event::EventfdFlags::CLOEXEC | rustix::event::EventfdFlags::NONBLOCK;
        let event = rustix::event::eventfd(0, flags).ok()?;
        let control = File::open(dir.join("memory.oom_control")).ok()?;
        let text = format!("{} {}", event.as_raw_fd(), control.as_raw_fd());
        write_file(&dir.join("cgroup.event_control"), &text).ok()?;
        Some(event)
    }

    pub(crate) fn memory_now(&self) -> Option<u64> {
        self.number("memory", "memory.usage_in_bytes", "memory.current")
    }

    /// The file that tells the most memory that was in use; read with [`number_in`].
    pub(crate) fn memory_peak_file(&self) -> Option<File> {
        let path = self.layout.file("memory", self.name, "memory.max_usage_in_bytes", "memory.peak")?;
        File::open(path).ok()
    }

    /// Lets the peak start anew; v2 can do so only for one open file, not for every reader.
    pub(crate) fn reset_memory_peak(&self) -> io::Result<bool> {
        match self.layout.file("memory", self.name, "memory.max_usage_in_bytes", "") {
            Some(path) => write_file(&path, "0").map(|()| true),
            None => Ok(false),
        }
    }

    pub(crate) fn cpu_time_us(&self) -> Option<u64> {
        if let Some(dir) = &self.layout.v2 {
            // Counted by v2 even without the controller.
            return keyed_value(&dir.join(self.name).join("cpu.stat"), "usage_usec");
        }
        self.number("cpuacct", "cpuacct.usage", "").map(|nanoseconds| nanoseconds / 1000)
    }

    fn number(&self, controller: &str, v1: &str, v2: &str) -> Option<u64> {
        let path = self.layout.file(controller, self.name, v1, v2)?;
        fs::read_to_string(path).ok()?.trim().parse().ok()
    }
}

/// The number that a group's open file holds now.
pub(crate) fn number_in(file: &File) -> Option<u64> {
    let mut text = [0; 24];
    let count = file.read_at(&mut text, 0).ok()?;
    std::str::from_utf8(&text[..count]).ok()?.trim().parse().ok()
}

#[derive(PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// One mounted hierarchy.
struct Mount<'a> {
    version: Version,
    /// Which part of the hierarchy is mounted.
    root: &'a str,
    point: &'a str,
    options: Vec<&'a str>,
}

impl<'a> Mount<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (left, right) = line.split_once(" - ")?;
        let left: Vec<_> = left.split(' ').collect();
        let right: Vec<_> = right.split(' ').collect();
        let version = match *right.first()? {
            "cgroup" => Version::One,
            "cgroup2" => Version::Two,
            _ => return None,
        };
        Some(Self {
            version,
            root: left.get(3)?,
            point: left.get(4)?,
            options: right.get(2)?.split(',').collect(),
        })
    }

    /// The folder of the group this process is in, given `/proc/self/cgroup`.
    fn own_dir(&self, own: &str) -> Option<PathBuf> {
        let path = own.lines().find_map(|line| {
            let mut fields = line.splitn(3, ':').skip(1);
            let controllers = fields.next()?;
            let path = fields.next()?;
            let ours = match self.version {
                Version::Two => controllers.is_empty(),
                Version::One => {
                    !controllers.is_empty() && controllers.split(',').all(|one| self.options.contains(&one))
                }
            };
            ours.then_some(path)
        })?;
        let below = path.strip_prefix(self.root.trim_end_matches('/'))?;
        Some(Path::new(self.point).join(below.trim_start_matches('/')))
    }
}

/// Passes v2's controllers on to `dir` and its groups; gives those that arrived.
fn enable_controllers(own_dir: &Path, dir: &Path) -> Vec<String> {
    let available = fs::read_to_string(own_dir.join("cgroup.controllers")).unwrap_or_default();
    let wanted: Vec<_> = available.split_whitespace().filter(|name| WANTED.contains(name)).collect();
    if wanted.is_empty() {
        return Vec::new();
    }
    let text = wanted.iter().map(|name| format!("+{name}")).collect::<Vec<_>>().join(" ");
    let control = own_dir.join("cgroup.subtree_control");
    if write_file(&control, &text).is_err() {
        // Only a group without processes may pass controllers on: ours move into one beside the sandboxes'.
        let aside = own_dir.join("lambent-host");
        let _ = make_dir(&aside);
        let processes = fs::read_to_string(own_dir.join("cgroup.procs")).unwrap_or_default();
        for process in processes.lines() {
            let _ = write_file(&aside.join("cgroup.procs"), process);
        }
        let _ = write_file(&control, &text);
    }
    let _ = write_file(&dir.join("cgroup.subtree_control"), &text);
    let arrived = fs::read_to_string(dir.join("cgroup.subtree_control")).unwrap_or_default();
    arrived.split_whitespace().map(str::to_owned).collect()
}

fn make_dir(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

/// Writes in one piece and without creating: control files take nothing else.
fn write_file(path: &Path, text: &str) -> io::Result<()> {
    OpenOptions::new().write(true).open(path)?.write_all(text.as_bytes())
}

/// The value of one line `key value`.
fn keyed_value(path: &Path, key: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ').map(str::trim))?;
    line.parse().ok()
}

/// Takes apart groups that a killed predecessor left in our folders.
pub(crate) fn sweep(layout: &Layout) -> Result<()> {
    for name in layout.groups() {
        let group = layout.group(&name);
        group.kill();
        if !group.remove() && !wait_until_empty(layout, &name) {
            return Err(Failure::new(format!("remove stale cgroup {name}"), libc::EBUSY));
        }
    }
    Ok(())
}

/// Waits for killed processes to leave the group, then removes it.
pub(crate) fn wait_until_empty(layout: &Layout, name: &str) -> bool {
    /// Far longer than the kernel takes to end processes it has killed.
    const ATTEMPTS: usize = 500;
    const PAUSE_NS: i64 = 10_000_000;
    let group = layout.group(name);
    for _ in 0..ATTEMPTS {
        if group.remove() {
            return true;
        }
        // Nothing tells when the last process has left a v1 group; this runs in the stockroom, where waiting
        // delays nobody.
        let pause = rustix::thread::Timespec { tv_sec: 0, tv_nsec: PAUSE_NS };
        let _ = rustix::thread::nanosleep(&pause);
    }
    false
}

#[cfg(test)]
mod tests {
    use super::Mount;
    use std::path::Path;

    fn check(mount: &str, own: &str, expected: Option<&str>) {
        let mount = Mount::parse(mount).expect("a cgroup mount");
        assert_eq!(mount.own_dir(own).as_deref(), expected.map(Path::new));
    }

    #[test]
    fn own_group_is_found_in_every_layout() {
        let hybrid = "4:memory:/a/b\n1:cpu,cpuacct:/\n0::/user.slice\n";
        let at = |kind: &str, root: &str, options: &str| {
            format!("35 31 0:32 {root} /sys/fs/cgroup/x rw,relatime - {kind} cgroup rw,{options}")
        };
        check(&at("cgroup", "/", "memory"), hybrid, Some("/sys/fs/cgroup/x/a/b"));
        check(&at("cgroup", "/", "cpu,cpuacct"), hybrid, Some("/sys/fs/cgroup/x"));
        check(&at("cgroup2", "/", ""), hybrid, Some("/sys/fs/cgroup/x/user.slice"));
        // In a container only its own part is mounted.
        check(&at("cgroup", "/a", "memory"), hybrid, Some("/sys/fs/cgroup/x/b"));
        check(&at("cgroup", "/other", "memory"), hybrid, None);
        check(&at("cgroup", "/", "pids"), hybrid, None);
    }
}
