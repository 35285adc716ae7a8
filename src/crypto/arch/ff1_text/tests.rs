//! Every division, every radix, every length, every lane.

use super::*;

/// SplitMix64: the same numbers in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ x >> 31
    }

    /// Mostly any numeral, often the least or the greatest.
    fn numerals(&mut self, radix: u32, count: usize) -> Vec<u8> {
        let style = self.next() % 8;
        let any = (0..count).map(|_| match style {
            0 => 0,
            1 => (radix - 1) as u8,
            2 => ((radix - 1) * (self.next() % 2) as u32) as u8,
            _ => (self.next() % u64::from(radix)) as u8,
        });
        any.collect()
    }
}

/// ⌊x/r⌋ as the vectors compute it.
fn word_quotient(layout: &Layout, x: u64) -> u64 {
    let Divisor { c, shift, bias } = layout.by_radix;
    match layout.radix > SMALL {
        true => ((x + u64::from(bias)) * c) >> 16 >> shift,
        false => (x * c + (1 << 14)) >> 15 >> shift,
    }
}

/// ⌊x/M⌋ as the vectors compute it. It does not decrease as x grows, so it is right for all x when it is right on both
/// sides of each multiple of M.
fn quotient(divisor: Divisor, bits: u32, x: u64) -> u64 {
    ((u128::from(x) * u128::from(divisor.c)) >> bits >> divisor.shift) as u64
}

// Exhaustive but for the first row of the table, which has too many multiples for the greater radices.
#[test]
fn every_division_is_exact_for_every_radix() {
    let mut random = Random(1);
    for radix in 2..=256u64 {
        let mut layouts = (2..=16).filter_map(|n| Layout::new(radix as u32, n)).peekable();
        let layout = layouts.peek().unwrap().clone();
        let (square, fourth) = (radix * radix, radix.pow(4));
        assert!((0..100).all(|x| (x * 6554) >> 16 == x / 10), "decimal digits");
        assert!(layout.by_radix.c < if radix > SMALL { 1 << 16 } else { 1 << 15 });
        assert!(layout.by_square.c < 1 << 52 && layout.by_fourth.c < 1 << 52);
        for k in 0..radix {
            for x in [k * radix, (k + 1) * radix - 1] {
                assert_eq!(word_quotient(&layout, x), k, "{x}/{radix}");
                assert!(x + u64::from(layout.by_radix.bias) < 1 << 16);
            }
        }
        for k in 0..square {
            for x in [k * square, (k + 1) * square - 1] {
                assert_eq!(quotient(layout.by_square, 52, x), k, "{x}/{square}");
            }
        }
        for layout in layouts {
            let most = radix.pow(layout.length.div_ceil(2) as u32) - 1;
            let last = most / fourth;
            let near = (0..300.min(last + 1)).chain(last.saturating_sub(300)..=last);
            for k in near.chain((0..300).map(|_| random.next() % (last + 1))) {
                for x in [k * fourth, ((k + 1) * fourth - 1).min(most)] {
                    assert_eq!(quotient(layout.by_fourth, 52, x), k, "{x}/{fourth}");
                }
            }
        }
    }
}

fn number(numerals: &[u8], radix: u32) -> u64 {
    numerals.iter().fold(0, |x, &numeral| x * u64::from(radix) + u64::from(numeral))
}

/// Symbols for the radix, in no order: ASCII where there are enough, or not.
fn alphabet(radix: u32, ascii: bool) -> Vec<u8> {
    let all = if ascii { 128 } else { 256 };
    (0..radix).map(|i| ((i * 37 + 11) % all) as u8).collect()
}

#[test]
fn every_radix_and_length_is_read_and_written_in_every_lane() {
    let Some(proof) = Avx512::detect_always() else { return };
    let mut random = Random(2);
    let mut checked = 0;
    for radix in 2..=256 {
        for n in 2..=16usize {
            let Some(layout) = Layout::new(radix, n) else { continue };
            checked += 1;
            let count = 1 + (random.next() % 24) as usize;
            let values: Vec<u8> = (0..count).flat_map(|_| random.numerals(radix, n)).collect();
            let vectors = count.div_ceil(LANES);
            let mut halves = (vec![[0; LANES]; vectors], vec![[0; LANES]; vectors]);
            for (j, value) in values.chunks(n).enumerate() {
                let (left, right) = value.split_at(n / 2);
                halves.0[j / LANES][j % LANES] = number(left, radix);
                halves.1[j / LANES][j % LANES] = number(right, radix);
            }
            let fresh = || (vec![[7; LANES]; vectors], vec![[7; LANES]; vectors]);
            // What stands behind the values must not change.
            let canary = 80;
            let numerals: Vec<u16> = values.iter().map(|&x| x.into()).collect();
            let mut read = fresh();
            read_numerals(proof, &layout, &numerals, &mut read.0, &mut read.1);
            assert_eq!(read, halves, "{radix}^{n}");
            let mut out = vec![0xABCD; numerals.len() + canary];
            write_numerals(proof, &layout, &halves.0, &halves.1, &mut out[..numerals.len()]);
            assert_eq!(out[..numerals.len()], numerals, "{radix}^{n}");
            assert!(out[numerals.len()..].iter().all(|&x| x == 0xABCD));
            let digits: Vec<u8> = (0..radix.min(10) as u8).map(|i| b'0' + i).collect();
            let mut alphabets = vec![alphabet(radix, false)];
            if radix <= 128 {
                alphabets.push(alphabet(radix, true));
            }
            let mut spellings: Vec<(Vec<u8>, Symbols)> =
                alphabets.into_iter().map(|alphabet| (alphabet.clone(), Symbols::new(&alphabet))).collect();
            if radix == 10 {
                spellings.push((digits, Symbols { ..*Symbols::DIGITS }));
            }
            for (alphabet, symbols) in spellings {
                let text: Vec<u8> = values.iter().map(|&x| alphabet[usize::from(x)]).collect();
                let mut read = fresh();
                assert!(read_text(proof, &layout, &symbols, &text, &mut read.0, &mut read.1));
                assert_eq!(read, halves, "{radix}^{n}");
                let mut out = vec![0xEE; text.len() + canary];
                write_text(proof, &layout, &symbols, &halves.0, &halves.1, &mut out[..text.len()]);
                assert_eq!(out[..text.len()], text, "{radix}^{n}");
                assert!(out[text.len()..].iter().all(|&x| x == 0xEE));
            }
        }
    }
    assert!(checked > 2500, "{checked}");
}

#[test]
fn halves_at_the_edges_of_each_step_are_written() {
    let Some(proof) = Avx512::detect_always() else { return };
    let mut random = Random(3);
    for radix in 2..=256u64 {
        for n in 2..=16usize {
            let Some(layout) = Layout::new(radix as u32, n) else { continue };
            let mut edges = vec![];
            for m in [n / 2, n - n / 2] {
                let most = radix.pow(m as u32) - 1;
                for step in [radix, radix * radix, radix.pow(4)] {
                    for k in [1, most / step, random.next() % (most / step + 1)] {
                        edges.extend([(k * step).saturating_sub(1).min(most), (k * step).min(most)]);
                    }
                }
                edges.extend([0, most]);
                edges.resize(edges.len().next_multiple_of(LANES), 0);
            }
            let halves = edges.as_chunks::<LANES>().0;
            let (left, right) = halves.split_at(halves.len() / 2);
            let mut numerals = vec![0; 8 * left.len() * n];
            write_numerals(proof, &layout, left, right, &mut numerals);
            let number = |numerals: &[u16]| numerals.iter().fold(0, |x, &d| x * radix + u64::from(d));
            for (j, value) in numerals.chunks(n).enumerate() {
                let (u, v) = value.split_at(n / 2);
                assert_eq!(number(u), left[j / LANES][j % LANES], "{radix}^{n}");
                assert_eq!(number(v), right[j / LANES][j % LANES], "{radix}^{n}");
                assert!(value.iter().all(|&x| u64::from(x) < radix));
            }
        }
    }
}

#[test]
fn any_foreign_symbol_in_any_place_is_told() {
    let Some(proof) = Avx512::detect_always() else { return };
    let digits: Vec<u8> = (b'0'..=b'9').collect();
    let all = |radix, ascii| (alphabet(radix, ascii), Symbols::new(&alphabet(radix, ascii)));
    for (alphabet, symbols) in [
        (digits, Symbols { ..*Symbols::DIGITS }),
        all(26, true),
        all(94, true),
        all(128, true),
        all(60, false),
        all(255, false),
        all(256, false),
    ] {
        for n in [2usize, 5, 9, 12, 16] {
            let Some(layout) = Layout::new(alphabet.len() as u32, n) else { continue };
            for count in [1usize, 4, 7, 8, 9] {
                let vectors = count.div_ceil(8);
                let (mut left, mut right) = (vec![[0; LANES]; vectors], vec![[0; LANES]; vectors]);
                let mut text: Vec<u8> = (0..n * count).map(|i| alphabet[i % alphabet.len()]).collect();
                for place in 0..text.len() {
                    let good = text[place];
                    // All bytes at one place of each vector of text, some at the others.
                    for byte in (0..=255).step_by(if place % 29 == 0 { 1 } else { 51 }).chain([
                        b'/',
                        b':',
                        0x80 | good,
                    ]) {
                        text[place] = byte;
                        let told = !read_text(proof, &layout, &symbols, &text, &mut left, &mut right);
                        assert_eq!(told, !alphabet.contains(&byte), "{byte} at {place} of {n}·{count}");
                    }
                    text[place] = good;
                }
            }
        }
    }
}
