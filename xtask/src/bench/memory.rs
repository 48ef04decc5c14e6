//! What one more idle environment of Python takes of the memory, beside a bare interpreter's.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::{Platform, deploy, http, invoke_path, python_runtime};
use crate::Error;

/// Takes long enough that so many clients need so many environments.
const SOURCE: &str = "import time\n\n\ndef lambda_handler(event, context):\n    time.sleep(0.1)\n";
const FEW: usize = 8;
const MANY: usize = 24;

/// Proportional set size of one more environment, all of its processes, and of one more bare interpreter, in KiB.
pub fn of_one_more(platform: &Platform, lambent: &Path, work: &Path) -> Result<(u64, u64), Error> {
    let source = work.join("memory");
    fs::create_dir_all(&source)?;
    fs::write(source.join("lambda_function.py"), SOURCE)?;
    let name = "memory-python";
    deploy(lambent, platform, name, &source, &python_runtime()?)?;
    let mut held = [0; 2];
    for (clients, held) in [FEW, MANY].into_iter().zip(&mut held) {
        http::throughput(
            &platform.address,
            clients,
            Duration::from_secs(3),
            "POST",
            &invoke_path(name),
            b"{}",
        )?;
        *held = proportional_kib(&below(platform.child.id())?);
    }
    let environment = held[1].saturating_sub(held[0]) / (MANY - FEW) as u64;

    let mut bare = Vec::<Child>::new();
    let mut interpreters = || -> Result<[u64; 2], Error> {
        let mut held = [0; 2];
        for (count, held) in [FEW, MANY].into_iter().zip(&mut held) {
            while bare.len() < count {
                let mut command = Command::new("/usr/bin/python3");
                command.args(["-I", "-S", "-c", "print(flush=True); input()"]).env_clear();
                let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
                let mut line = [0; 1];
                std::io::Read::read_exact(child.stdout.as_mut().ok_or("it prints")?, &mut line)?;
                bare.push(child);
            }
            *held = proportional_kib(&bare.iter().map(Child::id).collect::<Vec<_>>());
        }
        Ok(held)
    };
    let held = interpreters();
    for child in &mut bare {
        child.kill()?;
        child.wait()?;
    }
    let held = held?;
    Ok((environment, held[1].saturating_sub(held[0]) / (MANY - FEW) as u64))
}

/// Every process below one.
pub(super) fn below(pid: u32) -> Result<Vec<u32>, Error> {
    let mut children = HashMap::<u32, Vec<u32>>::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        let parent = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(1)?.parse().ok());
        children.entry(parent.unwrap_or_default()).or_default().push(pid);
    }
    let (mut found, mut next) = (Vec::new(), vec![pid]);
    while let Some(parent) = next.pop() {
        let here = children.remove(&parent).unwrap_or_default();
        found.extend(&here);
        next.extend(here);
    }
    Ok(found)
}

pub(super) fn proportional_kib(pids: &[u32]) -> u64 {
    sum_kib(pids, "Pss:")
}

/// Of pages that no other process has.
pub(super) fn private_kib(pids: &[u32]) -> u64 {
    sum_kib(pids, "Private_Clean:") + sum_kib(pids, "Private_Dirty:")
}

fn sum_kib(pids: &[u32], field: &str) -> u64 {
    let of_one = |pid: &u32| {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix(field))?;
        line.trim().trim_end_matches(" kB").parse::<u64>().ok()
    };
    pids.iter().filter_map(of_one).sum()
}
