//! A passphrase, stretched with Argon2id.
//!
//! ```text
//!  0        1            5            9        13           29               133
//!  ┌────────┬────────────┬────────────┬────────┬────────────┬────────────────┐
//!  │ format │ memory KiB │ iterations │ lanes  │ salt       │ wrapped        │
//!  │ 1      │ 4          │ 4          │ 4      │ 16         │ 104            │
//!  └────────┴────────────┴────────────┴────────┴────────────┴────────────────┘
//! ```
//!
//! Source: RFC 9106. The cost is stored, so it can grow: saving a keyset writes the passphrase's own cost.

use super::owner_file;
use super::provider::KeyProvider;
use crate::crypto::context::{Context, Label};
use crate::crypto::kdf::RootSecret;
use crate::crypto::rng;
use crate::crypto::secret::{AeadKey, DataKey};
use crate::crypto::wrap::WrapKey;
use crate::error::{Error, Result};
use crate::wire::{Reader, Writer};
use argon2::{Algorithm, Argon2, Params};
use std::fmt;
use std::path::Path;
use zeroize::Zeroizing;

const FORMAT: u8 = 1;
const HEADER_LEN: usize = 29;
const LONGEST: usize = 1024;

/// What one guess of the passphrase costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argon2Cost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub iterations: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Argon2Cost {
    /// 64 MiB, 3 passes, 4 lanes: RFC 9106's second recommended choice.
    pub const DEFAULT: Argon2Cost = Argon2Cost { memory_kib: 64 << 10, iterations: 3, lanes: 4 };

    /// What a stranger's keyset file may ask of this machine: 1 GiB, 64 lanes, and 4 GiB over all passes.
    fn is_bearable(self) -> bool {
        let work = u64::from(self.memory_kib) * u64::from(self.iterations);
        self.memory_kib <= 1 << 20 && self.lanes <= 64 && work <= 4 << 20
    }
}

/// A passphrase and the cost that saving a keyset with it writes.
pub struct Passphrase {
    text: Zeroizing<String>,
    cost: Argon2Cost,
}

impl Passphrase {
    /// Takes over a passphrase.
    ///
    /// # Errors
    /// [`Error::KeySource`] when it is empty or over 1,024 bytes.
    pub fn new(text: String) -> Result<Self> {
        let text = Zeroizing::new(text);
        if text.is_empty() || text.len() > LONGEST {
            let problem = "must have 1 to 1,024 bytes".into();
            return Err(Error::KeySource { what: "the passphrase".into(), problem });
        }
        Ok(Self { text, cost: Argon2Cost::DEFAULT })
    }

    /// Reads the first line of a file.
    ///
    /// # Errors
    /// [`Error::KeySource`] when others than its owner can read it, or as for [`Passphrase::new`]; [`Error::Io`].
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        Self::new(std::mem::take(&mut *owner_file::first_line(path.as_ref())?))
    }

    /// With another cost, for saving.
    ///
    /// # Errors
    /// [`Error::Setting`] below 8 KiB of memory a lane, or past 1 GiB, 64 lanes, or 4 GiB over all passes.
    pub fn with_cost(mut self, cost: Argon2Cost) -> Result<Self> {
        let bad = |problem: String| Error::Setting { what: "Argon2id cost", problem };
        if !cost.is_bearable() {
            return Err(bad(
                "is more than a keyset file may ask for (1 GiB, 64 lanes, 4 GiB over all passes)".into(),
            ));
        }
        params(cost).map_err(|_| bad("needs at least 8 KiB of memory for each lane, and 1 pass".into()))?;
        self.cost = cost;
        Ok(self)
    }

    /// The cost that a wrapped key was stretched with, so that a low one can be raised by saving again.
    ///
    /// # Errors
    /// [`Error::Malformed`] when it was not wrapped by a passphrase.
    pub fn cost_of(wrapped: &[u8]) -> Result<Argon2Cost> {
        let mut r = Reader::new("passphrase header", wrapped);
        r.expect(&[FORMAT], "has a format that this release does not know")?;
        Ok(Argon2Cost { memory_kib: r.u32()?, iterations: r.u32()?, lanes: r.u32()? })
    }

    /// A header of this cost with a fresh salt.
    pub(super) fn new_header(&self) -> Result<Vec<u8>> {
        let mut salt = [0; 16];
        rng::fill_from_system(&mut salt)?;
        let mut w = Writer::new();
        w.u8(FORMAT).u32(self.cost.memory_kib).u32(self.cost.iterations).u32(self.cost.lanes).bytes(&salt);
        Ok(w.into_bytes())
    }

    /// Argon2id with a header's cost and salt.
    pub(super) fn stretched(&self, header: &[u8]) -> Result<Stretched> {
        let cost = Self::cost_of(header).map_err(|_| Error::KeysetLocked)?;
        let salt = &header[HEADER_LEN - 16..];
        let mut stretched = Zeroizing::new([0; 32]);
        params(cost)
            .and_then(|p| {
                Argon2::new(Algorithm::Argon2id, argon2::Version::V0x13, p).hash_password_into(
                    self.text.as_bytes(),
                    salt,
                    stretched.as_mut(),
                )
            })
            .map_err(|_| Error::KeysetLocked)?;
        Ok(Stretched(AeadKey::from_bytes(&mut stretched)))
    }

    /// The wrapping key for a header, whose every byte the HKDF context binds.
    fn wrap_key(&self, header: &[u8]) -> Result<WrapKey> {
        Ok(WrapKey::derive(&self.stretched(header)?, &Context::new(Label::PassphraseKey).part(header)))
    }
}

/// The header, of a cost that is bearable, and the wrapped key.
pub(super) fn split_header(wrapped: &[u8]) -> Result<(&[u8], &[u8])> {
    let cost = Passphrase::cost_of(wrapped).map_err(|_| Error::KeysetLocked)?;
    // The cost is read before anything is authenticated: a bound keeps a forged file from using up the memory.
    if !cost.is_bearable() {
        return Err(Error::KeysetLocked);
    }
    wrapped.split_at_checked(HEADER_LEN).ok_or(Error::KeysetLocked)
}

fn params(cost: Argon2Cost) -> argon2::Result<Params> {
    Params::new(cost.memory_kib, cost.iterations, cost.lanes, Some(32))
}

/// Argon2id's output.
pub(super) struct Stretched(AeadKey);

impl RootSecret for Stretched {
    fn keying_material(&self) -> &[u8; 32] {
        self.0.expose()
    }
}

fn aad() -> Context {
    Context::new(Label::PassphraseKey)
}

impl KeyProvider for Passphrase {
    fn id(&self) -> &str {
        "passphrase"
    }

    fn wrap(&self, key: &DataKey) -> Result<Vec<u8>> {
        let mut out = self.new_header()?;
        let wrap_key = self.wrap_key(&out)?;
        wrap_key.wrap(&aad(), key, &mut out);
        Ok(out)
    }

    fn unwrap(&self, wrapped: &[u8]) -> Result<DataKey> {
        let (header, wrapped) = split_header(wrapped)?;
        self.wrap_key(header)?.unwrap(&aad(), wrapped).map_err(|_| Error::KeysetLocked)
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Passphrase(.., {:?})", self.cost)
    }
}
