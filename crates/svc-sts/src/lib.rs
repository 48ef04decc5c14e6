//! STS: who the caller is.

mod ops;

use std::sync::Arc;

use service::Service;

/// The service and its operations.
pub fn service() -> Service {
    Service::new(&api_sts::SERVICE, Arc::new(())).op(ops::get_caller_identity).done()
}
