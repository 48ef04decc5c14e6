//! Nothing but the spawner's role, for tests.

fn main() {
    sandbox_process::run_spawner_if_asked();
}
