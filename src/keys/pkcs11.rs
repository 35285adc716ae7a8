//! An AES-256 key in a PKCS#11 token, which never leaves it, behind a PIN.
//!
//! ```text
//!  0        1       13                       61               165
//!  ┌────────┬───────┬────────────────────────┬────────────────┐
//!  │ format │ IV    │ encrypted secret ‖ tag │ wrapped        │
//!  │ 1      │ 12    │ 48                     │ 104            │
//!  └────────┴───────┴────────────────────────┴────────────────┘
//! ```
//!
//! The token encrypts 32 random bytes with AES-256-GCM (`CKM_AES_GCM`, AAD `context(Pkcs11Key)`), fresh at every save.
//! The wrapping key is `derive(these bytes, context(Pkcs11Key, header), 64)`, with all bytes in front of `wrapped` as
//! the header: GCM binds a ciphertext to no key, the commitment in `wrapped` does.
//!
//! # Security
//! A token counts wrong PINs and locks itself. A PIN is tried once, and not at all when the token says that it is locked
//! or that this try is its last.
//!
//! Source: PKCS #11 Cryptographic Token Interface Base Specification 2.40 and 3.0, C_Login and CK_TOKEN_INFO.

use super::owner_file;
use super::provider::KeyProvider;
use crate::crypto::context::{Context, Label};
use crate::crypto::kdf::RootSecret;
use crate::crypto::rng;
use crate::crypto::secret::{AeadKey, DataKey};
use crate::crypto::wrap::WrapKey;
use crate::error::{Error, Result};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error as Failure, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use std::fmt;
use std::path::Path;
use zeroize::Zeroizing;

const FORMAT: u8 = 1;
const IV_LEN: usize = 12;
const SEALED_LEN: usize = 48;
const HEADER_LEN: usize = 1 + IV_LEN + SEALED_LEN;

/// A user's PIN.
pub struct Pin {
    text: AuthPin,
    length: usize,
}

impl Pin {
    /// Takes over a PIN.
    ///
    /// # Errors
    /// [`Error::KeySource`] when it is empty.
    pub fn new(text: String) -> Result<Self> {
        match text.is_empty() {
            true => Err(Error::KeySource { what: "the PIN".into(), problem: "is empty".into() }),
            false => Ok(Self { length: text.len(), text: text.into() }),
        }
    }

    /// Reads the first line of a file.
    ///
    /// # Errors
    /// [`Error::KeySource`] when others than its owner can read it, or it is empty; [`Error::Io`].
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        Self::new(std::mem::take(&mut *owner_file::first_line(path.as_ref())?))
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(..)")
    }
}

/// What a token says about wrong PINs since the last right one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinTries {
    /// There was none.
    All,
    /// There was one at least.
    Fewer,
    /// The next wrong PIN locks the token.
    Last,
    /// The token takes no PIN any more.
    None,
}

impl PinTries {
    /// Whether a PIN may be tried.
    fn admit(self, last_try: bool) -> std::result::Result<(), &'static str> {
        match self {
            PinTries::None => Err(
                "is locked after too many wrong PINs; only its security officer can unlock it (C_InitPIN)",
            ),
            PinTries::Last if !last_try => Err(
                "has one try left before it locks itself, so the PIN was not tried; make sure of it, then allow it with --last-try",
            ),
            PinTries::All | PinTries::Fewer | PinTries::Last => Ok(()),
        }
    }

    /// What to say of them when a PIN has just been refused.
    fn warning(self) -> &'static str {
        match self {
            PinTries::All => "",
            PinTries::Fewer => "; the token counts wrong PINs and locks itself after some",
            PinTries::Last => "; one try is left before the token locks itself",
            PinTries::None => "; the token is locked now, and only its security officer can unlock it",
        }
    }
}

/// A token that is plugged in.
#[derive(Debug)]
pub struct Token {
    module: Pkcs11,
    slot: Slot,
    label: String,
}

impl Token {
    /// The token of this label, through its vendor's module (a shared library).
    ///
    /// # Errors
    /// [`Error::KeySource`] when the module cannot be loaded, or not exactly one token has this label.
    pub fn find(module: impl AsRef<Path>, label: &str) -> Result<Self> {
        let path = module.as_ref();
        let bad = |problem: String| Error::KeySource { what: path.display().to_string(), problem };
        let module = Pkcs11::new(path).map_err(|e| {
            bad(format!("cannot be used as a PKCS#11 module; is it the vendor's library? {e}"))
        })?;
        match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
            // Another provider of this process uses the module, too.
            Ok(()) | Err(Failure::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
            Err(e) => return Err(bad(format!("does not start: {e}"))),
        }
        let slots = module.get_slots_with_initialized_token().map_err(|e| bad(e.to_string()))?;
        let has_label = |slot: &Slot| module.get_token_info(*slot).is_ok_and(|info| info.label() == label);
        let mut found = slots.into_iter().filter(has_label);
        match (found.next(), found.next()) {
            (Some(slot), None) => Ok(Self { module, slot, label: label.into() }),
            (None, _) => Err(bad(format!("has no token {label:?}; is it plugged in?"))),
            (Some(_), Some(_)) => {
                Err(bad(format!("has several tokens {label:?}; unplug the others, or label them anew")))
            }
        }
    }

    /// What it says about wrong PINs.
    ///
    /// # Errors
    /// [`Error::KeySource`] when it does not answer.
    pub fn pin_tries(&self) -> Result<PinTries> {
        let info = self.module.get_token_info(self.slot).map_err(|e| self.bad(e.to_string()))?;
        Ok(match () {
            () if info.user_pin_locked() => PinTries::None,
            () if info.user_pin_final_try() => PinTries::Last,
            () if info.user_pin_count_low() => PinTries::Fewer,
            () => PinTries::All,
        })
    }

    /// Tries the PIN, once; when it is the last try before the token locks itself, only if `last_try` is set.
    ///
    /// Where this process is logged in to the token already, through another provider, the token takes no PIN and the
    /// log-in holds for this one, too.
    ///
    /// # Errors
    /// [`Error::KeySource`]: the PIN is wrong, or of a length that the token's PINs do not have (then it was not tried);
    /// the token is locked, or one try is left; it does not answer.
    pub fn log_in(self, pin: &Pin, last_try: bool) -> Result<LoggedIn> {
        self.pin_tries()?.admit(last_try).map_err(|problem| self.bad(problem.into()))?;
        let info = self.module.get_token_info(self.slot).map_err(|e| self.bad(e.to_string()))?;
        let (least, most) = (info.min_pin_length(), info.max_pin_length());
        if !(least..=most).contains(&pin.length) {
            return Err(self.bad(format!("has PINs of {least} to {most} bytes, so this one was not tried")));
        }
        let session = self.module.open_ro_session(self.slot).map_err(|e| self.bad(e.to_string()))?;
        let refused = |why: &str| {
            let left = self.pin_tries().map_or("", PinTries::warning);
            Err(self.bad(format!("{why}{left}")))
        };
        match session.login(UserType::User, Some(&pin.text)) {
            Ok(()) | Err(Failure::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {
                Ok(LoggedIn { token: self, session })
            }
            Err(Failure::Pkcs11(RvError::PinIncorrect, _)) => refused("refused the PIN: it is wrong"),
            Err(Failure::Pkcs11(RvError::PinLocked, _)) => refused("takes no PIN"),
            Err(Failure::Pkcs11(RvError::PinExpired, _)) => {
                refused("wants another PIN: this one has expired")
            }
            Err(e) => Err(self.bad(e.to_string())),
        }
    }

    fn bad(&self, problem: String) -> Error {
        Error::KeySource { what: format!("the token {:?}", self.label), problem }
    }
}

/// A token that has taken the PIN.
#[derive(Debug)]
pub struct LoggedIn {
    token: Token,
    session: Session,
}

impl LoggedIn {
    /// The AES-256 key of this label.
    ///
    /// # Errors
    /// [`Error::KeySource`] when the token has none or several of this label, or one that can leave it.
    pub fn key(self, label: &str) -> Result<Pkcs11Key> {
        match self.find(label)? {
            Some(key) => Ok(Pkcs11Key { token: self, key }),
            None => Err(self.token.bad(format!("has no AES key {label:?}"))),
        }
    }

    /// The AES-256 key of this label; made in the token if there is none: secret, not extractable, for encryption only.
    ///
    /// # Errors
    /// As for [`key`](LoggedIn::key), and when the token makes no key.
    pub fn key_or_new(self, label: &str) -> Result<Pkcs11Key> {
        let key = match self.find(label)? {
            Some(key) => key,
            None => self.generate(label).map_err(|e| self.token.bad(format!("made no key: {e}")))?,
        };
        Ok(Pkcs11Key { token: self, key })
    }

    fn find(&self, label: &str) -> Result<Option<ObjectHandle>> {
        let failed = |e: Failure| self.token.bad(e.to_string());
        let wanted = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::AES),
            Attribute::Label(label.into()),
        ];
        let found = self.session.find_objects(&wanted).map_err(failed)?;
        let key = match found[..] {
            [] => return Ok(None),
            [key] => key,
            _ => {
                return Err(self.token.bad(format!("has several AES keys {label:?}; label the others anew")));
            }
        };
        let asked = [AttributeType::Sensitive, AttributeType::Extractable, AttributeType::ValueLen];
        let attributes = self.session.get_attributes(key, &asked).map_err(failed)?;
        let has = |attribute| attributes.contains(&attribute);
        if !has(Attribute::Sensitive(true)) || !has(Attribute::Extractable(false)) {
            return Err(self
                .token
                .bad(format!("lets its key {label:?} out; use one that cannot be extracted")));
        }
        match has(Attribute::ValueLen(32.into())) {
            true => Ok(Some(key)),
            false => Err(self.token.bad(format!("has a key {label:?} that is not of 256 bits"))),
        }
    }

    fn generate(&self, label: &str) -> std::result::Result<ObjectHandle, Failure> {
        let template = [
            Attribute::Label(label.into()),
            Attribute::ValueLen(32.into()),
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Encrypt(true),
            Attribute::Decrypt(true),
        ];
        // The log-in holds for every session of this process; only this one writes.
        let session = self.token.module.open_rw_session(self.token.slot)?;
        session.generate_key(&Mechanism::AesKeyGen, &template)
    }
}

/// A key in a token.
#[derive(Debug)]
pub struct Pkcs11Key {
    token: LoggedIn,
    key: ObjectHandle,
}

/// What the token encrypts.
struct Sealed(AeadKey);

impl RootSecret for Sealed {
    fn keying_material(&self) -> &[u8; 32] {
        self.0.expose()
    }
}

impl Sealed {
    fn wrap_key(&self, header: &[u8]) -> WrapKey {
        WrapKey::derive(self, &Context::new(Label::Pkcs11Key).part(header))
    }
}

fn aad() -> Context {
    Context::new(Label::Pkcs11Key)
}

impl Pkcs11Key {
    fn bad(&self, problem: String) -> Error {
        self.token.token.bad(problem)
    }
}

impl KeyProvider for Pkcs11Key {
    fn id(&self) -> &str {
        "pkcs11"
    }

    /// # Errors
    /// [`Error::KeySource`] when the token does not encrypt.
    fn wrap(&self, key: &DataKey) -> Result<Vec<u8>> {
        let failed = |e: Failure| self.bad(format!("does not encrypt with AES-GCM: {e}"));
        let mut secret = Zeroizing::new([0; 32]);
        rng::fill_from_system(secret.as_mut())?;
        let mut iv = rng::bytes::<IV_LEN>();
        let bound = aad();
        let parameters = GcmParams::new(&mut iv, bound.as_bytes(), 128.into()).map_err(failed)?;
        let mechanism = Mechanism::AesGcm(parameters);
        let encrypted =
            self.token.session.encrypt(&mechanism, self.key, secret.as_slice()).map_err(failed)?;
        if encrypted.len() != SEALED_LEN {
            return Err(self.bad("does not encrypt with AES-GCM: its answer has a wrong length".into()));
        }
        // Some tokens choose the IV themselves, and have written theirs over ours.
        let mut out = [&[FORMAT], &iv[..], &encrypted].concat();
        let wrap_key = Sealed(AeadKey::from_bytes(&mut secret)).wrap_key(&out);
        wrap_key.wrap(&bound, key, &mut out);
        Ok(out)
    }

    /// # Errors
    /// [`Error::KeysetLocked`]; [`Error::KeySource`] when the token does not answer.
    fn unwrap(&self, wrapped: &[u8]) -> Result<DataKey> {
        let (header, wrapped) = wrapped.split_at_checked(HEADER_LEN).ok_or(Error::KeysetLocked)?;
        let (Some((&FORMAT, rest)), bound) = (header.split_first(), aad()) else {
            return Err(Error::KeysetLocked);
        };
        let (iv, encrypted) = rest.split_at(IV_LEN);
        let mut iv = iv.to_vec();
        let parameters =
            GcmParams::new(&mut iv, bound.as_bytes(), 128.into()).map_err(|e| self.bad(e.to_string()))?;
        let decrypted = self.token.session.decrypt(&Mechanism::AesGcm(parameters), self.key, encrypted);
        let secret = Zeroizing::new(decrypted.map_err(|e| match is_gone(&e) {
            true => self.bad(format!("does not answer: {e}")),
            // Tokens disagree about what they call a wrong tag.
            false => Error::KeysetLocked,
        })?);
        let mut secret = Zeroizing::new(<[u8; 32]>::try_from(&secret[..]).map_err(|_| Error::KeysetLocked)?);
        let wrap_key = Sealed(AeadKey::from_bytes(&mut secret)).wrap_key(header);
        wrap_key.unwrap(&bound, wrapped).map_err(|_| Error::KeysetLocked)
    }
}

/// Whether the token failed, not the ciphertext.
fn is_gone(failure: &Failure) -> bool {
    matches!(
        failure,
        Failure::Pkcs11(
            RvError::DeviceError
                | RvError::DeviceRemoved
                | RvError::DeviceMemory
                | RvError::HostMemory
                | RvError::TokenNotPresent
                | RvError::SessionClosed
                | RvError::SessionHandleInvalid
                | RvError::UserNotLoggedIn
                | RvError::KeyHandleInvalid
                | RvError::KeyFunctionNotPermitted
                | RvError::MechanismInvalid
                | RvError::MechanismParamInvalid,
            _
        ) | Failure::NullFunctionPointer
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    // SPEC: TOKN-3
    #[test]
    fn a_pin_is_not_tried_on_a_locked_token_and_on_the_last_try_only_when_told_to() {
        for allowed in [false, true] {
            assert!(PinTries::All.admit(allowed).is_ok());
            assert!(PinTries::Fewer.admit(allowed).is_ok());
            assert!(PinTries::None.admit(allowed).unwrap_err().contains("is locked"));
        }
        assert!(PinTries::Last.admit(false).unwrap_err().contains("the PIN was not tried"));
        assert!(PinTries::Last.admit(true).is_ok());
        assert!(PinTries::Last.warning().contains("one try is left"));
        assert!(PinTries::None.warning().contains("locked now"));
    }

    #[test]
    fn a_pin_is_never_shown() {
        assert_eq!(format!("{:?}", Pin::new("847261".into()).unwrap()), "Pin(..)");
        assert!(Pin::new(String::new()).is_err());
    }

    // SPEC: TOKN-4
    #[test]
    fn what_is_no_module_is_an_error_that_names_it() {
        let error = Token::find("/nowhere/libnone.so", "any").unwrap_err().to_string();
        assert!(error.starts_with("/nowhere/libnone.so: cannot be used as a PKCS#11 module"), "{error}");
    }
}
