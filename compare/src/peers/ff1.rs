//! FF1 by `fpe` and `cosmian_fpe`: one value a call, numerals in vectors. Characters become numerals through a table.

use crate::ours::{KEY, TWEAK};

/// One of the two crates, which have the same names for everything.
macro_rules! peer {
    ($type:ident, $library:ident, $cipher:ty) => {
        pub struct $type {
            ff1: $library::ff1::FF1<$cipher>,
            characters: &'static [u8],
            numerals: [u16; 256],
            length: usize,
        }

        impl $type {
            pub fn new(characters: &'static [u8], length: usize) -> Self {
                let mut numerals = [u16::MAX; 256];
                for (numeral, &character) in (0..).zip(characters) {
                    numerals[usize::from(character)] = numeral;
                }
                let ff1 = $library::ff1::FF1::new(&KEY, characters.len() as u32).expect("a radix");
                Self { ff1, characters, numerals, length }
            }

            /// Values one behind the other, in and out.
            pub fn run<const ENCRYPT: bool>(&self, input: &[u8], out: &mut [u8]) {
                for (value, to) in input.chunks_exact(self.length).zip(out.chunks_exact_mut(self.length)) {
                    let numerals: Vec<u16> = value.iter().map(|&c| self.numerals[usize::from(c)]).collect();
                    let numerals = $library::ff1::FlexibleNumeralString::from(numerals);
                    let result = match ENCRYPT {
                        true => self.ff1.encrypt(TWEAK, &numerals),
                        false => self.ff1.decrypt(TWEAK, &numerals),
                    };
                    let numerals = Vec::<u16>::from(result.expect("a value of the radix"));
                    for (to, numeral) in to.iter_mut().zip(numerals) {
                        *to = self.characters[usize::from(numeral)];
                    }
                }
            }
        }
    };
}

peer!(Fpe, fpe, aes::Aes256Enc);
peer!(CosmianFpe, cosmian_fpe, aes_0_8::Aes256Enc);

/// The ten blocks of AES-256 that a value of up to 32 characters costs at least, and nothing else: the `aes` crate on blocks that
/// lie in the nearest cache.
pub struct AesOnly {
    cipher: aes::Aes256Enc,
    blocks: Vec<aes::Block>,
}

impl AesOnly {
    /// The values of one call.
    pub const VALUES: usize = 64;

    pub fn new() -> Self {
        use aes::cipher::KeyInit;
        let cipher = aes::Aes256Enc::new(&KEY.into());
        Self { cipher, blocks: vec![aes::Block::default(); 10 * Self::VALUES] }
    }

    pub fn run(&mut self) {
        use aes::cipher::BlockCipherEncrypt;
        self.cipher.encrypt_blocks(&mut self.blocks);
    }
}
