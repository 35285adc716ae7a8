//! Every radix, every length, every lane.

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

fn number(numerals: &[u8], radix: u32) -> u128 {
    numerals.iter().fold(0, |x, &numeral| x * u128::from(radix) + u128::from(numeral))
}

fn half_of<const L: usize>(vectors: &[Vector<L>], value: usize) -> u128 {
    let vector = &vectors[value / LANES];
    (0..L).map(|l| u128::from(vector[l][value % LANES]) << (52 * l)).sum()
}

/// Symbols for the radix, in no order: ASCII or not; or the digits.
fn alphabets(radix: u32) -> Vec<Vec<u8>> {
    let scattered = |all: u32| (0..radix).map(|i| ((i * 37 + 11) % all) as u8).collect();
    let mut alphabets = vec![scattered(128), scattered(256)];
    if radix == 10 {
        alphabets.push(b"0123456789".into());
    }
    alphabets
}

fn symbols_of(alphabet: &[u8]) -> Symbols {
    Symbols::new(alphabet)
}

fn check<const L: usize>(proof: Avx512, random: &mut Random, layout: &Layout, radix: u32, count: usize) {
    let n = layout.length();
    let (u, vectors) = (n / 2, count.div_ceil(LANES));
    let values: Vec<u8> = (0..count).flat_map(|_| random.numerals(radix, n)).collect();
    for alphabet in alphabets(radix) {
        let own = symbols_of(&alphabet);
        let symbols = if alphabet == b"0123456789" { Symbols::DIGITS } else { &own };
        let text: Vec<u8> = values.iter().map(|&x| alphabet[usize::from(x)]).collect();
        let (mut left, mut right) = (vec![[[7; LANES]; L]; vectors], vec![[[7; LANES]; L]; vectors]);
        assert!(read(proof, layout, symbols, &text, &mut left, &mut right));
        for (j, value) in values.chunks(n).enumerate() {
            assert_eq!(half_of(&left, j), number(&value[..u], radix), "left {j} of {count}, {radix}^{n}");
            assert_eq!(half_of(&right, j), number(&value[u..], radix), "right {j} of {count}, {radix}^{n}");
        }
        for j in count..vectors * LANES {
            assert_eq!((half_of(&left, j), half_of(&right, j)), (0, 0));
        }
        let mut out = vec![b'?'; text.len()];
        write(proof, layout, symbols, &left, &right, &mut out);
        assert_eq!(out, text, "{count}, {radix}^{n}");
    }
}

#[test]
fn every_radix_and_length_in_groups_of_every_size() {
    let Some(proof) = Avx512::detect_always() else { return };
    let mut random = Random(1);
    let mut layouts = [0; 2];
    for radix in 2..=257 {
        for n in 0..=40 {
            let (one, two) = (Layout::new(radix, n, 1), Layout::new(radix, n, 2));
            assert!(one.is_none() || two.is_none());
            let counts = match (radix, n) {
                (10 | 36 | 62, _) => 0..=19,
                _ => 17..=17,
            };
            if let Some(layout) = &one {
                layouts[0] += 1;
                counts.clone().for_each(|count| check::<1>(proof, &mut random, layout, radix, count));
            }
            if let Some(layout) = &two {
                layouts[1] += 1;
                counts.clone().for_each(|count| check::<2>(proof, &mut random, layout, radix, count));
            }
            if one.is_some() || two.is_some() {
                assert!((3..=76).contains(&radix) && !radix.is_power_of_two() && (2..=32).contains(&n));
            }
        }
    }
    assert!(layouts[0] > 1000 && layouts[1] > 300, "{layouts:?}");
}

// It does not decrease as x grows, so it is right for all x when it is right on both sides of each multiple of r⁸: the
// first ones, the last ones, and others.
#[test]
fn halves_are_cut_on_both_sides_of_multiples() {
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma,avx512vbmi,avx512bw")]
    fn cut<const L: usize>(layout: &Layout, halves: &[u128; LANES]) -> [[u64; LANES]; 2] {
        let half: Vector<L> = std::array::from_fn(|l| {
            halves.map(|x| if L == 1 { x } else { x >> (52 * l) & ((1 << 52) - 1) } as u64)
        });
        let (q, r) = Step::new(layout).words(&half);
        let mut words = [[0; LANES]; 2];
        store(&mut words[0], q);
        store(&mut words[1], r);
        words
    }
    let Some(_proof) = Avx512::detect_always() else { return };
    let mut random = Random(2);
    for (radix, n, l) in (3..=76).flat_map(|r| (2..=32).flat_map(move |n| [(r, n, 1), (r, n, 2)])) {
        let Some(layout) = Layout::new(radix, n, l) else { continue };
        assert!(layout.reciprocal < 1 << 52 && layout.eighth < 1 << 50);
        let (eighth, v) = (u128::from(layout.eighth), n.div_ceil(2) as u32);
        let greatest = u128::from(radix).pow(v) - 1;
        let last = greatest / eighth;
        let ks = (0..20).chain((0..20).map(|i| last.saturating_sub(i)));
        let ks = ks.chain((0..40).map(|_| u128::from(random.next()) % (last + 1)));
        let mut xs: Vec<u128> = ks
            .filter(|&k| k <= last)
            .flat_map(|k| [k * eighth, (k * eighth + eighth - 1).min(greatest), k * eighth + 1])
            .filter(|&x| x <= greatest)
            .collect();
        xs.resize(xs.len().next_multiple_of(LANES), greatest);
        for xs in xs.as_chunks::<LANES>().0 {
            // SAFETY: there is a proof.
            let [q, r] = match l {
                1 => unsafe { cut::<1>(&layout, xs) },
                _ => unsafe { cut::<2>(&layout, xs) },
            };
            for (j, &x) in xs.iter().enumerate() {
                assert_eq!(
                    (u128::from(q[j]), u128::from(r[j])),
                    (x / eighth, x % eighth),
                    "{x}, {radix}^{n}"
                );
            }
        }
    }
}

#[test]
fn every_foreign_byte_is_refused_in_every_place() {
    let Some(proof) = Avx512::detect_always() else { return };
    for (radix, n, l) in [(10, 19, 1), (10, 32, 1), (36, 32, 2), (62, 17, 1), (36, 31, 2)] {
        let layout = Layout::new(radix, n, l).unwrap();
        for alphabet in alphabets(radix) {
            let own = symbols_of(&alphabet);
            let symbols = if alphabet == b"0123456789" { Symbols::DIGITS } else { &own };
            let text: Vec<u8> = (0..9 * n).map(|i| alphabet[i % alphabet.len()]).collect();
            for byte in 0..=255 {
                for place in 0..text.len() {
                    let mut text = text.clone();
                    text[place] = byte;
                    let good = match l {
                        1 => {
                            read::<1>(proof, &layout, symbols, &text, &mut [[[0; 8]]; 2], &mut [[[0; 8]]; 2])
                        }
                        _ => read::<2>(
                            proof,
                            &layout,
                            symbols,
                            &text,
                            &mut [[[0; 8]; 2]; 2],
                            &mut [[[0; 8]; 2]; 2],
                        ),
                    };
                    assert_eq!(good, alphabet.contains(&byte), "{byte} at {place} of {n}");
                }
            }
        }
    }
}
