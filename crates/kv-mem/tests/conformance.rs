//! The contract's suite on the engine in memory.

use std::sync::Arc;

fn make() -> (Arc<dyn kv::Engine>, ()) {
    (Arc::new(kv_mem::MemEngine::new()), ())
}

kv::kv_conformance!(make());
