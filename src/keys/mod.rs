//! Keysets: versions and their states, edits, files, and the providers that lock them.

mod edits;
mod file;
mod key_file;
mod keyset;
#[cfg(feature = "passphrase")]
mod passphrase;
mod provider;

pub use file::{edit, load, read, save, save_new};
pub use key_file::KeyFile;
pub use keyset::{CheckValue, KeyState, Keyset, KeysetId, UsableKey, Version};
#[cfg(feature = "passphrase")]
pub use passphrase::{Argon2Cost, Passphrase};
pub use provider::KeyProvider;
