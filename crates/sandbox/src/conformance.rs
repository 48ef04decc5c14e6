//! The cases every implementation runs, through [`sandbox_conformance!`](crate::sandbox_conformance).
//!
//! A case for a guarantee the implementation does not give here says so by name and checks nothing else.

mod basics;
mod boots;
mod companions;
mod copies;
mod resources;
mod walls;

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use basics::*;
pub use boots::*;
pub use companions::*;
pub use copies::*;
pub use resources::*;
pub use walls::*;

use crate::{
    Companions, Door, DoorVar, Exit, Guarantee, Limits, Network, Sandboxes, Spec, Started,
    cpu_millis_for_memory,
};

/// Nothing here waits this long unless it is broken.
pub const DEADLINE: Duration = Duration::from_secs(60);

const MB: u64 = 1024 * 1024;

/// One implementation under test.
pub struct Bench {
    pub sandboxes: Arc<dyn Sandboxes>,
    /// An empty folder of this test's own, removed afterwards.
    pub folder: Folder,
}

/// A temporary folder.
pub struct Folder(PathBuf);

impl Folder {
    /// Makes a folder below `parent`; `name` keeps tests apart.
    pub fn make(parent: &Path, name: &str) -> Self {
        let path = parent.join(format!("sandbox-{}-{name}", std::process::id()));
        std::fs::create_dir_all(path.join("code")).expect("make test folder");
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Bench {
    /// Whether `guarantee` is given; says so if not.
    pub fn gives(&self, guarantee: Guarantee) -> bool {
        let isolation = self.sandboxes.describe();
        if !isolation.gives(guarantee) {
            eprintln!("not checked: {} does not give {guarantee:?} on this host", isolation.name);
        }
        isolation.gives(guarantee)
    }

    /// A spec with Lambda's smallest function, running `program` with `args`.
    pub fn spec(&self, program: &str, args: &[&str]) -> Spec {
        Spec {
            id: "conformance".to_owned(),
            root: None,
            code_dir: Some(self.folder.path().join("code")),
            opt_dirs: Vec::new(),
            binds: Vec::new(),
            program: program.into(),
            args: args.iter().map(|&arg| arg.to_owned()).collect(),
            env: vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())],
            doors: Vec::new(),
            cwd: "/var/task".into(),
            companions: Companions::default(),
            memory_bytes: 128 * MB,
            cpu_millis: cpu_millis_for_memory(128),
            ephemeral_bytes: 512 * MB,
            limits: Limits::default(),
            network: Network::Isolated,
        }
    }

    pub fn shell(&self, script: &str) -> Spec {
        self.spec("/bin/sh", &["-c", script])
    }

    pub fn python(&self, script: &str) -> Spec {
        self.spec("/usr/bin/python3", &["-I", "-S", "-c", script])
    }

    pub async fn start(&self, spec: Spec) -> Started {
        within(self.sandboxes.start(spec)).await.expect("start")
    }

    /// Runs to the end: everything it wrote, and how it ended.
    pub async fn run(&self, spec: Spec) -> (String, Exit) {
        let mut started = self.start(spec).await;
        let output = read_all(&mut started).await;
        let exit = within(started.exit).await;
        (output, exit)
    }

    /// Runs a Python script that must end well; gives its output without the last newline.
    pub async fn answer(&self, script: &str) -> String {
        let (output, exit) = self.run(self.python(script)).await;
        assert_eq!(exit, Exit::Code(0), "{output}");
        output.trim_end().to_owned()
    }

    pub async fn close(self) {
        within(self.sandboxes.shutdown()).await;
    }
}

pub async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.expect("done before the deadline")
}

fn pipe(output: &OwnedFd) -> tokio::net::unix::pipe::Receiver {
    let output = output.try_clone().expect("clone output");
    tokio::net::unix::pipe::Receiver::from_owned_fd(output).expect("watch output")
}

/// Everything written until the last writer is gone.
pub async fn read_all(started: &mut Started) -> String {
    read_pipe(pipe(&started.output)).await
}

async fn read_pipe(pipe: tokio::net::unix::pipe::Receiver) -> String {
    let mut bytes = Vec::new();
    within(async {
        let mut buffer = [0; 4096];
        loop {
            pipe.readable().await.expect("wait for output");
            match pipe.try_read(&mut buffer) {
                Ok(0) => return,
                Ok(length) => bytes.extend_from_slice(&buffer[..length]),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => panic!("read output: {error}"),
            }
        }
    })
    .await;
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Output up to and including `wanted`.
pub async fn read_until(started: &mut Started, wanted: &str) -> String {
    read_pipe_until(&pipe(&started.output), wanted).await
}

/// What companions write, up to and including `wanted`.
pub async fn read_companions_until(started: &Started, wanted: &str) -> String {
    let output = started.companion_output.as_ref().expect("there are companions");
    read_pipe_until(&pipe(output), wanted).await
}

async fn read_pipe_until(pipe: &tokio::net::unix::pipe::Receiver, wanted: &str) -> String {
    let mut text = String::new();
    within(async {
        let mut byte = [0; 1];
        while !text.ends_with(wanted) {
            pipe.readable().await.expect("wait for output");
            match pipe.try_read(&mut byte) {
                Ok(0) => panic!("output ended early: {text}"),
                Ok(_) => text.push(char::from(byte[0])),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => panic!("read output: {error}"),
            }
        }
    })
    .await;
    text
}

/// Accepts one connection and answers whatever comes with `reply`.
async fn serve_once(listener: std::net::TcpListener, reply: &'static str) -> String {
    let listener = tokio::net::TcpListener::from_std(listener).expect("watch listener");
    let (stream, _) = within(listener.accept()).await.expect("accept");
    let mut stream = stream.into_std().expect("take stream");
    within(tokio::task::spawn_blocking(move || {
        stream.set_nonblocking(false).expect("block");
        let mut buffer = [0; 256];
        let length = stream.read(&mut buffer).expect("read");
        stream.write_all(reply.as_bytes()).expect("write");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }))
    .await
    .expect("serve")
}

fn door_vars() -> Vec<DoorVar> {
    vec![DoorVar::address("RUNTIME_API", Door::RuntimeApi), DoorVar::url("ENDPOINT", Door::Platform)]
}

/// Runs every case against the implementation `$open` makes: an async function from a test's name to a
/// [`Bench`].
#[macro_export]
macro_rules! sandbox_conformance {
    ($open:path) => {
        $crate::sandbox_conformance!(@cases $open:
            hello, environment_is_exact, door_addresses_are_told, working_directory, code_is_seen, layers_are_merged,
            layers_are_read_only, an_image_is_the_root, binds_are_seen, exit_code, kill_signal, abort_signal, terminate_is_delivered, terminate_ends,
            missing_program_is_an_error, missing_code_is_an_error, zero_byte_is_refused, kill_ends_everything,
            dropping_kills, program_end_ends_everything, three_descriptors_are_one_pipe, only_own_descriptors,
            both_doors_answer, hosts_of_aws_answer, standard_limits, output_ends_with_last_writer, dropped_start_leaves_nothing,
            many_at_once, identity, no_privileges, code_is_read_only, own_tmp, tmp_is_full_at_its_size, tmp_is_not_memory,
            host_files_are_hidden, host_processes_are_hidden, host_loopback_is_out_of_reach,
            others_loopback_is_out_of_reach, no_way_out, dangerous_calls_are_refused, dangerous_sockets_are_refused,
            namespaces_are_refused, proc_is_protected, devices_are_few, first_process_is_out_of_reach,
            memory_limit_ends_it, memory_limit_spares_neighbours, memory_limit_counts_children,
            copies_go_on, copies_wait_until_they_are_claimed, copies_that_wait_may_end, copies_are_collected,
            copies_have_limits_of_their_own, copies_are_apart,
            copies_have_no_rights, copies_have_their_own, copies_run_out_of_memory_alone, copies_at_once,
            copies_end_with_their_template, connections_end_at_a_snapshot, files_are_opened_anew,
            tmp_is_carried_along, sockets_lead_into_copies, what_copies_would_share_is_refused, only_a_fork_is_a_snapshot,
            a_program_started_ahead_is_claimed, a_program_started_ahead_sees_nothing,
            a_claimed_program_is_like_any_other, a_claimed_program_reaches_the_doors,
            a_functions_own_program_is_executed_by_the_claim, a_claimed_program_has_its_own_bounds,
            a_program_started_ahead_is_placed, a_program_started_ahead_may_end, only_the_same_can_be_claimed,
            a_program_started_ahead_may_be_a_template,
            companions_run_beside, a_companions_end_is_told, the_program_waits_for_its_companions,
            companions_outlive_the_program, a_killed_program_leaves_its_companions, missing_companion_is_an_error,
            a_program_that_waited_and_is_missing_ends, sockets_lead_inside, the_sandbox_has_a_name,
            fork_bomb_is_contained, freeze_stops_it, frozen_can_be_killed, cpu_share_limits, usage_is_told
        );
    };
    (@cases $open:path: $($case:ident),* $(,)?) => {
        $(
            #[test]
            fn $case() {
                let runtime = ::tokio::runtime::Builder::new_multi_thread()
                    .worker_threads(2)
                    .enable_all()
                    .build()
                    .expect("runtime");
                runtime.block_on(async {
                    let bench = $open(stringify!($case)).await;
                    $crate::conformance::$case(&bench).await;
                    bench.close().await;
                });
            }
        )*
    };
}
