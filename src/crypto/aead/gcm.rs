//! Where no processor instructions for many fields are known: there is no such key, and the portable code does it all.
#![allow(dead_code, reason = "what cannot be is never looked into")]

/// As in `crypto::arch::gcm`; there is none.
pub(crate) enum Gcm {}

/// As in `crypto::arch::gcm`; there is none.
pub(crate) enum Xaes {}

impl Xaes {
    pub(crate) fn detect(_key: &[u8; 32]) -> Option<Box<Self>> {
        None
    }

    pub(crate) fn sub_key(&self, _prefix: &[u8; 12]) -> Box<Gcm> {
        match *self {}
    }
}

/// As in `crypto::arch::gcm`.
pub(crate) struct Start;

/// As in `crypto::arch::gcm`.
pub(crate) enum Frame {
    Bare,
}

impl Frame {
    pub(crate) fn around(_front: &[u8], _after: &[u8]) -> Option<Self> {
        None
    }

    pub(crate) fn fits(&self, _part: usize, _text: usize) -> bool {
        false
    }
}

/// As in `crypto::arch::gcm`.
pub(crate) struct Sealing<'f> {
    pub(crate) nonce: u128,
    pub(crate) part: &'f [u8],
    pub(crate) plaintext: &'f [u8],
    pub(crate) out: &'f mut [u8],
}

/// As in `crypto::arch::gcm`.
pub(crate) struct Opening<'f> {
    pub(crate) nonce: u128,
    pub(crate) part: &'f [u8],
    pub(crate) sealed: &'f [u8],
    pub(crate) out: &'f mut [u8],
    pub(crate) is_genuine: &'f mut bool,
}

/// As in `crypto::arch::gcm`.
pub(crate) struct Fields<'c> {
    pub(crate) nonces: &'c [[u8; 12]],
    pub(crate) texts: &'c mut [u8],
    pub(crate) tags: &'c mut [[u8; 16]],
}

impl Gcm {
    pub(crate) fn has_column(_width: usize) -> bool {
        false
    }

    pub(crate) fn seal_column(&self, _aad: &Start, _width: usize, _fields: Fields<'_>) {
        match *self {}
    }

    pub(crate) fn open_column(
        &self,
        _aad: &Start,
        _width: usize,
        _fields: Fields<'_>,
        _failed: &mut impl FnMut(usize),
    ) {
        match *self {}
    }

    pub(crate) fn detect(_key: &[u8; 32]) -> Option<Box<Self>> {
        None
    }

    pub(crate) fn seal_one(&self, _field: Sealing<'_>) {
        match *self {}
    }

    pub(crate) fn open_one(&self, _field: Opening<'_>) {
        match *self {}
    }

    pub(crate) fn start(&self, _aad: &[u8]) -> Start {
        match *self {}
    }

    pub(crate) fn seal<'f>(
        &self,
        _start: &Start,
        _frame: &Frame,
        _fields: impl Iterator<Item = Sealing<'f>>,
    ) {
        match *self {}
    }

    pub(crate) fn open<'f>(
        &self,
        _start: &Start,
        _frame: &Frame,
        _fields: impl Iterator<Item = Opening<'f>>,
    ) {
        match *self {}
    }
}
