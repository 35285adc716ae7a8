//! Cloakroom: hand in a value, get a ticket; only the holder of the key gets the value back.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod crypto;
pub mod error;
pub mod format;
pub mod keys;
pub mod name;
#[cfg(feature = "pipeline")]
pub mod pipeline;
#[cfg(feature = "pipeline")]
pub mod policy;
pub mod protect;
pub mod store;
pub mod time;
pub mod vault;
pub mod whole_file;
pub mod wire;

pub use error::{Error, Result};
