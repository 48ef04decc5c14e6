//! What targets are sent of an event, as EventBridge's rules and pipes have it: paths into events, and templates that are
//! filled in with what is there. What a name in a template stands for, whoever fills it in knows.

mod path;
mod template;

pub use path::Path;
pub use template::{fill, names};
