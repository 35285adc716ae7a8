//! Keysets: versions and their states, edits, files, and the providers that lock them.

mod body;
mod edits;
mod file;
mod key_file;
mod key_use;
mod keyset;
#[cfg(feature = "passphrase")]
mod passphrase;
mod period;
mod provider;
mod state;

pub use file::{edit, load, read, save, save_new};
pub use key_file::KeyFile;
pub use key_use::KeyUse;
pub use keyset::{CheckValue, Keyset, KeysetId, UsableKey, Version};
#[cfg(feature = "passphrase")]
pub use passphrase::{Argon2Cost, Passphrase};
pub use period::{DEFAULT_PERIOD_DAYS, Overdue};
pub use provider::KeyProvider;
pub use state::KeyState;
