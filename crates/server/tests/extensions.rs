//! External extensions in real sandboxes: the example, and a runtime that is started through a wrapper.
//!
//! Where this machine has no namespaces or no Python, that is said and nothing is checked.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use env::Env;
use execution::{Options, Outcome, Pools, Runtimes, Version};
use sandbox::Sandboxes;
use sandbox_namespace::NamespaceSandboxes;
use sandbox_spawner::Command;
use testkit::{Records, invocation, options, version};

const PATIENCE: Duration = Duration::from_secs(60);

struct Kit {
    pools: Pools,
    records: Records,
    folder: tempfile::TempDir,
    version: Version,
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository")
}

/// A function of this code on the host's Python, with these layers.
async fn kit(code: &str, layers: Vec<PathBuf>) -> Option<Kit> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let code_dir = folder.path().join("code");
    std::fs::create_dir(&code_dir).expect("a folder can be made");
    std::fs::write(code_dir.join("app.py"), code).expect("a file can be written");
    let runtimes = Runtimes::find(Path::new("/nowhere"), None, &repository().join("runtimes"));
    let Ok((interpreter, _)) = runtimes.resolve("python3.13") else {
        eprintln!("not checked: this host has no Python");
        return None;
    };
    let command = Command { program: env!("CARGO_BIN_EXE_lambent").into() };
    let made = sandbox_namespace::Options::new(command, folder.path().join("scratch"));
    let made = sandbox_namespace::Options { ready_max: 1, ..made };
    let sandboxes = match NamespaceSandboxes::open(made).await {
        Ok(sandboxes) => Arc::new(sandboxes) as Arc<dyn Sandboxes>,
        Err(error) => {
            eprintln!("not checked: {error}");
            return None;
        }
    };
    let records = Records::default();
    let pools = Pools::new(Options {
        sandboxes,
        ..options(&Env::system(), &testkit::Scripted::new(), Arc::new(records.clone()))
    });
    let version = Version {
        interpreter,
        code_dir,
        opt_dirs: layers,
        memory_mb: 256,
        timeout: Duration::from_secs(30),
        ..version("app.handler")
    };
    Some(Kit { pools, records, folder, version })
}

impl Kit {
    async fn invoke(&self, id: &str) -> Outcome {
        let version = Arc::new(self.version.clone());
        let call = self.pools.invoke(&version, invocation(id, "{\"n\": 1}"));
        tokio::time::timeout(PATIENCE, call).await.expect("in time").expect("not refused")
    }

    /// Waits for a line of the log.
    async fn logged(&self, part: &str) -> String {
        let look = async {
            loop {
                let found = self.records.messages().into_iter().find(|message| message.contains(part));
                match found {
                    Some(found) => return found,
                    None => tokio::task::yield_now().await,
                }
            }
        };
        let found = tokio::time::timeout(PATIENCE, look).await;
        found.unwrap_or_else(|_| panic!("{part:?} in {:#?}", self.records.messages()))
    }
}

/// A file that may be executed.
fn executable(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder can be made");
    std::fs::write(path, text).expect("a file can be written");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("made executable");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_digests_telemetry_and_says_goodbye() {
    let layer = repository().join("examples/telemetry-extension/layer");
    let code = "import os\ndef handler(event, context):\n    print('one')\n    print('two')\n    return event['n']\n";
    let Some(kit) = kit(code, vec![layer]).await else { return };
    let outcome = kit.invoke("one").await;
    assert_eq!(outcome.payload, "1", "{:#?}", kit.records.messages());
    kit.logged("TELEMETRY\tName: digest\tState: Subscribed\tTypes: [Platform, Function]").await;
    kit.logged("EXTENSION\tName: digest\tState: Ready\tEvents: [INVOKE, SHUTDOWN]").await;
    // The report of the first call may come with the second: between them the environment may be frozen.
    kit.logged("REPORT RequestId: one").await;
    kit.invoke("two").await;
    let digest = kit.logged("\"requestId\": \"one\"").await;
    assert!(digest.contains("\"status\": \"success\"") && digest.contains("\"lines\": 2"), "{digest}");
    assert!(digest.contains("\"cold\": true"), "{digest}");
    kit.logged("REPORT RequestId: two").await;
    tokio::time::timeout(PATIENCE, kit.pools.shutdown()).await.expect("in time");
    let goodbye = kit.logged("\"reason\": \"SPINDOWN\"").await;
    assert!(goodbye.contains("\"invocations\": 2"), "{goodbye}");
    drop(kit.folder);
}

#[tokio::test(flavor = "multi_thread")]
async fn extensions_do_not_see_what_is_the_runtimes_own() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let script = "#!/bin/sh\nenv | sort | sed 's/^/seen /'\nexit 4\n";
    executable(&folder.path().join("extensions/shows"), script);
    let Some(kit) = kit("", vec![folder.path().to_owned()]).await else { return };
    let outcome = kit.invoke("one").await;
    let payload = String::from_utf8_lossy(&outcome.payload).into_owned();
    assert!(
        outcome.failed && payload.contains("\"Extension.Crash\"") && payload.contains("exit code 4"),
        "{payload}"
    );
    kit.logged("seen AWS_LAMBDA_RUNTIME_API=127.0.0.1:9001").await;
    kit.logged("seen AWS_LAMBDA_FUNCTION_NAME=f").await;
    let messages = kit.records.messages();
    let hidden =
        ["_HANDLER", "_LAMBDA", "AWS_EXECUTION_ENV", "AWS_LAMBDA_LOG_GROUP", "AWS_XRAY", "LAMBDA_TASK_ROOT"];
    for name in hidden {
        assert!(
            !messages.iter().any(|line| line.starts_with(&format!("seen {name}"))),
            "{name}: {messages:#?}"
        );
    }
    tokio::time::timeout(PATIENCE, kit.pools.shutdown()).await.expect("in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extension_that_cannot_be_executed_says_so() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    executable(&folder.path().join("extensions/broken"), "#!/nowhere\n");
    let Some(kit) = kit("", vec![folder.path().to_owned()]).await else { return };
    let outcome = kit.invoke("one").await;
    let payload = String::from_utf8_lossy(&outcome.payload).into_owned();
    assert!(
        payload.contains("\"Extension.LaunchError\"") && payload.contains("/opt/extensions/broken"),
        "{payload}"
    );
    kit.logged("EXTENSION\tName: broken\tState: LaunchError\tEvents: []\tError Type: Extension.LaunchError")
        .await;
    tokio::time::timeout(PATIENCE, kit.pools.shutdown()).await.expect("in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrapper_runs_in_place_of_the_runtime() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    executable(&folder.path().join("wrapper"), "#!/bin/sh\nexport WRAPPED=\"$#\"\nexec \"$@\"\n");
    let code = "import os\ndef handler(event, context):\n    return int(os.environ['WRAPPED'])\n";
    let Some(mut kit) = kit(code, vec![folder.path().to_owned()]).await else { return };
    kit.version.variables.insert("AWS_LAMBDA_EXEC_WRAPPER".to_owned(), "/opt/wrapper".to_owned());
    let outcome = kit.invoke("one").await;
    let arguments = String::from_utf8_lossy(&outcome.payload).parse::<u32>();
    assert!(arguments.is_ok_and(|count| count >= 2), "program and bootstrap: {:?}", outcome.payload);
    tokio::time::timeout(PATIENCE, kit.pools.shutdown()).await.expect("in time");
}
