//! Numbers in the places that a pattern's letters name: `YYYY-MM-DD` ↔ `[year, month, day, …]`.

/// The letters of a pattern, each with how many digits its number has, in the order of the numbers.
const LETTERS: [(u8, u16); 6] = [(b'Y', 4), (b'M', 2), (b'D', 2), (b'h', 2), (b'm', 2), (b's', 2)];

fn field(letter: u8) -> Option<usize> {
    LETTERS.iter().position(|(l, _)| *l == letter)
}

/// The numbers that `value` has in the pattern's places; 0 for a letter that is not in the pattern.
///
/// `None` when the lengths differ, a digit is missing, or something else than the pattern's stands between.
pub(super) fn read(pattern: &str, value: &str) -> Option<[u16; LETTERS.len()]> {
    let mut numbers = [0; LETTERS.len()];
    for (p, v) in pattern.bytes().zip(value.bytes()) {
        match field(p) {
            Some(i) if v.is_ascii_digit() => numbers[i] = numbers[i] * 10 + u16::from(v - b'0'),
            None if p == v => {}
            _ => return None,
        }
    }
    (pattern.len() == value.len()).then_some(numbers)
}

/// Appends the pattern with the numbers in its places.
pub(super) fn write(pattern: &str, numbers: [u16; LETTERS.len()], out: &mut Vec<u8>) {
    let mut written = [0; LETTERS.len()];
    for p in pattern.bytes() {
        out.push(match field(p) {
            Some(i) => {
                written[i] += 1;
                let behind = u32::from(LETTERS[i].1.saturating_sub(written[i]));
                b'0' + (numbers[i] / 10u16.pow(behind) % 10) as u8
            }
            None => p,
        });
    }
}
