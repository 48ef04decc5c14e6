//! The contract's suite on the embedded engine.

use std::sync::Arc;

fn make() -> (Arc<dyn kv::Engine>, tempfile::TempDir) {
    let dir = tempfile::tempdir().expect("temporary directory");
    (Arc::new(kv_disk::DiskEngine::open(dir.path()).expect("open store")), dir)
}

kv::kv_conformance!(make());
