//! Container images: named, fetched from where they are, kept as blobs, unpacked into one tree. Nothing of functions.
//!
//! Start with `pull.rs`. An image comes from an OCI layout, from an archive that `docker save` wrote, or from a
//! registry; what is kept of it is its manifest, its configuration and its layers, each under the
//! SHA-256 that names it anyway.

mod folder;
mod manifest;
mod name;
mod program;
mod pull;
mod registry;
mod unpack;

pub use manifest::{Config, Layer};
pub use name::{ImageName, Place};
pub use program::{find_directory, find_program};
pub use pull::{Images, PullError, Pulled};
pub use unpack::{UNPACKED_BYTES_MAX, UnpackError};
