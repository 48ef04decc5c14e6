//! s3: say what this service is and where to start reading.

mod ops;

use std::sync::Arc;

use service::Service;

pub(crate) type Ctx = service::Ctx;

/// The service and its operations.
pub fn service() -> Service {
    Service::new(&api_s3::SERVICE, Arc::new(())).done()
}
