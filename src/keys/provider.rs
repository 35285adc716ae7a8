//! What locks a keyset.

use crate::crypto::secret::DataKey;
use crate::error::Result;

/// A key that is never stored with the data and encrypts one thing only: the data key of a keyset file.
///
/// Asked once when a keyset is opened and once when it is saved, so it may talk to a person, a token or a network.
pub trait KeyProvider {
    /// Which provider this is; stored in the clear, so that another one is refused with a clear error.
    fn id(&self) -> &str;

    /// The data key, encrypted.
    ///
    /// # Errors
    /// Whatever keeps the provider from doing it.
    fn wrap(&self, key: &DataKey) -> Result<Vec<u8>>;

    /// The data key that [`wrap`](KeyProvider::wrap) encrypted.
    ///
    /// # Errors
    /// [`Error::KeysetLocked`](crate::Error::KeysetLocked) when this is not the key that wrapped it, or it was altered.
    fn unwrap(&self, wrapped: &[u8]) -> Result<DataKey>;
}
