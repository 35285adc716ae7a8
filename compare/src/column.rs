//! Columns of made-up values, one behind the other, and windows that move over them.

/// Numbers that look random, the same in each run.
pub struct Numbers(pub u64);

impl Iterator for Numbers {
    type Item = usize;

    /// Splitmix64.
    fn next(&mut self) -> Option<usize> {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        Some(((z ^ (z >> 31)) >> 8) as usize)
    }
}

/// That many characters of an alphabet.
pub fn characters(alphabet: &[u8], count: usize, seed: u64) -> Vec<u8> {
    Numbers(seed).take(count).map(|number| alphabet[number % alphabet.len()]).collect()
}

/// Values of the shortest to the longest length, of letters and digits.
pub fn texts(count: usize, shortest: usize, longest: usize, seed: u64) -> Vec<String> {
    let alphabet = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let mut numbers = Numbers(seed);
    (0..count)
        .map(|_| {
            let length = shortest + numbers.next().expect("no end") % (longest - shortest + 1);
            (&mut numbers).take(length).map(|number| char::from(alphabet[number % alphabet.len()])).collect()
        })
        .collect()
}

/// `0..step`, `step..2·step`, …: windows over a column, so that no call gets the values of the one before.
pub struct Windows {
    at: usize,
    step: usize,
    count: usize,
}

impl Windows {
    /// Windows of `step` over `count`. Those that would reach over the end are left out.
    pub fn new(step: usize, count: usize) -> Self {
        assert!(step <= count);
        Self { at: 0, step, count }
    }

    pub fn advance(&mut self) -> std::ops::Range<usize> {
        if self.at + self.step > self.count {
            self.at = 0;
        }
        let window = self.at..self.at + self.step;
        self.at = window.end;
        window
    }
}
