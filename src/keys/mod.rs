//! Keysets: versions and their states, edits, files, and the providers that lock them.

mod body;
mod edits;
mod file;
mod key_file;
mod key_use;
mod keyset;
mod owner_file;
#[cfg(feature = "passphrase")]
mod passphrase;
mod period;
#[cfg(feature = "pkcs11")]
mod pkcs11;
mod provider;
#[cfg(feature = "shamir")]
mod shares;
mod state;
#[cfg(feature = "passphrase")]
mod two_factor;

pub use file::{edit, load, read, save, save_new};
pub use key_file::KeyFile;
pub use key_use::KeyUse;
pub use keyset::{CheckValue, Keyset, KeysetId, UsableKey, Version};
#[cfg(feature = "passphrase")]
pub use passphrase::{Argon2Cost, Passphrase};
pub use period::{DEFAULT_PERIOD_DAYS, Overdue};
#[cfg(feature = "pkcs11")]
pub use pkcs11::{LoggedIn, Pin, PinTries, Pkcs11Key, Token};
pub use provider::KeyProvider;
#[cfg(feature = "shamir")]
pub use shares::{Scheme, Share, SharedKey};
pub use state::KeyState;
#[cfg(feature = "passphrase")]
pub use two_factor::TwoFactors;
