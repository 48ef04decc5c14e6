//! Real language runtimes work inside: threads, timers, JIT and all. Those the host lacks are named and left out.

use std::path::Path;
use std::sync::Arc;

use sandbox::conformance::{Bench, Folder};
use sandbox::{Bind, Exit, Spec};
use sandbox_namespace::{NamespaceSandboxes, Options};
use sandbox_spawner::Command;

/// Runs what `spec` makes if `needed` is on this host, and expects `42`.
fn check(name: &str, needed: &str, spec: impl FnOnce(&Bench) -> Spec) {
    if !Path::new(needed).exists() {
        eprintln!("not checked: this host has no {needed}");
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("runtime").block_on(async {
        let folder = Folder::make(&std::env::temp_dir(), &format!("runtime-{name}"));
        let spawner = Command { program: env!("CARGO_BIN_EXE_sandbox-trial").into() };
        let options = Options { ready_max: 1, ..Options::new(spawner, folder.path().join("scratch")) };
        let sandboxes = NamespaceSandboxes::open(options).await.expect("open");
        let bench = Bench { sandboxes: Arc::new(sandboxes), folder };
        let mut spec = spec(&bench);
        spec.memory_bytes = 512 << 20;
        let (output, exit) = bench.run(spec).await;
        assert_eq!((output.as_str(), exit), ("42\n", Exit::Code(0)));
        bench.close().await;
    });
}

#[test]
fn python_below_a_closed_folder() {
    let prefix = "/root/.pyenv/versions/3.13.0";
    check("pyenv", prefix, |bench| {
        let script = "import ssl, json, threading, tempfile, asyncio\n\
                      async def f(): return 42\n\
                      t = threading.Thread(target=lambda: print(asyncio.run(f()))); t.start(); t.join()\n\
                      tempfile.TemporaryFile()";
        let mut spec = bench.spec("/var/lang/bin/python3", &["-c", script]);
        // Its library is looked for below the prefix it was built for; Lambda sets this variable for all.
        spec.env.push(("LD_LIBRARY_PATH".to_owned(), "/var/lang/lib".to_owned()));
        spec.binds = vec![Bind { host: prefix.into(), inside: "/var/lang".into() }];
        spec
    });
}

#[test]
fn node() {
    check("node", "/usr/bin/node", |bench| {
        let script = "const w = require('worker_threads');\n\
                      if (w.isMainThread) new w.Worker(\"require('worker_threads').parentPort.postMessage(42)\",\n\
                      {eval: true}).on('message', m => setTimeout(() => console.log(m), 1))";
        bench.spec("/usr/bin/node", &["-e", script])
    });
}

#[test]
fn java() {
    check("java", "/usr/lib/jvm/java-17-openjdk-amd64/bin/javac", |bench| {
        let source = "class Main { public static void main(String[] a) throws Exception {\n\
                      Thread t = new Thread(() -> System.out.println(42)); t.start(); t.join(); } }";
        std::fs::write(bench.folder.path().join("code/Main.java"), source).expect("write source");
        bench.spec("/usr/lib/jvm/java-17-openjdk-amd64/bin/java", &["-Xmx256m", "/var/task/Main.java"])
    });
}
