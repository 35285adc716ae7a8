//! Short values to where they are needed, and whether they are ASCII: up to 64 bytes in one move, whose length tells no branch.

#[cfg(target_arch = "x86_64")]
use super::arch::{self, text};

/// What the processor has for it, asked once for many values.
#[derive(Clone, Copy)]
pub(crate) struct Ascii {
    #[cfg(target_arch = "x86_64")]
    vectors: Option<arch::Avx512>,
}

impl Ascii {
    pub(crate) fn detect() -> Self {
        Self {
            #[cfg(target_arch = "x86_64")]
            vectors: arch::Avx512::detect(),
        }
    }

    /// Writes the value to the beginning of `out`, which has as many bytes at least; whether it is ASCII. What lies behind, up to the
    /// 64th byte of `out`, may change.
    #[inline]
    pub(crate) fn copy(self, value: &[u8], out: &mut [u8]) -> bool {
        #[cfg(target_arch = "x86_64")]
        if let Some(is_ascii) = self.by_vector::<false>(value, out) {
            return is_ascii;
        }
        out[..value.len()].copy_from_slice(value);
        value.is_ascii()
    }

    /// As [`copy`](Self::copy), in lower case. Of a value that is not ASCII, what is written is nonsense.
    #[inline]
    pub(crate) fn copy_in_lower_case(self, value: &[u8], out: &mut [u8]) -> bool {
        #[cfg(target_arch = "x86_64")]
        if let Some(is_ascii) = self.by_vector::<true>(value, out) {
            return is_ascii;
        }
        write_lower_case(value, out)
    }

    /// For kernels that copy and look at once.
    #[cfg(target_arch = "x86_64")]
    #[inline]
    pub(super) fn vectors(self) -> Option<arch::Avx512> {
        self.vectors
    }

    #[cfg(target_arch = "x86_64")]
    #[inline]
    fn by_vector<const LOWER: bool>(self, value: &[u8], out: &mut [u8]) -> Option<bool> {
        if value.len() > text::VECTOR {
            return None;
        }
        Some(text::copy::<LOWER>(self.vectors?, value, out.first_chunk_mut()?))
    }
}

/// Eight characters at a time.
#[inline]
fn write_lower_case(value: &[u8], out: &mut [u8]) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOP: u64 = 0x80 * ONES;
    let out = &mut out[..value.len()];
    let mut seen = 0;
    let mut lower = |from: &[u8; 8], to: &mut [u8; 8]| {
        let word = u64::from_ne_bytes(*from);
        seen |= word;
        // Each byte below 0x80 has its top bit set in the one from A on, and in the other from behind Z on.
        let from_a = (word & !TOP) + u64::from(0x80 - b'A') * ONES;
        let behind_z = (word & !TOP) + u64::from(0x80 - b'Z' - 1) * ONES;
        *to = (word | (from_a & !behind_z & TOP) >> 2).to_ne_bytes();
    };
    if let (Some(last), Some(to)) = (value.last_chunk(), out.last_chunk_mut()) {
        lower(last, to);
        // The last eight may overlap those before.
        value.as_chunks().0.iter().zip(out.as_chunks_mut().0).for_each(|(from, to)| lower(from, to));
    } else {
        let mut word = [0; 8];
        word[..value.len()].copy_from_slice(value);
        let mut lowered = [0; 8];
        lower(&word, &mut lowered);
        out.copy_from_slice(&lowered[..value.len()]);
    }
    seen & TOP == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_either_code_a_copy_is_the_value_whatever_byte_is_where() {
        let portable = Ascii {
            #[cfg(target_arch = "x86_64")]
            vectors: None,
        };
        #[cfg(target_arch = "x86_64")]
        let ways = [portable, Ascii { vectors: arch::Avx512::detect_always() }];
        #[cfg(not(target_arch = "x86_64"))]
        let ways = [portable];
        for ascii in ways {
            for len in 0..=130usize {
                // Slices of just their length, so that an interpreter sees each access beyond them.
                let mut value: Box<[u8]> = (0..len).map(|i| (i * 7 + len) as u8 & 0x7F).collect();
                for room in [len, len.max(64), len + 70] {
                    let mut out: Box<[u8]> = vec![0xEE; room].into();
                    assert!(ascii.copy(&value, &mut out) && out[..len] == *value);
                    assert!(out[len..].iter().skip(64usize.saturating_sub(len)).all(|byte| *byte == 0xEE));
                    assert!(ascii.copy_in_lower_case(&value, &mut out));
                    assert_eq!(out[..len], value.to_ascii_lowercase());
                    assert!(out[len..].iter().skip(64usize.saturating_sub(len)).all(|byte| *byte == 0xEE));
                }
                let mut out = vec![0; len + 64];
                for place in [0, len / 2, len.saturating_sub(1)].into_iter().filter(|place| *place < len) {
                    for byte in 0..=255u8 {
                        let before = std::mem::replace(&mut value[place], byte);
                        assert_eq!(ascii.copy(&value, &mut out), byte < 0x80);
                        assert_eq!(out[..len], *value);
                        assert_eq!(ascii.copy_in_lower_case(&value, &mut out), byte < 0x80);
                        assert!(byte >= 0x80 || out[..len] == value.to_ascii_lowercase());
                        value[place] = before;
                    }
                }
            }
        }
    }
}
