//! In place of `vectors.rs` on processors for which there are no kernels: nothing is ever to be done here.

use std::convert::Infallible;

use super::alphabet::AsciiAlphabet;
use super::bulk::{Bases, BulkError};
use super::digits::Digits;
use super::domain::Domain;

/// There are none.
#[derive(Clone)]
pub struct Keys<const N: usize>(Infallible);

impl<const N: usize> Keys<N> {
    pub(super) fn expand(_key: &[u8]) -> Option<Self> {
        None
    }
}

/// Round keys, whatever their number.
pub trait VectorKeys {}

impl<const N: usize> VectorKeys for Keys<N> {}

/// There is none.
pub struct Short(Infallible);

impl Short {
    pub(super) fn new(_domain: Domain) -> Option<Self> {
        None
    }

    pub(super) fn text<K: VectorKeys, B: Bases, const ENCRYPT: bool>(
        &self,
        _keys: &K,
        _constants: &[u128; 10],
        _bases: B,
        _alphabet: &AsciiAlphabet,
        _input: &[u8],
        _out: &mut [u8],
    ) -> Option<Result<(), BulkError>> {
        match self.0 {}
    }

    pub(super) fn columns<K: VectorKeys, B: Bases, const ENCRYPT: bool>(
        &self,
        _keys: &K,
        _constants: &[u128; 10],
        _bases: B,
        _digits: &Digits,
        _numerals: &mut [u16],
    ) -> bool {
        match self.0 {}
    }
}

/// There is none.
pub struct Long(Infallible);

impl Long {
    pub(super) fn new(_domain: Domain) -> Option<Self> {
        None
    }

    pub(super) fn text<K: VectorKeys, B: Bases, const ENCRYPT: bool>(
        &self,
        _keys: &K,
        _constants: &[u128; 10],
        _bases: B,
        _alphabet: &AsciiAlphabet,
        _input: &[u8],
        _out: &mut [u8],
    ) -> Option<Result<(), BulkError>> {
        match self.0 {}
    }
}
