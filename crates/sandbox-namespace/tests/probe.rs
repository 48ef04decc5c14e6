//! The host's abilities, line by line; what the other tests assume is checked here by name.

use sandbox::conformance::Folder;
use sandbox::{Guarantee, Sandboxes, Status};
use sandbox_namespace::{NamespaceSandboxes, Options};
use sandbox_spawner::Command;

#[test]
fn every_line_says_what_to_do() {
    let folder = Folder::make(&std::env::temp_dir(), "probe");
    let command = Command { program: env!("CARGO_BIN_EXE_sandbox-trial").into() };
    let findings = sandbox_namespace::probe(&command, &folder.path().join("scratch")).expect("probe");
    for finding in &findings {
        println!("{:?} {}: {} {}", finding.status, finding.name, finding.detail, finding.fix);
        assert!(finding.status != Status::Missing || !finding.fix.is_empty(), "{finding:?}");
    }
    assert!(findings.len() > 15, "{}", findings.len());
    let left = std::fs::read_dir(folder.path().join("scratch")).expect("list").count();
    assert_eq!(left, 0, "trials clean up");
}

/// A guarantee must not quietly go missing where the host could give it: its cases would then check nothing.
#[test]
fn what_the_host_can_do_is_given() {
    let folder = Folder::make(&std::env::temp_dir(), "probe-given");
    let command = Command { program: env!("CARGO_BIN_EXE_sandbox-trial").into() };
    let scratch = folder.path().join("scratch");
    let findings = sandbox_namespace::probe(&command, &scratch).expect("probe");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    let isolation = runtime.block_on(async {
        let sandboxes = NamespaceSandboxes::open(Options::new(command, scratch)).await.expect("open");
        let isolation = sandboxes.describe();
        sandboxes.shutdown().await;
        isolation
    });
    for (line, guarantee) in [
        ("disk for /tmp", Guarantee::TmpOnDisk),
        ("memory limit", Guarantee::MemoryLimit),
        ("process limit", Guarantee::ProcessLimit),
        ("cpu share", Guarantee::CpuShare),
        ("freezing", Guarantee::Freeze),
    ] {
        let can = findings.iter().any(|finding| finding.name == line && finding.status == Status::Ok);
        assert_eq!(isolation.gives(guarantee), can, "{line}");
    }
    let untold = isolation.missing().count() > 0 && isolation.caveats.is_empty();
    assert!(!untold, "what is missing is told");
}
