//! What every service shares: who calls, with what at hand, and how an operation is registered and reached.
//!
//! A service is a list of operations ([`Service`]); a request of one, or of another service, runs with a [`Ctx`].

mod agenda;
mod arrivals;
mod asking;
mod caller;
mod ctx;
mod delivery;
mod due;
mod edge;
pub mod page;
mod platform;
mod register;
mod site;

pub use agenda::{Agenda, Outbox, RowKey};
pub use arrivals::Arrivals;
pub use asking::Asking;
pub use caller::{Caller, Principal};
pub use ctx::Ctx;
pub use delivery::{Attribute, BusEvent, Delivery, InOrder, Sender, TargetArn, Undelivered};
pub use due::fire_when_due;
pub use edge::{Edge, Head};
pub use platform::Platform;
pub use register::{Pending, Service};
pub use site::{Duplex, Site, Upgrade, Visit};

/// Where packages can be had by presigned URL; the rest of the path is the package's SHA-256. No bucket is called so.
pub const PACKAGES_PATH: &str = "/_lambent/packages/";
