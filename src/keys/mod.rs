//! Keysets: versions and their states, edits, files, and the providers that lock them.

mod edit;
mod file;
mod key_file;
mod keyset;
#[cfg(feature = "passphrase")]
mod passphrase;
mod provider;

pub use file::{load, read, save};
pub use key_file::KeyFile;
pub use keyset::{CheckValue, KeyState, Keyset, KeysetId, UsableKey, Version};
#[cfg(feature = "passphrase")]
pub use passphrase::{Argon2Cost, Passphrase};
pub use provider::KeyProvider;
