//! Memory, processes and processor time.

use std::time::Duration;

use super::{Bench, MB, read_until, within};
use crate::{Cpu, Exit, Guarantee, Started};

const EAT: &str = "x = []\nwhile True: x.append(bytearray(1 << 20))";

pub async fn memory_limit_ends_it(bench: &Bench) {
    if !bench.gives(Guarantee::MemoryLimit) {
        return;
    }
    let (output, exit) = bench.run(bench.python(EAT)).await;
    assert_eq!(exit, Exit::OutOfMemory, "{output}");
}

pub async fn memory_limit_spares_neighbours(bench: &Bench) {
    if !bench.gives(Guarantee::MemoryLimit) {
        return;
    }
    let mut neighbour = bench.start(bench.shell("echo ready; read line < /dev/zero; sleep 1000")).await;
    read_until(&mut neighbour, "ready\n").await;
    neighbour.sandbox.freeze().expect("freeze");
    assert_eq!(bench.run(bench.python(EAT)).await.1, Exit::OutOfMemory);
    neighbour.sandbox.thaw().expect("thaw");
    neighbour.sandbox.kill();
    assert_eq!(within(neighbour.exit).await, Exit::Signal(9), "it lived until it was killed");
}

/// A child that goes too far takes the whole environment along, as it would on a machine of this size.
pub async fn memory_limit_counts_children(bench: &Bench) {
    if !bench.gives(Guarantee::MemoryLimit) {
        return;
    }
    let script = format!("import os, time\nif os.fork() == 0:\n exec({EAT:?})\ntime.sleep(1000)");
    assert_eq!(bench.run(bench.python(&script)).await.1, Exit::OutOfMemory);
}

pub async fn fork_bomb_is_contained(bench: &Bench) {
    if !bench.gives(Guarantee::ProcessLimit) {
        return;
    }
    let script = "import os, sys, time\n\
                  made = 0\n\
                  try:\n\
                  \x20   while made < 500:\n\
                  \x20       if os.fork() == 0: time.sleep(1000)\n\
                  \x20       made += 1\n\
                  except BlockingIOError: pass\n\
                  print(made)";
    let mut spec = bench.python(script);
    spec.memory_bytes = 1024 * MB;
    spec.limits.processes = 64;
    let (output, exit) = bench.run(spec).await;
    // The sandbox's own first process may count, too.
    let made: u64 = output.trim_end().parse().expect("a number");
    assert!((50..64).contains(&made) && exit == Exit::Code(0), "{made} processes, {exit:?}");
    super::hello(bench).await;
}

const SPIN: &str = "print('ready', flush=True)\nwhile True: pass";

fn cpu_time(started: &Started) -> Duration {
    started.sandbox.usage().expect("usage").cpu_time.expect("cpu time is told")
}

/// Waits until `started` has used more than `more` further processor time.
async fn until_used(started: &Started, more: Duration) {
    let from = cpu_time(started);
    within(async {
        while cpu_time(started) < from + more {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

pub async fn freeze_stops_it(bench: &Bench) {
    if !bench.gives(Guarantee::Freeze) || !bench.gives(Guarantee::Usage) {
        return;
    }
    let mut frozen = bench.start(bench.python(SPIN)).await;
    let mut running = bench.start(bench.python(SPIN)).await;
    read_until(&mut frozen, "ready\n").await;
    read_until(&mut running, "ready\n").await;
    frozen.sandbox.freeze().expect("freeze");
    // Freezing takes effect at each process's next step; by then the other has used some time.
    until_used(&running, Duration::from_millis(50)).await;
    let before = cpu_time(&frozen);
    until_used(&running, Duration::from_millis(100)).await;
    assert_eq!(cpu_time(&frozen), before, "no processor time while frozen");
    frozen.sandbox.thaw().expect("thaw");
    until_used(&frozen, Duration::from_millis(10)).await;
}

pub async fn frozen_can_be_killed(bench: &Bench) {
    if !bench.gives(Guarantee::Freeze) {
        return;
    }
    let mut started = bench.start(bench.shell("echo ready; sleep 1000")).await;
    read_until(&mut started, "ready\n").await;
    started.sandbox.freeze().expect("freeze");
    started.sandbox.kill();
    assert_eq!(within(started.exit).await, Exit::Signal(9));
}

pub async fn cpu_share_limits(bench: &Bench) {
    if !bench.gives(Guarantee::CpuShare) || !bench.gives(Guarantee::Usage) {
        return;
    }
    // The sandbox measures by itself: wall-clock time needed for a fixed amount of processor time.
    let script = "import time\n\
        print('ready', flush=True); input()\n\
        wall, cpu = time.monotonic(), time.process_time()\n\
        while time.process_time() - cpu < 0.1: pass\n\
        print(round(0.1 / (time.monotonic() - wall) * 1000))";
    let script = script.replace("; input()", "\nwhile time.process_time() < 0.1: pass");
    let mut started = bench.start(bench.python(&script)).await;
    started.sandbox.set_cpu(Cpu::Share).expect("set share");
    read_until(&mut started, "ready\n").await;
    let millis: u32 = super::read_all(&mut started).await.trim().parse().expect("a number");
    // 72 thousandths of a core were asked for; what was saved up may be spent at once.
    assert!((20..=150).contains(&millis), "{millis} thousandths of a core");

    let mut full = bench.start(bench.python(SPIN)).await;
    read_until(&mut full, "ready\n").await;
    full.sandbox.set_cpu(Cpu::Share).expect("set share");
    full.sandbox.set_cpu(Cpu::Full).expect("give everything");
    until_used(&full, Duration::from_millis(50)).await;
}

pub async fn usage_is_told(bench: &Bench) {
    if !bench.gives(Guarantee::Usage) {
        return;
    }
    let script = "x = bytearray(50 << 20); del x\nprint('ready', flush=True)\nimport time; time.sleep(1000)";
    let mut started = bench.start(bench.python(script)).await;
    read_until(&mut started, "ready\n").await;
    let usage = started.sandbox.usage().expect("usage");
    let (peak, now) = (usage.memory_peak_bytes.expect("peak"), usage.memory_now_bytes.expect("now"));
    assert!((50 * MB..128 * MB).contains(&peak), "peak {peak}");
    assert!(now < peak && now > MB, "now {now}");
    assert!(usage.cpu_time.is_some_and(|time| time > Duration::ZERO));
    if started.sandbox.reset_memory_peak().expect("reset") {
        let peak = started.sandbox.usage().expect("usage").memory_peak_bytes.expect("peak");
        assert!(peak < 50 * MB, "peak after reset {peak}");
    }
}
